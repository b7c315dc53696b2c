package call_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
)

var rewrite = flag.Bool("rewrite", false, "write what the transcripts and tables say now as what they shall say")

// TestTranscripts plays testdata/*.txt. A line that starts in the first column is an event, at a time counted from the start of the call:
//
//	2s ParticipantHeld leg=CAcustomer sequence=4
//
// "settings" and JSON before the first event is what the call is told besides the usual. The indented lines below an event are what came of it: status, legs,
// commands, deadlines, outcomes of actions. go test -rewrite writes them.
// A line "# id: out_1" makes it the call of that ID, which nobody else made.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			got := play(t, want)
			if *rewrite {
				require.NoError(t, os.WriteFile(file, got, 0o600))
				return
			}
			require.Equal(t, string(want), string(got))
		})
	}
}

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func play(t *testing.T, script []byte) []byte {
	t.Helper()
	settings := call.DefaultSettings()
	settings.NotAnswering = "WAmissed"
	s := call.New("CAcustomer", settings)
	var out bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		switch id, outbound := strings.CutPrefix(line, "# id: "); {
		case outbound:
			s = call.New(call.ID(id), settings)
			fmt.Fprintln(&out, line)
			continue
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
			continue
		case strings.HasPrefix(line, " "):
			continue
		case strings.HasPrefix(line, "settings "):
			fmt.Fprintln(&out, line)
			require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(line, "settings ")), &s.Settings))
			continue
		}
		fmt.Fprintln(&out, line)
		at, event := parseLine(t, line)
		before := describe(&s)
		err := s.Allows(event)
		s.Apply(start.Add(at), event)
		if err != nil {
			fmt.Fprintf(&out, "    ! %s\n", err)
		}
		plan := s.Plan()
		for _, c := range plan {
			o := s.Begin(start.Add(at), c)
			data, err := json.Marshal(c)
			require.NoError(t, err)
			fmt.Fprintf(&out, "    > %d %s %s\n", o.Number, call.Kind(c), data)
		}
		for i, line := range describe(&s) {
			if i >= len(before) || before[i] != line {
				fmt.Fprintf(&out, "    %s\n", line)
			}
		}
	}
	return out.Bytes()
}

// describe says what matters of a state, a line each, always in the same order.
func describe(s *call.State) []string {
	legs := make([]string, 0, len(s.Legs))
	for _, l := range s.Legs {
		text := fmt.Sprintf("%s %s", l.Call, l.State)
		if l.Hold {
			text += " hold"
		}
		if l.Muted {
			text += " muted"
		}
		if l.Coaching {
			text += " coaching " + string(l.Coach)
		}
		if l.State == call.LegLeft {
			text += " (" + l.Reason + ")"
		}
		legs = append(legs, text)
	}
	invitations := make([]string, 0, len(s.Invitations))
	for _, i := range s.Invitations {
		invitations = append(invitations, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", i.Label, i.Purpose, i.Status, i.Failure)))
	}
	transfers := make([]string, 0, len(s.Transfers))
	for _, t := range s.Transfers {
		transfers = append(transfers, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", t.Invitation, t.Mode, t.Status, t.Failure)))
	}
	helps := make([]string, 0, len(s.Helps))
	for _, h := range s.Helps {
		helps = append(helps, strings.TrimSpace(fmt.Sprintf("%s %s since %s", h.Name, h.Reason, h.At.Sub(start))))
	}
	serving := ""
	if r := s.Serving(); r != nil {
		serving = string(r.Agent)
	}
	deadlines := make([]string, 0, len(s.Deadlines))
	for _, d := range s.Deadlines {
		deadlines = append(deadlines, fmt.Sprintf("%s %s", d.Kind, d.At.Sub(start)))
	}
	actions := make([]string, 0, len(s.Actions))
	for _, a := range s.Actions {
		actions = append(actions, strings.TrimSpace(fmt.Sprintf("%s %s %s", a.ID(), a.Status, a.Detail)))
	}
	alerts := make([]string, 0, len(s.Alerts))
	for _, a := range s.Alerts {
		alerts = append(alerts, a.Code+" "+a.Subject)
	}
	return []string{
		fmt.Sprintf("status: %s %s %s", s.Status(), s.Outcome, s.EndedBy),
		"legs: " + strings.Join(legs, ", "),
		"serving: " + serving,
		"transfers: " + strings.Join(transfers, ", "),
		"helps: " + strings.Join(helps, ", "),
		"rescue: " + string(s.Rescue.Stage),
		"invitations: " + strings.Join(invitations, ", "),
		"deadlines: " + strings.Join(deadlines, ", "),
		"actions: " + strings.Join(actions, ", "),
		"alerts: " + strings.Join(alerts, ", "),
		"bot: " + describeBot(&s.Bot),
	}
}

func describeBot(b *call.BotPhase) string {
	words := []string{b.Session}
	for _, w := range []struct {
		so   bool
		what string
	}{
		{b.Outbound, "outbound"},
		{!b.AnsweredAt.IsZero(), "answered"},
		{b.WantQueued, "to be queued"},
		{!b.NotBefore.IsZero(), "later"},
		{b.Enqueued, "enqueued"},
		{b.Summarised, "summarised"},
		{!b.OverAt.IsZero(), "over"},
	} {
		if w.so {
			words = append(words, w.what)
		}
	}
	if b.Handoff.Reason != "" {
		words = append(words, "for "+b.Handoff.Reason)
	}
	return strings.TrimSpace(strings.Join(append(words, b.Result), " "))
}

func parseLine(t *testing.T, line string) (time.Duration, call.Event) {
	t.Helper()
	fields := strings.Fields(line)
	at, err := time.ParseDuration(fields[0])
	require.NoError(t, err, line)
	data := map[string]any{}
	for _, f := range fields[2:] {
		key, value, found := strings.Cut(f, "=")
		require.True(t, found, line)
		var v any = value
		if json.Valid([]byte(value)) {
			require.NoError(t, json.Unmarshal([]byte(value), &v), line)
		}
		data[key] = v
	}
	encoded, err := json.Marshal(map[string]any{"kind": fields[1], "data": data})
	require.NoError(t, err)
	var e call.Envelope
	require.NoError(t, json.Unmarshal(encoded, &e), line)
	return at, e.Event
}

// event makes an event from the same words as a transcript's line.
func event(t *testing.T, format string, args ...any) call.Event {
	t.Helper()
	_, e := parseLine(t, "0s "+fmt.Sprintf(format, args...))
	return e
}
