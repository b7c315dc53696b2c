package bot

import (
	"encoding/json"
	"testing"
	"time"
)

// BenchmarkScriptedTurn is our share of a turn but for the store: the dialogue read, a rule or an intent found, the answer made, the dialogue written.
func BenchmarkScriptedTurn(b *testing.B) {
	s := Settings{Brain: BrainSettings{Script: shop}, Languages: []string{"en-US", "es-ES"}, Handoff: Handoff{Sentiment: true, FailedTurns: 3}}
	brain, err := New(s.Brain, Options{})
	if err != nil {
		b.Fatal(err)
	}
	d, _ := Open(s, brain, noon)
	for _, line := range []string{"book a table", "Ann", "four", "I'd like red", "cancel my order please", "no thanks"} {
		d.Step(b.Context(), brain, s, Input{Speech: line, At: noon})
	}
	kept, err := json.Marshal(d)
	if err != nil {
		b.Fatal(err)
	}
	for name, in := range map[string]Input{
		"intent":         {Speech: "well I would like to book a table for tonight if you please", At: noon.Add(time.Minute)},
		"not understood": {Speech: "the quick brown fox jumps over the lazy dog and is gone for good", At: noon.Add(time.Minute)},
		"wish":           {Speech: "give me an agent", At: noon.Add(time.Minute)},
		"silence":        {At: noon.Add(time.Minute)},
		"key":            {Digits: "1", At: noon.Add(time.Minute)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var d Dialogue
				if err := json.Unmarshal(kept, &d); err != nil {
					b.Fatal(err)
				}
				if a := d.Step(b.Context(), brain, s, in); a.Next == "" {
					b.Fatal("no answer")
				}
				if _, err := json.Marshal(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReception reads the default script, as a bot's start does for its own.
func BenchmarkReception(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseScript(reception); err != nil {
			b.Fatal(err)
		}
	}
}
