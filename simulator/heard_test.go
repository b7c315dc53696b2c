package simulator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// heard lists what a leg has heard that is over, or goes on, in words; names are by CallSid.
func (r *room) heard(name string) (out []string) {
	for _, h := range r.sim.Heard(r.people[name].CallSID()) {
		word := h.Sound
		for who, p := range r.people {
			if p.CallSID() == h.Of {
				word = who
			}
		}
		if h.Coaching {
			word += " coaching"
		}
		if h.Until.IsZero() {
			word += " still"
		}
		out = append(out, word)
	}
	return out
}

func TestTheLogTellsWhoHeardWhomAndWhat(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "ann", "bob")
	r.people["ann"].notices(LineTogether, "")
	require.Equal(t, []string{defaultMusic, "bob still"}, r.heard("ann"))
	r.update("bob", "Hold=true")
	require.Equal(t, []string{defaultMusic, "bob"}, r.heard("ann"))
	require.Equal(t, []string{"ann", defaultMusic + " still"}, r.heard("bob"))
	r.update("bob", "Hold=false")
	r.update("ann", "Muted=true")
	require.Equal(t, "ann", r.heard("bob")[len(r.heard("bob"))-1])
	require.Equal(t, []string{defaultMusic, "bob", "bob still"}, r.heard("ann"))
	r.people["ann"].HangUp()
	r.people["ann"].rest()
	require.Equal(t, []string{defaultMusic, "bob", "bob"}, r.heard("ann"), "nothing is heard after the end")
	for _, h := range r.sim.Heard(r.people["ann"].CallSID()) {
		require.False(t, h.Until.Before(h.From))
	}
	require.Empty(t, r.sim.Heard("CA0"))
}

func TestACustomerWhoHearsACoachIsAViolation(t *testing.T) {
	t.Parallel()
	r := newRoom(t, nil, "customer", "agent", "coach")
	customer := r.people["customer"].CallSID()
	r.sim.mu.Lock()
	r.sim.voice.calls[customer].customer = true
	r.sim.mu.Unlock()
	r.people["customer"].notices(LineTogether, "")

	require.Contains(t, r.heard("customer"), "coach still", "who barges is heard")
	r.update("coach", "Coaching=true", "CallSidToCoach="+r.people["agent"].CallSID())
	require.Contains(t, r.heard("agent"), "coach coaching still")
	require.Contains(t, r.heard("customer"), "coach")
	require.NotContains(t, r.heard("customer"), "coach coaching still")
	require.Empty(t, r.sim.Violations())

	r.people["agent"].HangUp()
	r.people["agent"].rest()
	require.Contains(t, r.heard("customer"), "coach coaching still", "once the coached leg has left, all hear the coach")
	violations := r.sim.Violations()
	require.Len(t, violations, 1)
	require.Contains(t, violations[0], "customer "+customer+" hears "+r.people["coach"].CallSID()+", who coaches")
	r.forgiven = true
}
