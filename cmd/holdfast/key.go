package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"holdfast/handlers"
)

type keyCmd struct {
	Name  string `arg:"" help:"Who will have the key; it stands in logs and timelines."`
	Role  string `default:"agent" enum:"agent,supervisor,admin" help:"What the key may do: ${enum}. An agent sees and acts on his own calls alone."`
	Agent string `placeholder:"WK…" help:"The agent that the key acts for; required for the role agent."`
}

// Run makes a key, shows it once, and shows what the configuration file needs to know of it.
func (c keyCmd) Run() error {
	secret, sum := handlers.GenerateKey()
	key := handlers.Key{Name: c.Name, Role: c.Role, Agent: c.Agent, SHA256: sum}
	if _, err := handlers.NewKeyring([]handlers.Key{key}); err != nil {
		return err
	}
	text, err := yaml.Marshal(map[string][]handlers.Key{"api_keys": {key}})
	if err != nil {
		return err
	}
	fmt.Printf("The key, which is shown only now:\n\n  %s\n\nFor the configuration file:\n\n%s", secret, text)
	return nil
}
