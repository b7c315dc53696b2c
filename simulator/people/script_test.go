package people

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// shop is the example of the package comment.
const shop = `
name: corner-shop
description: Two agents, one queue.
rate: 0.1
centre:
  workspace: Corner Shop
  availabilities:
    - {name: Offline}
    - {name: Available, available: true}
    - {name: Not answering}
  missed_availability: Not answering
  queues:
    - {name: Counter, target: "skills HAS 'counter'"}
  routing_workflows:
    - name: Inbound
      reservation_timeout: 60
      filters:
        - {name: counter, expression: "to == '+18005550100'", targets: [{queue: Counter, priority: 5}]}
      default_queue: Counter
  numbers:
    - {name: Counter line, number: "+18005550100", routing: Inbound}
  agents:
    - {name: Ann Kerr, address: "client:ann", skills: [counter]}
    - {name: Bob Dent, address: "client:bob", skills: [counter], capacity: 2, attributes: {level: 3}}
agents:
  answer_after: 1-4
  hold: {share: 0.3, after: 4-10, for: 5-15}
  mute: {share: 0.1, after: 2-5, for: 2-4}
  wrap_up_for: 3-8
  back_after: 5-10
  away_after_crash: 10-20
callers:
  - {name: patient, weight: 3, patience: 60-120, talk_for: 15-60, hangs_up_first: 0.6}
  - {name: hurried, weight: 1, patience: 8-20, talk_for: 5-15, hangs_up_first: 0.9, keys: "1", says: "an agent please"}
mix: {plain: 70, standard: 20, reject: 5, agent-crash: 5}
`

func mustParse(t *testing.T, text string) *Script {
	t.Helper()
	s, err := Parse([]byte(text))
	require.NoError(t, err)
	return s
}

func TestParse(t *testing.T) {
	t.Parallel()

	t.Run("the example is read with its defaults", func(t *testing.T) {
		t.Parallel()
		s := mustParse(t, shop)
		require.Equal(t, "Offline", s.Centre.away())
		require.Equal(t, "Available", s.Centre.ready())
		require.Equal(t, QueueScript{Name: "Counter", Target: "skills HAS 'counter'", MaxReserved: 1, Order: "FIFO"}, s.Centre.Queues[0])
		require.Equal(t, 1, s.Centre.Agents[0].Capacity)
		require.Equal(t, 2, s.Centre.Agents[1].Capacity)
		require.Equal(t, Range{5, 15}, s.Agents.Hold.For)
		require.Equal(t, Range{}, s.Agents.LogInAfter)
		require.InDelta(t, 70.0, s.Mix["plain"], 0)
	})

	t.Run("a script without people gets ordinary ones and every scenario", func(t *testing.T) {
		t.Parallel()
		s := mustParse(t, shop[:strings.Index(shop, "\nagents:\n")])
		require.Len(t, s.Callers, 1)
		require.Equal(t, Range{1, 3}, s.Agents.AnswerAfter)
		require.Equal(t, defaultMix, s.Mix)
	})

	faults := []struct{ name, from, to, want string }{
		{"an unknown key is named with its line", "workspace: Corner", "workspaze: Corner", "line 6: field workspaze not found"},
		{"a range upside down", "answer_after: 1-4", "answer_after: 4-1", "ends before it begins"},
		{"a range that is no number", "answer_after: 1-4", "answer_after: soon", "want seconds"},
		{"a range below zero", "answer_after: 1-4", "answer_after: -4", "want seconds"},
		{"a range that is not finite", "answer_after: 1-4", "answer_after: 1-Inf", "from 0 to"},
		{"a range that is a list", "answer_after: 1-4", "answer_after: [1, 4]", "want seconds"},
		{"a number without routing", "routing: Inbound}", "routing: Inbond}", `routing "Inbond" is no routing workflow`},
		{"a number that is none", `number: "+18005550100"`, `number: "800"`, `"800" is no E.164 number`},
		{"a target that is no queue", "queue: Counter, priority", "queue: Kounter, priority", `targets[0]: "Kounter" is no queue`},
		{"a default that is no queue", "default_queue: Counter", "default_queue: Kounter", `default_queue "Kounter"`},
		{"an availability for missed calls that is none", "missed_availability: Not answering", "missed_availability: Lunch", `missed_availability "Lunch"`},
		{"nobody could be available", "available: true", "available: false", "no availability is available"},
		{"names that Twilio takes for the same", "name: Bob Dent", "name: ann kerr", `"ann kerr" is there twice`},
		{"two phones on one address", "client:bob", "client:ann", `"client:ann" is there twice`},
		{"an address of no kind", "client:bob", "bob", `address "bob" must be client:`},
		{"attributes that have a key of their own", "attributes: {level: 3}", "attributes: {skills: x}", "must not hold skills"},
		{"a share above one", "hangs_up_first: 0.6", "hangs_up_first: 6", "hangs_up_first must be from 0 to 1"},
		{"keys that no telephone has", `keys: "1"`, `keys: "x"`, "keys may be"},
		{"a mix of what there is not", "reject: 5", "rejekt: 5", `"rejekt" is no scenario`},
		{"a mix of itself", "reject: 5", "mix: 5", `"mix" is no scenario`},
		{"a mix of nothing", "{plain: 70, standard: 20, reject: 5, agent-crash: 5}", "{plain: 0}", "all weights are 0"},
		{"two documents", "description: Two", "---\ndescription: Two", "script"},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, shop, f.from)
			_, err := Parse([]byte(strings.Replace(shop, f.from, f.to, 1)))
			require.ErrorContains(t, err, f.want)
		})
	}

	t.Run("every fault is told at once", func(t *testing.T) {
		t.Parallel()
		text := strings.NewReplacer("routing: Inbound}", "routing: X}", "client:bob", "bob").Replace(shop)
		_, err := Parse([]byte(text))
		require.ErrorContains(t, err, `routing "X"`)
		require.ErrorContains(t, err, `address "bob"`)
	})

	t.Run("an empty script", func(t *testing.T) {
		t.Parallel()
		_, err := Parse(nil)
		require.EqualError(t, err, "script: empty")
	})
}

func TestBuiltInScripts(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"demo", "floor"}, Names())
	for _, name := range Names() {
		t.Run(name+" is valid and called so", func(t *testing.T) {
			t.Parallel()
			s, err := Load(name)
			require.NoError(t, err)
			require.Equal(t, name, s.Name)
			require.NotEmpty(t, s.Description)
			require.Positive(t, s.Rate)
			for _, a := range s.Centre.Agents {
				attributes, err := json.Marshal(a.Attributes)
				require.NoError(t, err)
				require.Less(t, len(attributes), 4096)
			}
		})
	}

	t.Run("the demo has six agents at work, and a queue that nobody serves", func(t *testing.T) {
		t.Parallel()
		s, err := Load("demo")
		require.NoError(t, err)
		require.Equal(t, 6, s.counted())
		require.Len(t, s.Centre.Queues, 3)
	})

	t.Run("a script that there is not", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"opera", "../script", ""} {
			_, err := Load(name)
			require.ErrorContains(t, err, "there are demo, floor")
		}
	})
}

func TestStaff(t *testing.T) {
	t.Parallel()
	s := mustParse(t, shop)

	t.Run("fewer agents are the first ones", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, s.Centre.Agents[:1], s.Staff(1).Centre.Agents)
	})
	t.Run("more agents are namesakes with phones of their own, and the script stays valid", func(t *testing.T) {
		t.Parallel()
		more := s.Staff(7)
		require.Len(t, more.Centre.Agents, 7)
		require.Equal(t, "Bob Dent 3", more.Centre.Agents[5].Name)
		require.Equal(t, "client:bob_dent_3", more.Centre.Agents[5].Address)
		require.Equal(t, 2, more.Centre.Agents[5].Capacity)
		require.NoError(t, more.Validate())
		require.Len(t, s.Centre.Agents, 2)
	})
	t.Run("no number of agents is all of them", func(t *testing.T) {
		t.Parallel()
		require.Len(t, s.Staff(0).Centre.Agents, 2)
	})
}

func TestRangeIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"5", "0.5", "5-20", "0-1.25"} {
		r, err := ParseRange(text)
		require.NoError(t, err)
		require.Equal(t, text, r.String())
		out, err := yaml.Marshal(map[string]Range{"a": r})
		require.NoError(t, err)
		var back map[string]Range
		require.NoError(t, yaml.Unmarshal(out, &back))
		require.Equal(t, r, back["a"])
	}
}
