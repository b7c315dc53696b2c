package simulator

import (
	"context"
	"strings"
)

// A Habit is what a phone does whenever it rings. The zero value answers at once, hears, presses nothing and stays until the other side
// hangs up: with some seconds before the answer, an answering machine.
type Habit struct {
	Busy    bool    // it refuses each call: Twilio reports busy
	Ignores bool    // it lets the phone ring: Twilio reports no-answer
	After   float64 // seconds that it lets the phone ring before it answers
	// Keys are what it presses when it hears something: a text or address that contains the word. Each word counts as often as it is
	// heard.
	Keys map[string]string
	// HangsUpAfter and VanishesAfter are for how many seconds it stays, 0 for as long as it is let: then it hangs up, or is gone without
	// a word (see Line.Drop).
	HangsUpAfter, VanishesAfter float64
}

// Phone is a phone of such a habit.
func (s *Simulator) Phone(h Habit) Phone {
	return PhoneFunc(func(ctx context.Context, line Line) {
		switch {
		case h.Ignores || !s.wait(ctx, h.After):
			return
		case h.Busy:
			line.Reject()
			return
		}
		line.Answer()
		for _, end := range []struct {
			after float64
			by    func()
		}{{h.HangsUpAfter, line.HangUp}, {h.VanishesAfter, line.Drop}} {
			if end.after > 0 {
				s.goroutine(func() {
					if s.wait(ctx, end.after) {
						end.by()
					}
				})
			}
		}
		for e := range line.Events() {
			if e.Kind != LineHears {
				continue
			}
			for word, keys := range h.Keys {
				if strings.Contains(e.Detail, word) {
					line.Press(keys)
				}
			}
		}
	})
}
