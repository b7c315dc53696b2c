package store

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"
)

func testReceive(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	var told []Subject
	off := s.OnReceive(func(subject Subject) { told = append(told, subject) })

	position, duplicate, err := s.Receive(ctx, webhook(ofCall("CA1"), 1))
	require.NoError(t, err)
	require.False(t, duplicate)
	require.EqualValues(t, 1, position)

	position, duplicate, err = s.Receive(ctx, webhook(ofCall("CA1"), 1))
	require.NoError(t, err)
	require.True(t, duplicate, "the same key again")
	require.EqualValues(t, 1, position, "has the first one's position")

	silent := webhook(ofCall("CA1"), 2)
	silent.Kind, silent.Event = "participant-speech-start", nil
	position, duplicate, err = s.Receive(ctx, silent)
	require.NoError(t, err)
	require.False(t, duplicate)
	require.Zero(t, position, "what decides nothing has no position")
	position, duplicate, err = s.Receive(ctx, silent)
	require.NoError(t, err)
	require.True(t, duplicate)
	require.Zero(t, position)

	position, _, err = s.Receive(ctx, webhook(ofCall("CA1"), 3))
	require.NoError(t, err)
	require.EqualValues(t, 2, position, "neither duplicates nor the silent leave a gap")
	position, _, err = s.Receive(ctx, webhook(Subject{Kind: "agent", ID: "CA1"}, 4))
	require.NoError(t, err)
	require.EqualValues(t, 1, position, "each subject counts for itself")
	require.Equal(t, []Subject{ofCall("CA1"), ofCall("CA1"), {Kind: "agent", ID: "CA1"}}, told, "only what is to be delivered is told")

	off()
	_, _, err = s.Receive(ctx, webhook(ofCall("CA1"), 5))
	require.NoError(t, err)
	require.Len(t, told, 3, "no more is told")

	waiting, err := s.Waiting(ctx, ofCall("CA1"), 0, 10)
	require.NoError(t, err)
	require.Equal(t, []Delivery{
		{Position: 1, At: at(1), Event: event(1)}, {Position: 2, At: at(3), Event: event(3)}, {Position: 3, At: at(5), Event: event(5)},
	}, waiting)
	waiting, err = s.Waiting(ctx, ofCall("CA1"), 1, 1)
	require.NoError(t, err)
	require.Equal(t, []Delivery{{Position: 2, At: at(3), Event: event(3)}}, waiting)

	all, err := s.Webhooks(ctx, ofCall("CA1"), 3)
	require.NoError(t, err)
	require.Len(t, all, 3)
	silent.Position = 0
	require.Equal(t, silent, all[2])
	require.EqualValues(t, 3, all[0].Position)

	for name, wrong := range map[string]Webhook{
		"no key":            {Subject: ofCall("CA1")},
		"no subject":        {Key: "k", Subject: Subject{Kind: "call"}},
		"no kind":           {Key: "k", Subject: Subject{ID: "CA1"}},
		"an event not JSON": {Key: "k", Subject: ofCall("CA1"), Event: json.RawMessage(`{`)},
	} {
		_, _, err := s.Receive(ctx, wrong)
		require.Error(t, err, name)
	}
}

func testReceiveAtOnce(t *testing.T, open opener) {
	const writers, each = 20, 10
	s := open(t)
	subjects := []Subject{ofCall("CA1"), ofCall("CA2"), {Kind: "agent", ID: "WK1"}}
	var mu sync.Mutex
	positions := map[Subject][]int64{}
	var all errgroup.Group
	for writer := range writers {
		all.Go(func() error {
			for i := range each {
				subject := subjects[(writer+i)%len(subjects)]
				w := webhook(subject, writer*each+i)
				position, duplicate, err := s.Receive(t.Context(), w)
				if err != nil {
					return err
				}
				again, known, err := s.Receive(t.Context(), w)
				if err != nil {
					return err
				}
				mu.Lock()
				if !duplicate && known && again == position {
					positions[subject] = append(positions[subject], position)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	count := 0
	for subject, got := range positions {
		slices.Sort(got)
		for i, position := range got {
			require.EqualValues(t, i+1, position, "%v has a gap or a double", subject)
		}
		count += len(got)
	}
	require.Equal(t, writers*each, count)
}

func testLeases(t *testing.T, open opener) {
	clock := newClock()
	s := open(t, WithClock(clock.Now))
	ctx := t.Context()
	claim := func(owner string, limit int, kinds ...string) (ids []string) {
		claimed, err := s.Claim(ctx, owner, 10*time.Second, limit, kinds...)
		require.NoError(t, err)
		for _, c := range claimed {
			ids = append(ids, c.ID)
		}
		slices.Sort(ids)
		return ids
	}
	require.Empty(t, claim("me", 10), "nothing waits")
	received(t, s, ofCall("CA1"), 1)
	received(t, s, ofCall("CA2"), 2)
	received(t, s, Subject{Kind: "agent", ID: "WK1"}, 1)

	require.Equal(t, []string{"WK1"}, claim("me", 10, "agent"))
	require.Equal(t, []string{"CA1", "CA2"}, claim("me", 10, SubjectCall, "queue"))
	require.Empty(t, claim("you", 10), "all is leased")
	_, ok, err := s.ClaimOne(ctx, "you", time.Second, ofCall("CA1"))
	require.NoError(t, err)
	require.False(t, ok)

	clock.Move(6 * time.Second)
	c, ok, err := s.ClaimOne(ctx, "me", 10*time.Second, ofCall("CA2"))
	require.NoError(t, err)
	require.True(t, ok, "one's own is renewed")
	require.Equal(t, Claimed{Subject: ofCall("CA2"), Last: 2}, c)

	clock.Move(4 * time.Second)
	require.Equal(t, []string{"CA1", "WK1"}, claim("you", 10), "what is over is free")
	require.NoError(t, s.Release(ctx, "me", ofCall("CA1")), "it is another's by now")
	require.Equal(t, []string{"CA2"}, claim("me", 10), "and stays so")
	require.NoError(t, s.Release(ctx, "you", ofCall("CA1")))
	require.Equal(t, []string{"CA1", "CA2"}, claim("me", 10))

	require.NoError(t, s.Acknowledge(ctx, ofCall("CA1"), 1))
	require.Equal(t, []string{"CA2"}, claim("me", 10), "what is done is not claimed")
	c, ok, err = s.ClaimOne(ctx, "me", time.Second, ofCall("CA1"))
	require.NoError(t, err)
	require.True(t, ok, "unless by name")
	require.Equal(t, Claimed{Subject: ofCall("CA1"), Acked: 1, Last: 1}, c)

	clock.Move(time.Minute)
	received(t, s, ofCall("CA3"), 1)
	require.Equal(t, []string{"CA3"}, claim("me", 1), "the longest unclaimed first")
	require.Equal(t, []string{"CA2", "CA3", "WK1"}, claim("me", 3))

	_, ok, err = s.ClaimOne(ctx, "me", time.Second, ofCall("CA9"))
	require.NoError(t, err)
	require.False(t, ok, "a subject never heard of")
	_, err = s.Claim(ctx, "", time.Second, 1)
	require.Error(t, err)
	_, _, err = s.ClaimOne(ctx, "", time.Second, ofCall("CA1"))
	require.Error(t, err)
}

func testClaimAtOnce(t *testing.T, open opener) {
	const subjects = 40
	s := open(t)
	for i := range subjects {
		received(t, s, ofCall(string(rune('A'+i))), 1)
	}
	var mu sync.Mutex
	owners := map[Subject]string{}
	var all errgroup.Group
	for _, owner := range []string{"one", "two"} {
		all.Go(func() error {
			for {
				claimed, err := s.Claim(t.Context(), owner, time.Minute, 3)
				if err != nil {
					return err
				}
				mu.Lock()
				for _, c := range claimed {
					if was, ok := owners[c.Subject]; ok && was != owner {
						t.Errorf("%v belongs to both", c.Subject)
					}
					owners[c.Subject] = owner
				}
				mu.Unlock()
				for _, c := range claimed {
					if err := s.Acknowledge(t.Context(), c.Subject, c.Last); err != nil {
						return err
					}
				}
				if len(claimed) == 0 {
					return nil
				}
			}
		})
	}
	require.NoError(t, all.Wait())
	require.Len(t, owners, subjects)
}

func testAcknowledge(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	received(t, s, ofCall("CA1"), 3)
	acked := func() int64 {
		c, ok, err := s.ClaimOne(ctx, "me", time.Minute, ofCall("CA1"))
		require.NoError(t, err)
		require.True(t, ok)
		return c.Acked
	}
	for _, step := range []struct{ position, want int64 }{{2, 2}, {1, 2}, {-1, 2}, {9, 3}, {3, 3}} {
		require.NoError(t, s.Acknowledge(ctx, ofCall("CA1"), step.position))
		require.Equal(t, step.want, acked())
	}
	require.NoError(t, s.Acknowledge(ctx, ofCall("CA9"), 1), "a subject never heard of")
}

// testPositions lets anything happen to two subjects and compares with a plain model of them.
func testPositions(t *testing.T, open opener) {
	type model struct {
		keys         map[int]int64
		events       []int
		acked, entry int64
	}
	s := open(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		ctx := t.Context()
		models := map[Subject]*model{}
		for _, name := range []string{"a", "b"} {
			models[ofCall(name+string(rune('0'+run%10))+time.Duration(run).String())] = &model{keys: map[int]int64{}}
		}
		subjects := make([]Subject, 0, len(models))
		for subject := range models {
			subjects = append(subjects, subject)
		}
		slices.SortFunc(subjects, func(a, b Subject) int { return int(a.ID[0]) - int(b.ID[0]) })
		pick := func(rt *rapid.T) (Subject, *model) {
			subject := rapid.SampledFrom(subjects).Draw(rt, "subject")
			return subject, models[subject]
		}
		last := func(m *model) int64 { return int64(len(m.events)) }
		rt.Repeat(map[string]func(*rapid.T){
			"receive": func(rt *rapid.T) {
				subject, m := pick(rt)
				n := rapid.IntRange(1, 12).Draw(rt, "key")
				position, duplicate, err := s.Receive(ctx, webhook(subject, n))
				require.NoError(rt, err)
				first, known := m.keys[n]
				require.Equal(rt, known, duplicate)
				if !known {
					m.events = append(m.events, n)
					first = last(m)
					m.keys[n] = first
				}
				require.Equal(rt, first, position)
			},
			"acknowledge": func(rt *rapid.T) {
				subject, m := pick(rt)
				position := rapid.Int64Range(0, 15).Draw(rt, "position")
				require.NoError(rt, s.Acknowledge(ctx, subject, position))
				m.acked = max(m.acked, min(position, last(m)))
			},
			"project": func(rt *rapid.T) {
				subject, m := pick(rt)
				position := rapid.Int64Range(0, 15).Draw(rt, "position")
				number := rapid.Int64Range(1, m.entry+1).Draw(rt, "number") // the next one, or one that is old
				require.NoError(rt, s.Project(ctx, Step{
					Call:    CallRow{ID: subject.ID, State: "queued", From: time.Duration(number).String(), UpdatedAt: at(int(number))},
					Entries: []Entry{{Number: number, Kind: "ParticipantHeld", Source: "twilio"}},
					Acked:   position,
				}))
				m.entry = max(m.entry, number)
				m.acked = max(m.acked, min(position, last(m)))
			},
			"": func(rt *rapid.T) {
				for subject, m := range models {
					if len(m.events) > 0 {
						c, ok, err := s.ClaimOne(ctx, "me", time.Minute, subject)
						require.NoError(rt, err)
						require.True(rt, ok)
						require.Equal(rt, Claimed{Subject: subject, Acked: m.acked, Last: last(m)}, c)
					}
					waiting, err := s.Waiting(ctx, subject, m.acked, 100)
					require.NoError(rt, err)
					require.Len(rt, waiting, int(last(m)-m.acked))
					for i, d := range waiting {
						require.Equal(rt, m.acked+int64(i)+1, d.Position)
						require.JSONEq(rt, string(event(m.events[d.Position-1])), string(d.Event))
					}
					entries, err := s.Timeline(ctx, subject.ID, 0, 100)
					require.NoError(rt, err)
					require.Len(rt, entries, int(m.entry))
					if m.entry > 0 {
						row, _, err := s.Call(ctx, subject.ID)
						require.NoError(rt, err)
						require.Equal(rt, time.Duration(m.entry).String(), row.From, "the newest step's")
					}
				}
			},
		})
	})
}
