package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// botFile is a bot as a file says it: its name, its connections, its secrets, and beside them its settings, as docs/bots.md has them. JSON is YAML, too.
type botFile struct {
	Name        string              `yaml:"name"`
	Connections []botFileConnection `yaml:"connections"`
	Secrets     map[string]*string  `yaml:"secrets"`
	Settings    map[string]any      `yaml:",inline"`
}

// botFileConnection is a connection that is attached to the bot.
type botFileConnection struct {
	Connection string `yaml:"connection"`
	Inbound    *bool  `yaml:"inbound"` // default true
}

// readBotFile reads a file; "" is none, - is standard input.
func readBotFile(path string) (botFile, error) {
	var f botFile
	if path == "" {
		return f, nil
	}
	raw, err := readInput(path)
	if err != nil {
		return f, err
	}
	if err := yaml.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return f, nil
}

func readInput(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names the file
}

// botFlags are what can be said of a bot on the command line. They win over the file.
type botFlags struct {
	File         string   `short:"f" placeholder:"FILE" help:"YAML or JSON with name, connections, secrets and the bot's settings; - is standard input."`
	Greeting     *string  `help:"The first sentence."`
	Instructions *string  `help:"To a model: who it is and what it may do."`
	Script       string   `placeholder:"FILE" help:"The scripted brain's YAML; - is standard input."`
	MaxSessions  *int     `help:"How many conversations may be open at once, in and out; 0: any number."`
	Secret       []string `placeholder:"NAME=VALUE" sep:"none" help:"What settings name and must not show; NAME alone takes the value from the environment. May be repeated."`
}

// body is what the flags and the file say of a bot's settings and secrets; what neither says is left out.
func (f botFlags) body(file botFile) (map[string]any, error) {
	settings := file.Settings
	if settings == nil {
		settings = map[string]any{}
	}
	if f.Greeting != nil {
		settings["greeting"] = *f.Greeting
	}
	if f.Instructions != nil {
		settings["instructions"] = *f.Instructions
	}
	if f.MaxSessions != nil {
		settings["max_sessions"] = *f.MaxSessions
	}
	if f.Script != "" {
		script, err := readInput(f.Script)
		if err != nil {
			return nil, err
		}
		brain, _ := settings["brain"].(map[string]any)
		if brain == nil {
			brain = map[string]any{"kind": "scripted"}
		}
		brain["script"] = string(script)
		settings["brain"] = brain
	}
	secrets := file.Secrets
	for _, given := range f.Secret {
		name, value, ok := strings.Cut(given, "=")
		if !ok {
			if value, ok = os.LookupEnv(name); !ok {
				return nil, fmt.Errorf("--secret %s: the environment has no such variable", name)
			}
		}
		if secrets == nil {
			secrets = map[string]*string{}
		}
		secrets[name] = &value
	}
	body := map[string]any{}
	if len(settings) > 0 {
		body["settings"] = settings
	}
	if len(secrets) > 0 {
		body["secrets"] = secrets
	}
	return body, nil
}
