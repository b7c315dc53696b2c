package store

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func newSession(bot, call string) NewSession {
	return NewSession{
		Session: SessionRow{
			Bot: bot, Connection: "con_a", AccountSID: "AC1", Call: call, CallSID: call, Direction: "inbound", Caller: "+15550001", Called: "+15559999",
			Dialogue: json.RawMessage(`{"turn":0}`), Answer: json.RawMessage(`{"say":"Hello"}`), SpeakingUntil: at(3),
		},
		Messages: []SessionMessage{{At: at(1), Speaker: "bot", Text: "Hello", Language: "en-US"}},
	}
}

func opened(t testing.TB, s *Store, bot, call string) SessionRow {
	t.Helper()
	r, fresh, err := s.OpenSession(t.Context(), newSession(bot, call))
	require.NoError(t, err)
	require.True(t, fresh)
	return r
}

func testOpenSession(t *testing.T, open opener) {
	clock := newClock()
	s := open(t, WithClock(clock.Now))
	ctx := t.Context()
	bot := newBot(t, s, "Ada").ID
	first := opened(t, s, bot, "CA1")
	read, err := s.Session(ctx, first.ID)
	require.NoError(t, err)
	require.Equal(t, first, read)
	require.Equal(t, SessionOpen, read.State)
	again, fresh, err := s.OpenSession(ctx, newSession(bot, "CA1"))
	require.NoError(t, err)
	require.False(t, fresh, "the same call's webhook again")
	require.Equal(t, first, again)

	n := newSession(bot, "CA2")
	n.Max = 1
	_, _, err = s.OpenSession(ctx, n)
	require.ErrorIs(t, err, ErrCapped)
	n = newSession(bot, "CA1")
	n.Max = 1
	_, fresh, err = s.OpenSession(ctx, n)
	require.NoError(t, err, "one that is open is not refused")
	require.False(t, fresh)
	_, err = s.BeginHandoff(ctx, first.ID, "rule", json.RawMessage(`{}`))
	require.NoError(t, err)
	n = newSession(bot, "CA2")
	n.Max = 1
	_, _, err = s.OpenSession(ctx, n)
	require.ErrorIs(t, err, ErrCapped, "it counts until it is closed")
	_, err = s.CloseSession(ctx, first.ID, OutcomeHandedOff, at(9))
	require.NoError(t, err)
	_, _, err = s.OpenSession(ctx, n)
	require.NoError(t, err)
	clock.Move(longestCall)
	n = newSession(bot, "CA3")
	n.Max = 1
	_, _, err = s.OpenSession(ctx, n)
	require.NoError(t, err, "one that lost its end does not count for ever")

	_, _, err = s.OpenSession(ctx, newSession("bot_none", "CA4"))
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.SessionByCall(ctx, "CA4")
	require.ErrorIs(t, err, ErrNotFound)
	byCall, err := s.SessionByCall(ctx, "CA1")
	require.NoError(t, err)
	require.Equal(t, first.ID, byCall.ID)
}

func testTheCapHolds(t *testing.T, open opener) {
	s := open(t)
	bot := newBot(t, s, "Ada").ID
	const most, callers = 3, 12
	var group errgroup.Group
	results := make(chan error, callers)
	for i := range callers {
		group.Go(func() error {
			n := newSession(bot, fmt.Sprintf("CA%d", i))
			n.Max = most
			_, _, err := s.OpenSession(t.Context(), n)
			results <- err
			return nil
		})
	}
	require.NoError(t, group.Wait())
	close(results)
	capped := 0
	for err := range results {
		if err != nil {
			require.ErrorIs(t, err, ErrCapped)
			capped++
		}
	}
	require.Equal(t, callers-most, capped)
	n, err := s.OpenSessions(t.Context(), bot)
	require.NoError(t, err)
	require.Equal(t, most, n)
}

func testTurns(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	session := opened(t, s, newBot(t, s, "Ada").ID, "CA1")
	heard := "Hel"
	turn := TurnAnswer{
		Session: session.ID, Turn: 1, Dialogue: json.RawMessage(`{"turn":1}`), Answer: json.RawMessage(`{"say":"Yes"}`), SpeakingUntil: at(7), Heard: &heard,
		Messages: []SessionMessage{{At: at(4), Speaker: "caller", Text: "A\x00 question"}, {At: at(5), Speaker: "bot", Text: "Yes"}},
	}
	after, err := s.AnswerTurn(ctx, turn)
	require.NoError(t, err)
	require.Equal(t, 1, after.Turn)
	require.Equal(t, 3, after.Messages)
	require.Equal(t, at(7), after.SpeakingUntil)
	require.JSONEq(t, `{"turn":1}`, string(after.Dialogue))

	again := turn
	again.Answer, again.Messages = json.RawMessage(`{"say":"No"}`), nil
	taken, err := s.AnswerTurn(ctx, again)
	require.ErrorIs(t, err, ErrTurnTaken)
	require.JSONEq(t, `{"say":"Yes"}`, string(taken.Answer), "who comes again is answered the same")
	skipped := turn
	skipped.Turn = 3
	_, err = s.AnswerTurn(ctx, skipped)
	require.ErrorIs(t, err, ErrTurnTaken)
	_, err = s.AnswerTurn(ctx, TurnAnswer{Session: "ses_none", Turn: 1})
	require.ErrorIs(t, err, ErrNotFound)

	messages, err := s.SessionMessages(ctx, session.ID, 0, 0)
	require.NoError(t, err)
	require.Equal(t, []SessionMessage{
		{Session: session.ID, Number: 1, Turn: 0, At: at(1), Speaker: "bot", Text: "Hello", Heard: "Hel", Cut: true, Language: "en-US"},
		{Session: session.ID, Number: 2, Turn: 1, At: at(4), Speaker: "caller", Text: "A\uFFFD question"},
		{Session: session.ID, Number: 3, Turn: 1, At: at(5), Speaker: "bot", Text: "Yes"},
	}, messages)
	messages, err = s.SessionMessages(ctx, session.ID, 1, 1)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.Equal(t, 2, messages[0].Number)

	_, err = s.AnswerTurn(ctx, TurnAnswer{
		Session: session.ID, Turn: 2, Messages: []SessionMessage{{At: at(8), Speaker: "caller", Text: "(keyed)"}},
		Changed: []SessionMessage{{Number: 3, Text: "Yes, of course", Heard: "Yes", Cut: true}},
	})
	require.NoError(t, err)
	messages, err = s.SessionMessages(ctx, session.ID, 2, 0)
	require.NoError(t, err)
	require.Equal(t, []SessionMessage{
		{Session: session.ID, Number: 3, Turn: 1, At: at(5), Speaker: "bot", Text: "Yes, of course", Heard: "Yes", Cut: true},
		{Session: session.ID, Number: 4, Turn: 2, At: at(8), Speaker: "caller", Text: "(keyed)"},
	}, messages, "more is known of an earlier one")

	last, err := s.AnswerTurn(ctx, TurnAnswer{Session: session.ID, Turn: 3, Answer: json.RawMessage(`{}`), Outcome: OutcomeCompleted})
	require.NoError(t, err)
	require.Equal(t, SessionClosed, last.State)
	require.Equal(t, OutcomeCompleted, last.Outcome)
	require.False(t, last.ClosedAt.IsZero())
	_, err = s.AnswerTurn(ctx, TurnAnswer{Session: session.ID, Turn: 4, Answer: json.RawMessage(`{}`)})
	require.ErrorIs(t, err, ErrTurnTaken, "it is over")
}

func testATurnIsAnsweredOnce(t *testing.T, open opener) {
	s := open(t)
	session := opened(t, s, newBot(t, s, "Ada").ID, "CA1")
	var mu sync.Mutex
	answers := map[string]int{}
	wins := 0
	for turn := 1; turn <= 3; turn++ {
		var group errgroup.Group
		for i := range 6 {
			group.Go(func() error {
				r, err := s.AnswerTurn(t.Context(), TurnAnswer{
					Session: session.ID, Turn: turn, Answer: json.RawMessage(fmt.Sprintf(`{"by":%d}`, i)),
					Messages: []SessionMessage{{Speaker: "bot", Text: fmt.Sprint(i)}},
				})
				mu.Lock()
				defer mu.Unlock()
				answers[fmt.Sprint(turn, string(r.Answer))]++
				if err == nil {
					wins++
					return nil
				}
				require.ErrorIs(t, err, ErrTurnTaken)
				return nil
			})
		}
		require.NoError(t, group.Wait())
	}
	require.Equal(t, 3, wins)
	require.Len(t, answers, 3, "each turn has one answer, whoever asks")
	messages, err := s.SessionMessages(t.Context(), session.ID, 0, 0)
	require.NoError(t, err)
	require.Len(t, messages, 4)
}

func testAWebhookComesWithItsTurn(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	told := make(chan Subject, 8)
	defer s.OnReceive(func(subject Subject) { told <- subject })()
	n := newSession(newBot(t, s, "Ada").ID, "CA1")
	begins := webhook(ofCall("CA1"), 1)
	n.Webhook = &begins
	session, _, err := s.OpenSession(ctx, n)
	require.NoError(t, err)
	require.Equal(t, ofCall("CA1"), <-told)
	_, _, err = s.OpenSession(ctx, n)
	require.NoError(t, err)

	over := webhook(ofCall("CA1"), 2)
	turn := TurnAnswer{Session: session.ID, Turn: 1, Answer: json.RawMessage(`{}`), Handoff: json.RawMessage(`{"reason":"asked"}`), Webhook: &over}
	after, err := s.AnswerTurn(ctx, turn)
	require.NoError(t, err)
	require.Equal(t, SessionHandingOff, after.State)
	require.Equal(t, HandoffByTurn, after.HandoffBy)
	_, err = s.AnswerTurn(ctx, turn)
	require.ErrorIs(t, err, ErrTurnTaken)
	waiting, err := s.Waiting(ctx, ofCall("CA1"), 0, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 2)

	other := opened(t, s, session.Bot, "CA2")
	_, err = s.AnswerTurn(ctx, TurnAnswer{Session: other.ID, Turn: 1, Answer: json.RawMessage(`{}`), Webhook: &Webhook{Key: "x", Subject: ofCall("CA2"), Event: json.RawMessage(`{`)}})
	require.Error(t, err)
	after, err = s.Session(ctx, other.ID)
	require.NoError(t, err)
	require.Zero(t, after.Turn, "neither is written without the other")
	_, _, err = s.Receive(ctx, webhook(ofCall("CA2"), 7))
	require.NoError(t, err)
	known := webhook(ofCall("CA2"), 7)
	_, err = s.AnswerTurn(ctx, TurnAnswer{Session: other.ID, Turn: 1, Answer: json.RawMessage(`{}`), Webhook: &known})
	require.NoError(t, err, "one that came in before changes nothing")
	waiting, err = s.Waiting(ctx, ofCall("CA2"), 0, 10)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
}

func testHandoffOnce(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	session := opened(t, s, newBot(t, s, "Ada").ID, "CA1")
	asked := json.RawMessage(`{"reason":"asked"}`)
	r, err := s.BeginHandoff(ctx, session.ID, "api:1", asked)
	require.NoError(t, err)
	require.Equal(t, SessionHandingOff, r.State)
	require.JSONEq(t, string(asked), string(r.Handoff))
	_, err = s.BeginHandoff(ctx, session.ID, "api:1", asked)
	require.NoError(t, err, "who began it may ask again")
	r, err = s.BeginHandoff(ctx, session.ID, "api:2", json.RawMessage(`{}`))
	require.ErrorIs(t, err, ErrTurnTaken)
	require.JSONEq(t, string(asked), string(r.Handoff))
	_, err = s.AnswerTurn(ctx, TurnAnswer{Session: session.ID, Turn: 1, Handoff: json.RawMessage(`{}`)})
	require.ErrorIs(t, err, ErrTurnTaken, "the dialogue comes too late, too")

	told := []SessionMessage{{Number: r.Messages + 1, Speaker: "bot", Text: "You will be transferred."}}
	for _, by := range []string{"api:2", "api:1", "api:1"} { // another's, then twice
		require.NoError(t, s.TellHandoff(ctx, session.ID, by, json.RawMessage(`{"turn":0}`), told))
	}
	after, err := s.Session(ctx, session.ID)
	require.NoError(t, err)
	require.Equal(t, r.Messages+1, after.Messages)
	messages, err := s.SessionMessages(ctx, session.ID, r.Messages, 10)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.Equal(t, "You will be transferred.", messages[0].Text)

	r, err = s.CancelHandoff(ctx, session.ID)
	require.NoError(t, err)
	require.Equal(t, SessionOpen, r.State)
	require.Empty(t, r.Handoff)
	require.NoError(t, s.TellHandoff(ctx, session.ID, "api:1", nil, []SessionMessage{{Number: r.Messages + 1, Speaker: "bot", Text: "Too late."}}))
	after, err = s.Session(ctx, session.ID)
	require.NoError(t, err)
	require.Equal(t, r.Messages, after.Messages)
	_, err = s.CancelHandoff(ctx, session.ID)
	require.ErrorIs(t, err, ErrTurnTaken)
	r, err = s.AnswerTurn(ctx, TurnAnswer{Session: session.ID, Turn: 1, Answer: json.RawMessage(`{}`), Handoff: asked})
	require.NoError(t, err)
	require.Equal(t, SessionHandingOff, r.State)
	_, err = s.CloseSession(ctx, session.ID, OutcomeHandedOff, at(5))
	require.NoError(t, err)
	_, err = s.BeginHandoff(ctx, session.ID, HandoffByTurn, asked)
	require.NoError(t, err, "and it stays his when it is done")
	r, err = s.CancelHandoff(ctx, session.ID)
	require.NoError(t, err, "the queue let the caller go again")
	require.Equal(t, SessionOpen, r.State)
	require.True(t, r.ClosedAt.IsZero())
	_, err = s.BeginHandoff(ctx, "ses_none", "x", asked)
	require.ErrorIs(t, err, ErrNotFound)
}

func testClosing(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	bot := newBot(t, s, "Ada").ID
	talking, leaving := opened(t, s, bot, "CA1"), opened(t, s, bot, "CA2")
	r, err := s.CloseSession(ctx, talking.ID, OutcomeCompleted, at(5))
	require.NoError(t, err)
	require.Equal(t, at(5), r.ClosedAt)
	r, err = s.CloseSession(ctx, talking.ID, OutcomeFailed, at(6))
	require.NoError(t, err)
	require.Equal(t, OutcomeCompleted, r.Outcome, "the first word counts")
	require.Equal(t, at(5), r.ClosedAt)
	_, err = s.BeginHandoff(ctx, leaving.ID, "rule", json.RawMessage(`{}`))
	require.NoError(t, err)
	require.NoError(t, s.CloseSessionsOf(ctx, "CA2", OutcomeCompleted, at(6)))
	require.NoError(t, s.CloseSessionsOf(ctx, "CA9", OutcomeCompleted, at(6)))
	require.NoError(t, s.CloseSessionsOf(ctx, "", OutcomeCompleted, at(6)))
	r, err = s.Session(ctx, leaving.ID)
	require.NoError(t, err)
	require.Equal(t, OutcomeAbandoned, r.Outcome, "he hung up while he was handed over")

	out := newSession(bot, "")
	out.Session.Call, out.Session.Direction, out.Session.Machine, out.Session.MachineMessage = "out_1", "outbound", "message", "Call us back"
	r, _, err = s.OpenSession(ctx, out)
	require.NoError(t, err)
	r, err = s.NoteSessionCall(ctx, r.ID, "CA7", "")
	require.NoError(t, err)
	require.Equal(t, "CA7", r.CallSID)
	r, err = s.NoteSessionCall(ctx, r.ID, "CA7", "human")
	require.NoError(t, err)
	require.Equal(t, "human", r.AnsweredBy)
	r, err = s.NoteSessionCall(ctx, r.ID, "CA8", "")
	require.ErrorIs(t, err, ErrTurnTaken)
	require.Equal(t, "CA7", r.CallSID)
	require.Equal(t, "Call us back", r.MachineMessage)
	require.NoError(t, s.NoteSummary(ctx, r.ID, "Nothing much."))
	require.NoError(t, s.NoteSpeaking(ctx, r.ID, at(20)))
	r, err = s.SessionByCall(ctx, "out_1")
	require.NoError(t, err)
	require.Equal(t, "Nothing much.", r.Summary)
	require.Equal(t, at(20), r.SpeakingUntil)
	require.NoError(t, s.CloseSessionsOf(ctx, "CA7", OutcomeBusy, at(6)))
	r, err = s.Session(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, OutcomeBusy, r.Outcome)
}

func testCallsCloseSessions(t *testing.T, open opener) {
	s := open(t)
	ctx := t.Context()
	bot := newBot(t, s, "Ada").ID
	project := func(call, state string, second int, b *BotStep) {
		t.Helper()
		row := CallRow{ID: call, State: state, UpdatedAt: at(second)}
		if state == "ended" {
			row.EndedAt = at(second)
		}
		require.NoError(t, s.Project(ctx, Step{Call: row, Bot: b}))
	}
	read := func(id string) SessionRow {
		t.Helper()
		r, err := s.Session(ctx, id)
		require.NoError(t, err)
		return r
	}

	one := opened(t, s, bot, "CA1")
	_, err := s.BeginHandoff(ctx, one.ID, "rule", json.RawMessage(`{}`))
	require.NoError(t, err)
	project("CA1", "queued", 2, &BotStep{Session: one.ID, Outcome: OutcomeHandedOff, FlexTask: "WT1", FlexConversation: "WT1"})
	r := read(one.ID)
	require.Equal(t, SessionClosed, r.State)
	require.Equal(t, OutcomeHandedOff, r.Outcome)
	require.Equal(t, at(2), r.ClosedAt)
	project("CA1", "talking", 3, &BotStep{Session: one.ID, Outcome: OutcomeHandedOff, FlexReservation: "WR1"})
	project("CA1", "queued", 1, &BotStep{Session: one.ID, FlexReservation: "WR0"}) // an old step
	project("CA1", "ended", 4, &BotStep{Session: one.ID, Outcome: OutcomeHandedOff})
	r = read(one.ID)
	require.Equal(t, []string{"WT1", "WR1", "WT1"}, []string{r.FlexTask, r.FlexReservation, r.FlexConversation})
	require.Equal(t, at(2), r.ClosedAt)

	two := opened(t, s, bot, "CA2")
	project("CA2", "bot", 2, &BotStep{Session: two.ID, Outcome: OutcomeHandedOff, FlexTask: "WT2"})
	require.Equal(t, SessionOpen, read(two.ID).State, "the queue let him go: the dialogue goes on")
	project("CA2", "ended", 3, &BotStep{Session: two.ID})
	require.Equal(t, OutcomeCompleted, read(two.ID).Outcome)

	three := opened(t, s, bot, "CA3")
	_, err = s.BeginHandoff(ctx, three.ID, "rule", json.RawMessage(`{}`))
	require.NoError(t, err)
	project("CA3", "ended", 3, nil)
	r = read(three.ID)
	require.Equal(t, OutcomeAbandoned, r.Outcome)
	require.Equal(t, at(3), r.ClosedAt)

	_, err = s.Forget(ctx, at(4))
	require.NoError(t, err)
	_, err = s.Session(ctx, two.ID)
	require.ErrorIs(t, err, ErrNotFound, "what was said goes with the call")
	messages, err := s.SessionMessages(ctx, two.ID, 0, 0)
	require.NoError(t, err)
	require.Empty(t, messages)
	read(one.ID)
	stray := newSession(bot, "CA9")
	stray.Session.OpenedAt = at(1)
	lost, _, err := s.OpenSession(ctx, stray)
	require.NoError(t, err)
	_, err = s.Forget(ctx, at(4))
	require.NoError(t, err)
	_, err = s.Session(ctx, lost.ID)
	require.ErrorIs(t, err, ErrNotFound, "and one whose call never began goes by its age")
}

func testSearchSessions(t *testing.T, open opener) {
	clock := newClock()
	s := open(t, WithClock(clock.Now))
	ctx := t.Context()
	ada, bob := newBot(t, s, "Ada").ID, newBot(t, s, "Bob").ID
	var ids []string
	for i := range 5 {
		clock.Move(time.Second)
		n := newSession(ada, fmt.Sprintf("CA%d", i))
		n.Session.Caller = fmt.Sprintf("+1555000%d", i)
		if i == 4 {
			n.Session.Bot = bob
		}
		r, _, err := s.OpenSession(ctx, n)
		require.NoError(t, err)
		ids = append(ids, r.ID)
	}
	require.NoError(t, s.Project(ctx, Step{
		Call: CallRow{ID: "CA1", State: "talking", UpdatedAt: at(1), AgentSID: "WK1"},
		Bot:  &BotStep{Session: ids[1], FlexTask: "WT1", FlexReservation: "WR1", FlexConversation: "CH1"},
	}))
	require.NoError(t, s.Project(ctx, Step{Call: CallRow{ID: "CA2", State: "queued", UpdatedAt: at(1), Concerned: []string{"WK1"}}}))
	_, err := s.CloseSession(ctx, ids[0], OutcomeBusy, at(1))
	require.NoError(t, err)
	for name, row := range map[string]struct {
		filter SessionFilter
		want   []int
	}{
		"all, newest first":           {SessionFilter{}, []int{4, 3, 2, 1, 0}},
		"of a bot":                    {SessionFilter{Bot: bob}, []int{4}},
		"of a connection":             {SessionFilter{Connection: "con_b"}, nil},
		"of a caller":                 {SessionFilter{Number: "+15550003"}, []int{3}},
		"of who was called":           {SessionFilter{Number: "+15559999"}, []int{4, 3, 2, 1, 0}},
		"of a call":                   {SessionFilter{Call: "CA2"}, []int{2}},
		"by state":                    {SessionFilter{State: SessionClosed}, []int{0}},
		"by outcome":                  {SessionFilter{Outcome: OutcomeBusy}, []int{0}},
		"by task":                     {SessionFilter{FlexTask: "WT1"}, []int{1}},
		"by reservation":              {SessionFilter{FlexReservation: "WR1"}, []int{1}},
		"by conversation":             {SessionFilter{FlexConversation: "CH1"}, []int{1}},
		"of the calls of an agent":    {SessionFilter{Agent: "WK1"}, []int{2, 1}},
		"of both":                     {SessionFilter{FlexTask: "WT1", Bot: bob}, nil},
		"of an agent without any":     {SessionFilter{Agent: "WK_"}, nil},
		"of a task that is not there": {SessionFilter{FlexTask: "WT2"}, nil},
	} {
		sessions, next, err := s.Sessions(ctx, row.filter)
		require.NoError(t, err, name)
		require.Empty(t, next, name)
		var found []string
		for _, r := range sessions {
			found = append(found, r.ID)
			require.Empty(t, r.Dialogue, "lists are without what is large")
		}
		var want []string
		for _, i := range row.want {
			want = append(want, ids[i])
		}
		require.Equal(t, want, found, name)
	}
	var paged []string
	f := SessionFilter{Page: Page{Limit: 2}}
	for {
		sessions, next, err := s.Sessions(ctx, f)
		require.NoError(t, err)
		for _, r := range sessions {
			paged = append(paged, r.ID)
		}
		if f.Cursor = next; next == "" {
			break
		}
	}
	require.Equal(t, []string{ids[4], ids[3], ids[2], ids[1], ids[0]}, paged)
	_, _, err = s.Sessions(ctx, SessionFilter{Page: Page{Cursor: "?"}})
	require.ErrorIs(t, err, ErrCursor)
}
