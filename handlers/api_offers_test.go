package handlers

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
)

const (
	offeredCall = "CA000000000000000000000000000000f1"
	annOffer    = "WR000000000000000000000000000000a1"
	bobOffer    = "WR000000000000000000000000000000b1"
	breakSID    = "WA000000000000000000000000000000b0"
)

// offered projects a call that is offered to ann and to bob at once; the read model's one agent is bob.
func (b *apiBundle) offered() {
	b.t.Helper()
	state := call.New(offeredCall, call.DefaultSettings())
	for _, o := range []struct{ sid, agent string }{{annOffer, annSID}, {bobOffer, bobSID}} {
		state.Apply(moment(1), call.AssignmentRequested{
			Assignment: call.Assignment{Reservation: call.ReservationSID(o.sid), Task: "WT1", Agent: call.AgentSID(o.agent)}, Manual: true,
		})
	}
	raw, err := json.Marshal(state)
	require.NoError(b.t, err)
	b.project(store.CallRow{
		ID: offeredCall, State: "reserved", AgentSID: bobSID, ReceivedAt: moment(1), UpdatedAt: moment(1), Revision: 1, Snapshot: raw,
	}, []store.LegRow{customerLeg(offeredCall, "waiting")}, store.Entry{Number: 1, Kind: "AssignmentRequested", Source: "twilio", State: "reserved"})
}

func TestAgentsAnswerTheirOwnOffers(t *testing.T) {
	t.Parallel()
	accept := func(sid call.ReservationSID) func(call.Request) call.Event {
		return func(r call.Request) call.Event { return call.AcceptRequested{Request: r, Reservation: sid} }
	}
	for name, test := range map[string]struct {
		path, key string
		status    int
		code      string
		want      func(call.Request) call.Event
	}{
		"accept by SID":                       {annOffer + "/accept", annKey, 200, "", accept(annOffer)},
		"accept by me, beside another":        {"me/accept", annKey, 200, "", accept(annOffer)},
		"the other one by me":                 {"me/accept", bobKey, 200, "", accept(bobOffer)},
		"not a colleague's":                   {bobOffer + "/accept", annKey, 403, codeNotYourOffer, nil},
		"a supervisor, anybody's":             {bobOffer + "/accept", sueKey, 200, "", accept(bobOffer)},
		"a supervisor has none of his own":    {"me/accept", sueKey, 404, codeOfferNotFound, nil},
		"one that an agent cannot have":       {"WR1/accept", annKey, 404, codeOfferNotFound, nil},
		"one that only the call knows by now": {"WR1/accept", sueKey, 200, "", accept("WR1")},
		"reject, and stay": {annOffer + "/reject", annKey, 200, "", func(r call.Request) call.Event {
			return call.RejectRequested{Request: r, Reservation: annOffer}
		}},
		"reject, for a break": {annOffer + "/reject?availability=" + breakSID, annKey, 200, "", func(r call.Request) call.Event {
			return call.RejectRequested{Request: r, Reservation: annOffer, Availability: breakSID}
		}},
		"reject, for nonsense": {annOffer + "/reject?availability=lunch", annKey, 400, codeBadRequest, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupAPI(t)
			b.offered()
			answer := b.do(http.MethodPost, "/v1/calls/"+offeredCall+"/reservations/"+test.path, test.key)
			require.Equal(t, test.status, answer.Code, answer.Body.String())
			asked := b.engine.requests()
			if test.want == nil {
				require.Contains(t, answer.Body.String(), `"`+test.code+`"`)
				require.Empty(t, asked)
				return
			}
			require.Len(t, asked, 1)
			by := asked[0].event
			switch e := by.(type) {
			case call.AcceptRequested:
				require.Equal(t, test.want(e.Request), by)
			case call.RejectRequested:
				require.Equal(t, test.want(e.Request), by)
			default:
				require.Fail(t, "neither accept nor reject", "%T", e)
			}
		})
	}
}
