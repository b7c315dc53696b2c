package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// occupy has somebody else hold the only session of a bot, until release is called. One caller at a time can be sure of that.
func (r *run) occupy(ctx context.Context, c *conversation) (release func(), err error) {
	r.capped.Lock()
	late := time.Now().Add(r.limits.end)
	for time.Now().Before(late) {
		line, err := r.sim.Dial(c.from+"9", c.number.Number)
		if err != nil {
			r.capped.Unlock()
			return nil, fmt.Errorf("could not dial %s: %w", c.number.Number, err)
		}
		w := r.observe(line)
		taken := w.until(ctx, r.limits.accepted+r.seconds(10), func(v view) bool { return v.queued || v.ended || len(v.said) > 0 })
		if v, _ := w.now(); taken && len(v.said) > 0 && strings.Contains(v.said[0].text, c.bot.holds) {
			return func() {
				line.HangUp()
				w.until(ctx, r.limits.lineEnd, hasEnded)
				r.capped.Unlock()
			}, nil
		}
		line.HangUp() // an earlier session is not closed yet
		if !w.until(ctx, r.limits.lineEnd, hasEnded) || !sleep(ctx, 100*time.Millisecond) {
			break
		}
	}
	r.capped.Unlock()
	return nil, errors.New("nobody could get the bot's only session")
}
