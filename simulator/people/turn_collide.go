package people

import (
	"context"
	"sync"
	"time"
)

// collision is several people who act on one call at the same moment. Whatever order that takes, each gets a true answer.
type collision struct {
	agent        turn // what he does; nil: ends the call
	supervisor   supervision
	callerGoes   bool
	callerDelays float64
}

func (t collision) takes() int {
	if t.agent == nil {
		return 0
	}
	return t.agent.takes()
}

func (t collision) play(ctx context.Context, d *desk) (stays bool) {
	r := d.a.r
	taken := r.supervisors.take(ctx, 1, d.w.done)
	if taken == nil {
		return true
	}
	d.unsure = true // what others do makes a refusal true
	var all sync.WaitGroup
	if t.callerGoes {
		all.Go(func() {
			if r.pause(ctx, nil, t.callerDelays) {
				d.c.update(func(s *shared) { s.leaveAt = time.Now() })
			}
		})
	}
	took := false
	all.Go(func() {
		l := &listening{s: taken[0], d: d, plan: t.supervisor}
		if took = l.live(ctx); !took {
			r.sim.Attach(l.s.entry.Address, nil)
			r.supervisors.give(l.s)
		}
	})
	all.Go(func() {
		if t.agent != nil {
			stays = t.agent.play(ctx, d)
			return
		}
		if d.c.end(agentEnds) == agentEnds {
			r.tell(AgentEnds, d.a.entry.Name, d.call, "presses end")
			d.ask(ctx, "end", "/end", nil)
		}
	})
	all.Wait()
	v, _ := d.w.now()
	return stays && !took && !v.ended
}
