package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testDialIns(t *testing.T, open opener) {
	clock := newClock()
	s := open(t, WithClock(clock.Now))
	ctx := t.Context()
	put := func(hash, call, invitation string) bool {
		ok, err := s.PutDialIn(ctx, DialIn{CodeHash: hash, Call: call, Invitation: invitation, ExpiresAt: clock.Now().Add(5 * time.Minute)})
		require.NoError(t, err)
		return ok
	}
	use := func(hash, by, attempt string) (DialIn, error) {
		return s.UseDialIn(ctx, DialInGuess{CodeHash: hash, By: by, Attempt: attempt, Most: 3, Since: clock.Now().Add(-10 * time.Minute)})
	}
	require.True(t, put("h1", "CA1", "supervisor-1"))
	require.True(t, put("h2", "CA2", "supervisor-1"))
	require.False(t, put("h2", "CA1", "supervisor-7"), "a code leads to one call")

	d, err := use("h1", "CAsue", "CAsue:1")
	require.NoError(t, err)
	require.Equal(t, "CA1", d.Call)
	require.Equal(t, "supervisor-1", d.Invitation)
	require.True(t, clock.Now().Add(5*time.Minute).Equal(d.ExpiresAt))
	_, err = use("h1", "CAsue", "CAsue:1")
	require.NoError(t, err, "Twilio asks twice when an answer was lost")
	_, err = use("h1", "CAother", "CAother:1")
	require.ErrorIs(t, err, ErrNotFound, "a code has one use")

	require.True(t, put("h3", "CA2", "supervisor-1"))
	_, err = use("h2", "CAtom", "CAtom:1")
	require.ErrorIs(t, err, ErrNotFound, "another code took its place")
	_, err = use("h2", "CAtom", "CAtom:1")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = use("h3", "CAtom", "CAtom:2")
	require.NoError(t, err, "an attempt that is told twice counts once")

	require.True(t, put("h4", "CA4", "supervisor-1"))
	_, err = use("h9", "CAx", "CAx:1")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = use("h4", "CAx", "CAx:2")
	require.ErrorIs(t, err, ErrDialInsLocked, "after so many wrong ones no code is taken, not even a right one")
	clock.Move(11 * time.Minute)
	_, err = use("h4", "CAx", "CAx:3")
	require.ErrorIs(t, err, ErrNotFound, "it expired, and codes are taken again")
	require.True(t, put("h4", "CA5", "supervisor-1"), "the hash of an expired code is free")
	_, err = use("h4", "CAy", "CAy:1")
	require.NoError(t, err)

	clock.Move(time.Hour)
	_, err = s.Forget(ctx, clock.Now())
	require.NoError(t, err)
	for _, table := range []string{"dial_ins", "dial_in_misses"} {
		var n int
		require.NoError(t, s.read.GetContext(ctx, &n, "SELECT COUNT(*) FROM "+table))
		require.Zero(t, n, table)
	}
}
