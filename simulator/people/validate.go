package people

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Validate says everything that is wrong with the script, each fault with its place.
func (s *Script) Validate() error {
	v := &faults{}
	s.Centre.validate(v)
	s.Agents.validate(v)
	numbers := names(s.Centre.Numbers, func(n NumberScript) string { return n.Name })
	for i, c := range s.Callers {
		at := fmt.Sprintf("callers[%d]", i)
		v.check(c.Weight > 0, "%s: weight must be above 0", at)
		v.share(at+".hangs_up_first", c.HangsUpFirst)
		v.check(strings.Trim(c.Keys, "0123456789*#ABCD") == "", "%s: keys may be 0-9, *, # and A-D", at)
		for _, n := range c.Calls {
			v.check(slices.Contains(numbers, n), "%s: calls %q, which is no number's name", at, n)
		}
	}
	v.check(s.Rate >= 0, "rate must not be below 0")
	total := 0.0
	for name, weight := range s.Mix {
		v.check(slices.Contains(mixable(), name), "mix: %q is no scenario; there are %s", name, strings.Join(mixable(), ", "))
		v.check(weight >= 0, "mix.%s: weight must not be below 0", name)
		total += weight
	}
	v.check(total > 0, "mix: all weights are 0")
	if len(v.found) == 0 {
		return nil
	}
	return fmt.Errorf("script %q: %w", s.Name, errors.Join(v.found...))
}

// e164 is what Twilio calls a telephone number.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (c *CentreScript) validate(v *faults) {
	v.check(c.Workspace != "", "centre: a workspace needs a name")
	availabilities := names(c.Availabilities, func(a AvailabilityScript) string { return a.Name })
	v.unique("centre.availabilities", availabilities)
	v.check(c.ready() != "", "centre: no availability is available")
	v.check(c.away() != "", "centre: every availability is available; agents need one to be away in")
	v.check(slices.Contains(availabilities, c.MissedAvailability), "centre: missed_availability %q is no availability", c.MissedAvailability)

	queues := names(c.Queues, func(q QueueScript) string { return q.Name })
	v.unique("centre.queues", queues)
	v.check(len(queues) > 0, "centre: no queues")
	for i, q := range c.Queues {
		v.check(q.MaxReserved >= 1 && q.MaxReserved <= 50, "centre.queues[%d]: max_reserved must be from 1 to 50", i)
		v.check(q.Order == "FIFO" || q.Order == "LIFO", "centre.queues[%d]: order must be FIFO or LIFO", i)
	}
	routings := names(c.RoutingWorkflows, func(w RoutingScript) string { return w.Name })
	v.unique("centre.routing_workflows", routings)
	for i, w := range c.RoutingWorkflows {
		at := fmt.Sprintf("centre.routing_workflows[%d]", i)
		w.validate(v, at, queues)
	}
	v.unique("centre.numbers", names(c.Numbers, func(n NumberScript) string { return n.Name }))
	v.unique("centre.numbers: number", names(c.Numbers, func(n NumberScript) string { return n.Number }))
	open := false
	for i, n := range c.Numbers {
		open = open || !n.Closed && n.Entrance == ""
		v.check(slices.Contains(entrances, n.Entrance), "centre.numbers[%d]: %q is no entrance", i, n.Entrance)
		v.check(e164.MatchString(n.Number), "centre.numbers[%d]: %q is no E.164 number", i, n.Number)
		v.check(slices.Contains(routings, n.Routing), "centre.numbers[%d]: routing %q is no routing workflow", i, n.Routing)
	}
	v.check(open, "centre: no number that is not closed")
	c.validateBots(v, routings)
	agents := names(c.Agents, func(a AgentEntry) string { return strings.ToLower(a.Name) }) // as TaskRouter compares them
	v.unique("centre.agents", agents)
	addresses := append(names(c.Agents, func(a AgentEntry) string { return a.Address }),
		names(c.Supervisors, func(s SupervisorEntry) string { return s.Address })...)
	v.unique("centre.agents: address", addresses)
	v.unique("centre.supervisors", names(c.Supervisors, func(s SupervisorEntry) string { return s.Name }))
	for i, s := range c.Supervisors {
		v.check(reachable(s.Address), "centre.supervisors[%d]: address %q must be client:…, sip:… or an E.164 number", i, s.Address)
	}
	for i, a := range c.Agents {
		at := fmt.Sprintf("centre.agents[%d]", i)
		v.check(reachable(a.Address), "%s: address %q must be client:…, sip:… or an E.164 number", at, a.Address)
		v.check(a.Capacity >= 1, "%s: capacity must be 1 or more", at)
		for _, own := range []string{"skills", "contact_uri"} {
			_, taken := a.Attributes[own]
			v.check(!taken, "%s: attributes must not hold %s, which has a key of its own", at, own)
		}
	}
}

// entrances are what a number's may be.
var entrances = []string{
	"", entranceStudio, entranceFlex, entrancePair, entranceAnnounce, entranceSolo, entranceSupervise,
	entranceBot, entranceBotTime, entranceBotSlow, entranceBotCap, entranceBotModel,
}

func (c *CentreScript) validateBots(v *faults, routings []string) {
	v.unique("centre.bots", names(c.Bots, func(b BotScript) string { return b.Name }))
	v.unique("centre.bots: number", names(c.Bots, func(b BotScript) string { return b.Number }))
	for i, b := range c.Bots {
		at := fmt.Sprintf("centre.bots[%d]", i)
		n := slices.IndexFunc(c.Numbers, func(n NumberScript) bool { return n.Name == b.Number })
		v.check(n >= 0, "%s: %q is no number's name", at, b.Number)
		v.check(n < 0 || strings.HasPrefix(c.Numbers[n].Entrance, entranceBot), "%s: number %q has no entrance for a bot", at, b.Number)
		v.check(b.Routing == "" || slices.Contains(routings, b.Routing), "%s: routing %q is no routing workflow", at, b.Routing)
	}
	for i, n := range c.Numbers {
		answered := slices.ContainsFunc(c.Bots, func(b BotScript) bool { return b.Number == n.Name })
		v.check(answered || !strings.HasPrefix(n.Entrance, entranceBot), "centre.numbers[%d]: entrance %q, and no bot answers", i, n.Entrance)
	}
}

func reachable(address string) bool {
	return e164.MatchString(address) || strings.HasPrefix(address, "client:") || strings.HasPrefix(address, "sip:")
}

func (w *RoutingScript) validate(v *faults, at string, queues []string) {
	v.check(w.ReservationTimeout >= 1 && w.ReservationTimeout <= 86400, "%s: reservation_timeout must be from 1 to 86400 seconds", at)
	v.check(w.DefaultQueue == "" || slices.Contains(queues, w.DefaultQueue), "%s: default_queue %q is no queue", at, w.DefaultQueue)
	v.check(slices.Contains([]string{ModeDesktop, ModeFlex, ModeAnnounce}, w.Mode), "%s: mode must be %s, %s or %s", at, ModeDesktop, ModeFlex, ModeAnnounce)
	v.check(len(w.Filters) > 0 || w.DefaultQueue != "", "%s: neither filters nor default_queue", at)
	for i, f := range w.Filters {
		at := fmt.Sprintf("%s.filters[%d]", at, i)
		v.check(f.Expression != "", "%s: no expression", at)
		v.check(len(f.Targets) > 0, "%s: no targets", at)
		for j, t := range f.Targets {
			// A step without a queue keeps the one before it; so only the first needs one.
			v.check(slices.Contains(queues, t.Queue) || (t.Queue == "" && j > 0), "%s.targets[%d]: %q is no queue", at, j, t.Queue)
			v.check(t.Priority >= 0 && t.Timeout >= 0, "%s.targets[%d]: priority and timeout must not be below 0", at, j)
		}
	}
}

func (a *AgentScript) validate(v *faults) {
	v.share("agents.hold.share", a.Hold.Share)
	v.share("agents.mute.share", a.Mute.Share)
}

// faults collects what is wrong, so that an author sees all of it at once.
type faults struct{ found []error }

func (v *faults) check(ok bool, format string, args ...any) {
	if !ok {
		v.found = append(v.found, fmt.Errorf(format, args...))
	}
}

func (v *faults) share(at string, share float64) {
	v.check(share >= 0 && share <= 1, "%s must be from 0 to 1", at)
}

func (v *faults) unique(at string, names []string) {
	for i, n := range names {
		v.check(n != "", "%s[%d]: a name is missing", at, i)
		v.check(n == "" || !slices.Contains(names[:i], n), "%s[%d]: %q is there twice", at, i, n)
	}
}

func names[T any](all []T, name func(T) string) []string {
	list := make([]string, 0, len(all))
	for _, one := range all {
		list = append(list, name(one))
	}
	return list
}
