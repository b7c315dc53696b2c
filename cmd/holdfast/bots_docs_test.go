package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"holdfast/bot"
)

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	yamlBlock  = regexp.MustCompile("(?s)<<'YAML'\n(.*?)\nYAML\n")
	command    = regexp.MustCompile(`bin/holdfast ([^|\n]*)`)
	quoted     = regexp.MustCompile(`"[^"]*"|\S+`)
)

func TestWhatThePageOnBotsHasOneTypeIsUnderstood(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/bots.md")
	require.NoError(t, err)
	typed := 0
	for _, block := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		text := block[1]
		if m := yamlBlock.FindStringSubmatch(text); m != nil {
			path := filepath.Join(t.TempDir(), "garage.yaml")
			require.NoError(t, os.WriteFile(path, []byte(m[1]), 0o600)) //nolint:gosec // our own page, into a folder of the test's
			file, err := readBotFile(path)
			require.NoError(t, err)
			require.Equal(t, "Reception", file.Name)
			raw, err := json.Marshal(file.Settings)
			require.NoError(t, err)
			var settings bot.Settings
			require.NoError(t, json.Unmarshal(raw, &settings))
			require.Empty(t, settings.Check())
			text = strings.Replace(text, m[0], "", 1)
		}
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			typed++
			var args []string
			for _, word := range quoted.FindAllString(m[1], -1) {
				args = append(args, strings.Trim(word, `"`))
			}
			for i, word := range args {
				if word == "holdfast.yaml" { // which must exist
					args[i] = "main.go"
				}
			}
			var cli commands
			parser, err := kong.New(&cli, kong.Exit(func(int) { require.Fail(t, "it ended", m[0]) }))
			require.NoError(t, err)
			_, err = parser.Parse(args)
			if len(args) > 0 && args[0] == "serve" {
				continue // it reads the file, which is not there
			}
			require.NoError(t, err, m[0])
		}
	}
	require.Greater(t, typed, 8)
}
