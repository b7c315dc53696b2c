// Package floor decides about the agents of a workspace who do not answer: the reservation-cascade breaker.
//
// An agent whose phone rings in vain goes off, or the same phone would ring for one caller after the other. When the phones of many fall silent
// at once (a network, a desktop, Twilio), that rule empties a queue within minutes, and nobody comes back by himself, for nobody did anything
// wrong. So misses are counted for each queue: when enough different agents, who are enough of those on duty, miss within a window, it is a
// fault. Then people are alerted, a share of the agents stays on whatever happens, and those who went off are brought back, at growing
// intervals and not for ever.
//
// It is built as package call is: pure, without a clock. Whoever drives it runs
//
//	for each event {
//		state.Apply(now, event)
//		for _, c := range state.Plan() {
//			order := state.Begin(now, c) // do it; its result is an event that names order.Number
//		}
//		// wake at state.NextDeadline with ClockTicked
//	}
//
// One rule stands above the others: where a person put an agent, himself included, he stays. Only who was moved off for a miss, and was not touched by
// anybody since, is brought back, and to where he was.
package floor
