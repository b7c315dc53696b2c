package store

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func settings(greeting string) json.RawMessage {
	return json.RawMessage(`{"greeting":"` + greeting + `"}`)
}

func newBot(t testing.TB, s *Store, name string) BotRow {
	t.Helper()
	b, err := s.CreateBot(t.Context(), BotRow{Name: name, Settings: settings("Hello")}, nil)
	require.NoError(t, err)
	return b
}

func testBots(t *testing.T, open opener) {
	clock := newClock()
	s := open(t, WithClock(clock.Now), WithSealer(keyRing(t, secretKey("k", 1))))
	ctx := t.Context()
	b, err := s.CreateBot(ctx, BotRow{Name: "Ada", Settings: settings("Hello")}, map[string]string{"brain": "sk-secret"})
	require.NoError(t, err)
	require.Equal(t, BotStopped, b.State)
	require.EqualValues(t, 1, b.Revision)
	clock.Move(time.Second)
	newBot(t, s, "Bob")
	read, err := s.Bot(ctx, b.ID)
	require.NoError(t, err)
	require.Equal(t, b, read)
	secrets, err := s.BotSecrets(ctx, b.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"brain": "sk-secret"}, secrets)

	same, err := s.ChangeBot(ctx, b.ID, func(*BotRow, map[string]string) error { return nil })
	require.NoError(t, err)
	require.EqualValues(t, 1, same.Revision, "no change is no revision")
	changed, err := s.ChangeBot(ctx, b.ID, func(b *BotRow, secrets map[string]string) error {
		b.Settings, b.State, b.Revision = settings("Hi"), BotRunning, 99
		secrets["brain"] = "sk-other"
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, 2, changed.Revision)
	require.Equal(t, BotStopped, changed.State, "a bot's life is not among its settings")
	require.JSONEq(t, `{"greeting":"Hi"}`, string(changed.Settings))
	secrets, err = s.BotSecrets(ctx, b.ID)
	require.NoError(t, err)
	require.Equal(t, "sk-other", secrets["brain"])
	refused := errors.New("refused")
	_, err = s.ChangeBot(ctx, b.ID, func(*BotRow, map[string]string) error { return refused })
	require.ErrorIs(t, err, refused)

	page, next, err := s.Bots(ctx, Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "Ada", page[0].Name)
	page, next, err = s.Bots(ctx, Page{Limit: 1, Cursor: next})
	require.NoError(t, err)
	require.Equal(t, "Bob", page[0].Name)
	require.Empty(t, next)

	require.NoError(t, s.DeleteBot(ctx, b.ID))
	require.ErrorIs(t, s.DeleteBot(ctx, b.ID), ErrNotFound)
	_, err = s.Bot(ctx, b.ID)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.BotSecrets(ctx, b.ID)
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, s.SetBotState(ctx, b.ID, BotRunning, ""), ErrNotFound)
	require.ErrorIs(t, s.SetBotRunning(ctx, b.ID, nil, 0), ErrNotFound)
}

func testAttachments(t *testing.T, open opener) {
	s := open(t, WithSealer(keyRing(t, secretKey("k", 1))))
	ctx := t.Context()
	one, two := created(t, s, line(1)), created(t, s, line(2))
	ada, bob := newBot(t, s, "Ada"), newBot(t, s, "Bob")

	b, err := s.Attach(ctx, ada.ID, BotConnection{Connection: one.ID, Inbound: true})
	require.NoError(t, err)
	require.Equal(t, []BotConnection{{Connection: one.ID, Inbound: true}}, b.Connections)
	require.EqualValues(t, 2, b.Revision)
	b, err = s.Attach(ctx, ada.ID, BotConnection{Connection: one.ID, Inbound: true})
	require.NoError(t, err)
	require.EqualValues(t, 2, b.Revision, "the same again changes nothing")

	_, err = s.Attach(ctx, bob.ID, BotConnection{Connection: one.ID, Inbound: true})
	var taken *InboundTakenError
	require.ErrorAs(t, err, &taken)
	require.ErrorIs(t, err, ErrInboundTaken)
	require.Equal(t, InboundTakenError{Bot: ada.ID, Name: "Ada"}, *taken)
	_, err = s.Attach(ctx, bob.ID, BotConnection{Connection: one.ID})
	require.NoError(t, err, "any number of bots may call from it")
	bots, err := s.BotsOf(ctx, one.ID)
	require.NoError(t, err)
	require.Len(t, bots, 2)
	require.Equal(t, ada.ID, bots[0].ID, "who answers comes first")

	_, err = s.Attach(ctx, ada.ID, BotConnection{Connection: one.ID})
	require.NoError(t, err)
	_, err = s.Attach(ctx, bob.ID, BotConnection{Connection: one.ID, Inbound: true})
	require.NoError(t, err, "it is free again")

	_, err = s.Attach(ctx, ada.ID, BotConnection{Connection: "con_none"})
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.Attach(ctx, "bot_none", BotConnection{Connection: two.ID})
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.Detach(ctx, ada.ID, two.ID)
	require.ErrorIs(t, err, ErrNotFound)
	b, err = s.Detach(ctx, ada.ID, one.ID)
	require.NoError(t, err)
	require.Empty(t, b.Connections)

	before, err := s.Bot(ctx, bob.ID)
	require.NoError(t, err)
	_, err = s.ChangeConnection(ctx, one.ID, "", func(c *ConnectionRow) error { c.Voice = "Polly.Joanna"; return nil })
	require.NoError(t, err)
	after, err := s.Bot(ctx, bob.ID)
	require.NoError(t, err)
	require.Greater(t, after.Revision, before.Revision, "a change of the line counts as one of the bot")
	require.NoError(t, s.DeleteConnection(ctx, one.ID))
	after, err = s.Bot(ctx, bob.ID)
	require.NoError(t, err)
	require.Empty(t, after.Connections)
}

func testWhoAnswers(t *testing.T, open opener) {
	clock := newClock()
	s := open(t, WithClock(clock.Now), WithSealer(keyRing(t, secretKey("k", 1))))
	ctx := t.Context()
	one := created(t, s, line(1))
	ada, bob := newBot(t, s, "Ada"), newBot(t, s, "Bob")
	run := func(b BotRow) {
		row, err := s.Bot(ctx, b.ID)
		require.NoError(t, err)
		running := &RunningBot{Name: row.Name, Settings: row.Settings}
		for _, c := range row.Connections {
			running.Connections = append(running.Connections, RunningLine{BotConnection: c})
		}
		clock.Move(time.Second)
		require.NoError(t, s.SetBotRunning(ctx, b.ID, running, row.Revision))
		require.NoError(t, s.SetBotState(ctx, b.ID, BotRunning, ""))
	}
	answers := func(name string) BotRow {
		t.Helper()
		b, err := s.InboundBot(ctx, one.ID)
		require.NoError(t, err)
		require.Equal(t, name, b.Name)
		return b
	}
	_, err := s.InboundBot(ctx, one.ID)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.Attach(ctx, ada.ID, BotConnection{Connection: one.ID, Inbound: true})
	require.NoError(t, err)
	require.Empty(t, answers("Ada").Running, "the stopped one gives its offline answer")
	run(ada)
	b := answers("Ada")
	require.False(t, b.RestartDue())
	line, ok := b.Line(one.ID)
	require.True(t, ok)
	require.True(t, line.Inbound)
	_, err = s.ChangeBot(ctx, ada.ID, func(_ *BotRow, secrets map[string]string) error { secrets["X_API_KEY"] = "new"; return nil })
	require.NoError(t, err)
	run(ada)
	require.NotEqual(t, string(b.Running), string(answers("Ada").Running), "a new secret alone makes another running bot")

	_, err = s.Detach(ctx, ada.ID, one.ID)
	require.NoError(t, err)
	require.True(t, answers("Ada").RestartDue(), "what is changed counts at the restart")
	_, err = s.Attach(ctx, bob.ID, BotConnection{Connection: one.ID, Inbound: true})
	require.NoError(t, err)
	answers("Ada")
	run(bob)
	answers("Bob") // who started last
	started, err := s.StartedBots(ctx)
	require.NoError(t, err)
	require.Len(t, started, 2)

	require.NoError(t, s.SetBotRunning(ctx, bob.ID, nil, 0))
	require.NoError(t, s.SetBotRunning(ctx, ada.ID, nil, 0))
	require.NoError(t, s.SetBotState(ctx, ada.ID, BotStopped, ""))
	require.NoError(t, s.SetBotState(ctx, bob.ID, BotError, "the number is gone"))
	b = answers("Bob")
	require.Empty(t, b.Running)
	require.Equal(t, "the number is gone", b.Error)
	started, err = s.StartedBots(ctx)
	require.NoError(t, err)
	require.Len(t, started, 1)
}

func testBotLog(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	require.NoError(t, s.LogBot(ctx))
	require.NoError(t, s.LogBot(ctx,
		BotLogLine{At: at(1), Bot: "bot_a", Level: "info", Message: "starting"},
		BotLogLine{At: at(2), Bot: "bot_a", Connection: "con_a", Level: "error", Message: "no such number"}))
	require.NoError(t, s.LogBot(ctx, BotLogLine{At: at(3), Bot: "bot_b", Connection: "con_a", Level: "warn", Message: "drift"}))
	read := func(f BotLogFilter) (messages []string) {
		t.Helper()
		lines, err := s.BotLog(ctx, f)
		require.NoError(t, err)
		for _, l := range lines {
			messages = append(messages, l.Message)
		}
		return messages
	}
	require.Equal(t, []string{"drift", "no such number", "starting"}, read(BotLogFilter{}))
	require.Equal(t, []string{"no such number", "starting"}, read(BotLogFilter{Bot: "bot_a"}))
	require.Equal(t, []string{"drift", "no such number"}, read(BotLogFilter{Connection: "con_a"}))
	require.Equal(t, []string{"drift"}, read(BotLogFilter{Limit: 1}))
	require.Equal(t, []string{"starting"}, read(BotLogFilter{Before: 2}))
	_, err := s.Forget(ctx, at(3))
	require.NoError(t, err)
	require.Equal(t, []string{"drift"}, read(BotLogFilter{}))
}
