package bot

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatThePageShowsCanBeUsed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/bot-brains.md")
	require.NoError(t, err)
	blocks := map[string][]string{}
	for _, found := range regexp.MustCompile("(?s)```(yaml|json)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		blocks[found[1]] = append(blocks[found[1]], found[2])
	}
	require.Len(t, blocks["yaml"], 1)
	require.Len(t, blocks["json"], 2)
	s := Settings{Languages: []string{"en-US", "es-ES"}, Lookups: make([]Lookup, 1)}
	s.Brain.Script = blocks["yaml"][0]
	require.NoError(t, json.Unmarshal([]byte(blocks["json"][0]), &s.Fallback))
	require.NoError(t, json.Unmarshal([]byte(blocks["json"][1]), &s.Lookups[0]))
	require.Empty(t, s.Check())
}
