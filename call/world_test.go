package call_test

import (
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"holdfast/call"
)

// world is a deliberately dumb Twilio with one customer and a few agents, in virtual time. It does what people and commands do to it, and tells
// of it by events; how late, how often and whether those arrive is drawn.
type world struct {
	t     *rapid.T
	now   time.Time
	queue schedule
	tell  func(call.Event) // delivers to the call

	// How badly the events travel: chances in percent, and the longest delay.
	drop, double, fail int
	delay              time.Duration

	customerStatus string // Twilio's CallStatus
	taskStatus     string
	reservation    string // status of the newest
	offers         int    // reservations so far
	flex           bool   // agents accept by themselves: by our API, or by their desktop's own instruction
	own            bool   // … the room was made by the latter: no callback tells of it
	rung           bool   // the agent of the newest reservation is being rung
	room           map[call.SID]*call.Participant
	roomState      string // "", "init", "in-progress", "completed"
	rooms, seq     int
	together       bool          // customer and agent met
	invited                      // who was brought in besides
	supervised                   // who listens
	botted                       // the bot that has the customer first
	heard          *[]call.Event // what was told, in the order in which it happened
}

type item struct {
	at   time.Time
	n    int
	what func()
}

type schedule []item

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	return s[i].at.Before(s[j].at) || s[i].at.Equal(s[j].at) && s[i].n < s[j].n
}
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)   { *s = append(*s, x.(item)) }
func (s *schedule) Pop() any     { o := *s; x := o[len(o)-1]; *s = o[:len(o)-1]; return x }

func (w *world) after(d time.Duration, what func()) {
	w.seq++
	heap.Push(&w.queue, item{w.now.Add(d), w.seq, what})
}

func (w *world) percent(label string) int {
	if sure, ok := w.sure[label]; ok {
		return sure
	}
	if w.dice != nil {
		return int(w.dice.roll(100))
	}
	return rapid.IntRange(0, 99).Draw(w.t, label)
}

func (w *world) wait(label string, most time.Duration) time.Duration {
	if sure, ok := w.sure[label]; ok {
		return time.Duration(sure) * time.Second
	}
	if w.dice != nil {
		return time.Duration(w.dice.roll(uint64(most/time.Millisecond)+1)) * time.Millisecond
	}
	return time.Duration(rapid.Int64Range(0, int64(most/time.Millisecond)).Draw(w.t, label)) * time.Millisecond
}

// say tells of something at once and surely.
func (w *world) say(e call.Event) {
	if w.heard != nil {
		*w.heard = append(*w.heard, e)
	}
	w.tell(e)
}

// happen tells of something, as webhooks do.
func (w *world) happen(e call.Event) {
	switch e.(type) {
	case call.ParticipantJoined, call.ParticipantLeft, call.ParticipantHeld, call.ParticipantUnheld, call.ParticipantMuted,
		call.ParticipantUnmuted, call.ParticipantModified, call.ConferenceStarted, call.ConferenceEnded:
		if w.own {
			return
		}
	}
	if w.heard != nil {
		*w.heard = append(*w.heard, e)
	}
	if w.percent("drop") < w.drop {
		return
	}
	w.after(w.wait("delay", w.delay), func() { w.tell(e) })
	if w.percent("double") < w.double {
		w.after(w.wait("delay", w.delay), func() { w.tell(e) })
	}
}

const (
	customer = call.SID("CAcustomer")
	task     = call.TaskSID("WT1")
)

func (w *world) offer() call.Assignment {
	n := w.offers
	return call.Assignment{
		Reservation: call.ReservationSID(fmt.Sprintf("WR%d", n)), Task: task, Agent: call.AgentSID(fmt.Sprintf("WK%d", n)), Queue: "WQ1",
		Address: []string{"client:ann", "+15551112222"}[n%2],
	}
}

func (w *world) agent() call.SID { return call.SID(fmt.Sprintf("CAagent%d", w.offers)) }

func (w *world) conference() call.ConferenceSID {
	return call.ConferenceSID(fmt.Sprintf("CF%d", w.rooms))
}

func (w *world) participant(sid call.SID) call.Participant {
	p := *w.room[sid]
	if w.mumbles {
		p.Coach = ""
	}
	w.seq++
	p.Sequence = w.seq
	return p
}

// begin lets the customer call.
func (w *world) begin() {
	w.customerStatus, w.taskStatus = "in-progress", "pending"
	w.flex = w.percent("flex") < 40
	w.announced = !w.plain && !w.flex && w.percent("announced") < 20
	w.legs = map[call.SID]*dialled{}
	w.room = map[call.SID]*call.Participant{}
	if w.bot {
		w.beginWithBot()
		return
	}
	w.ttl()
	w.say(call.CallReceived{Call: customer, From: "+15550001", To: "+15559999", Direction: "inbound"})
	w.queued()
	w.after(w.wait("patience", 10*time.Minute), w.customerHangsUp)
	w.after(w.wait("free", time.Minute), w.reserve)
}

func (w *world) ttl() {
	if !w.plain && w.percent("ttl") < 10 {
		w.after(w.wait("ttl", time.Minute), func() { w.cancel("Task TTL Exceeded") })
	}
}

func (w *world) queued() {
	w.happen(call.TaskCreated{Task: task, Call: customer})
	w.happen(call.TaskQueueEntered{Task: task, Queue: "WQ1", QueueName: "Support", At: w.now})
}

// reserve offers the call to the next agent, who answers, or does not.
func (w *world) reserve() {
	if w.taskStatus != "pending" {
		return
	}
	w.offers++
	w.taskStatus, w.reservation, w.rung = "reserved", "pending", false
	offer := w.offer()
	w.happen(call.ReservationCreated{Assignment: offer})
	w.say(call.AssignmentRequested{Assignment: offer, Manual: w.flex, Announced: w.announced}) // we answer it ourselves: it is never lost
	if w.announced {
		w.ringAnnounced(w.agent(), offer, "", func() bool { return w.ringing(offer) })
		return
	}
	if !w.flex {
		w.ring(offer)
		return
	}
	w.after(2*time.Minute, func() {
		if w.ringing(offer) && !w.rung {
			w.reservation, w.taskStatus = "timeout", "pending"
			w.happen(call.ReservationTimedOut{Assignment: offer})
			w.after(w.wait("again", 5*time.Second), w.reserve)
		}
	})
	r := call.Request{Action: "offer" + string(offer.Reservation), By: call.Actor{Role: "agent", Agent: offer.Agent}}
	answer := w.percent("offer")
	w.after(w.wait("click", 30*time.Second), func() {
		switch {
		case answer < 40:
			w.tell(call.AcceptRequested{Request: r, Reservation: offer.Reservation})
		case answer < 60:
			w.tell(call.RejectRequested{Request: r, Reservation: offer.Reservation, Availability: "WAbreak"})
		case answer < 90 && w.ringing(offer) && !w.rung:
			w.own = true
			w.ring(offer)
		}
	})
}

// ring dials the agent, who answers, or does not.
func (w *world) ring(offer call.Assignment) {
	w.rung = true
	switch answer := w.percent("answer"); {
	case answer < 60:
		w.after(w.wait("ring", 15*time.Second), func() { w.agentAnswers(offer) })
	default:
		w.after(20*time.Second, func() { w.offerFails(offer) })
	}
}

func (w *world) ringing(offer call.Assignment) bool {
	return w.reservation == "pending" && w.offer().Reservation == offer.Reservation
}

func (w *world) offerFails(offer call.Assignment) {
	if !w.ringing(offer) {
		return
	}
	w.reservation, w.taskStatus = "canceled", "pending"
	w.happen(call.ReservationCanceled{Assignment: offer, TaskStatus: "pending"})
	w.after(w.wait("again", 5*time.Second), w.reserve)
}

func (w *world) agentAnswers(offer call.Assignment) {
	if !w.ringing(offer) {
		return
	}
	w.rooms++
	w.roomState, w.brought = "init", offer.Reservation
	agent := w.agent()
	w.room = map[call.SID]*call.Participant{agent: {
		Conference: w.conference(), Call: agent, Instruction: offer.Reservation, EndConferenceOnExit: w.own,
	}}
	w.happen(call.ParticipantJoined{Participant: w.participant(agent)})
	if w.percent("goes at once") < 10 { // before the customer is brought in
		w.leaves(agent, "participant_hung_up")
		w.offerFails(offer)
		return
	}
	w.room[customer] = &call.Participant{Conference: w.conference(), Call: customer, EndConferenceOnExit: true, Instruction: offer.Reservation}
	w.happen(call.ParticipantJoined{Participant: w.participant(customer)})
	w.roomState = "in-progress"
	w.seq++
	w.happen(call.ConferenceStarted{Conference: w.conference(), Name: string(task), Sequence: w.seq})
	w.reservation, w.taskStatus, w.together = "accepted", "assigned", true
	w.happen(call.ReservationAccepted{Assignment: offer, AgentCall: agent, Conference: w.conference()})
	if w.percent("agent hangs up") < 40 {
		w.after(w.wait("talk", 5*time.Minute), func() { w.leaves(agent, "participant_hung_up") })
	}
}

func (w *world) leaves(sid call.SID, reason string) {
	p := w.room[sid]
	if p == nil || w.roomState == "completed" {
		return
	}
	left := w.participant(sid)
	delete(w.room, sid)
	w.happen(call.ParticipantLeft{Participant: left, Reason: reason})
	w.legEnds(sid, "completed")
	switch {
	case p.EndConferenceOnExit:
		w.roomEnds("participant-with-end-conference-on-exit-left", "moderator_ended_conference", sid)
	case len(w.room) == 0:
		w.roomEnds("last-participant-left", "", sid)
	case sid == w.agent():
		w.wrapUp()
	}
}

func (w *world) roomEnds(reason, others string, by call.SID) {
	if w.roomState == "" || w.roomState == "completed" {
		return
	}
	w.roomState = "completed"
	w.seq++
	w.happen(call.ConferenceEnded{Conference: w.conference(), Reason: reason, EndedBy: by, Sequence: w.seq})
	for _, sid := range slices.Sorted(maps.Keys(w.room)) {
		w.happen(call.ParticipantLeft{Participant: w.participant(sid), Reason: others})
		delete(w.room, sid)
		w.legEnds(sid, "completed")
		if sid == customer && w.percent("next verb") < 80 { // else the customer's call lives on
			w.customerEnds()
		}
	}
	w.wrapUp()
}

func (w *world) wrapUp() {
	if w.taskStatus == "assigned" && !w.announced {
		w.taskStatus, w.reservation = "wrapping", "wrapping"
		w.happen(call.ReservationWrapup{Assignment: w.offer()})
		w.happen(call.TaskWrapup{Task: task})
	}
}

func (w *world) customerEnds() {
	if w.present() {
		w.customerStatus = "completed"
		w.happen(call.CallStatusChanged{Call: customer, Status: "completed"})
	}
}

func (w *world) customerHangsUp() {
	if !w.present() {
		return
	}
	w.customerEnds()
	if w.room[customer] != nil {
		w.leaves(customer, "participant_hung_up")
		return
	}
	w.cancel("hangup")
}

func (w *world) cancel(reason string) bool {
	if w.taskStatus != "pending" && w.taskStatus != "reserved" {
		return false
	}
	if w.taskStatus == "reserved" {
		w.reservation = "canceled"
		w.happen(call.ReservationCanceled{Assignment: w.offer(), TaskStatus: []string{"", "canceled"}[w.seq%2]})
	}
	w.taskStatus = "canceled"
	w.happen(call.TaskCanceled{Task: task, Reason: reason})
	return true
}

// do carries out a command, and says how Twilio answers.
func (w *world) do(o call.Order) call.Event {
	refused := call.CommandFailed{Command: o.Number, Failure: call.Failure{Kind: call.FailureRefused, Message: "not now"}}
	gone := call.CommandFailed{Command: o.Number, Failure: call.Failure{Kind: call.FailureGone, Message: "not found"}}
	set := func(leg call.SID, change func(*call.Participant), said func(call.Participant) call.Event) call.Event {
		p := w.room[leg]
		if p == nil || w.roomState == "completed" {
			return gone
		}
		before := *p
		change(p)
		w.carriedOut(w.t, o, &before, p)
		w.happen(said(w.participant(leg)))
		return call.CommandSucceeded{Command: o.Number}
	}
	switch c := o.Command.(type) {
	case call.HoldParticipant:
		return set(c.Leg, func(p *call.Participant) { p.Hold = c.Hold }, func(p call.Participant) call.Event {
			if c.Hold {
				return call.ParticipantHeld{Participant: p}
			}
			return call.ParticipantUnheld{Participant: p}
		})
	case call.MuteParticipant:
		return set(c.Leg, func(p *call.Participant) { p.Muted = c.Muted }, func(p call.Participant) call.Event {
			if c.Muted {
				return call.ParticipantMuted{Participant: p}
			}
			return call.ParticipantUnmuted{Participant: p}
		})
	case call.CoachParticipant:
		return w.coach(o, c, set)
	case call.FlagParticipant:
		return set(c.Leg, func(p *call.Participant) { p.EndConferenceOnExit = c.EndConferenceOnExit },
			func(p call.Participant) call.Event { return call.ParticipantModified{Participant: p} })
	case call.RemoveParticipant:
		if w.room[c.Leg] == nil {
			return gone
		}
		w.leaves(c.Leg, "participant_updated_via_api")
	case call.EndConference:
		if w.roomState == "completed" {
			return gone
		}
		w.roomEnds("conference-ended-via-api", "conference_ended_via_api", "")
	case call.HangUpCall:
		if c.Leg != customer {
			if !w.hangUp(c.Leg) {
				return gone
			}
			break
		}
		w.customerHangsUp()
	case call.AddParticipant:
		sid := w.dial(c)
		if sid == "" {
			return gone
		}
		return call.CommandSucceeded{Command: o.Number, Call: sid}
	case call.CreateTask:
		t := w.seek(c)
		if t == nil {
			return call.CommandFailed{Command: o.Number, Failure: call.Failure{Kind: call.FailureRefused, Code: call.CodeAgentUnavailable}}
		}
		return call.CommandSucceeded{Command: o.Number, Task: t.sid}
	case call.AcceptReservation:
		if !w.accept(c) {
			return refused
		}
	case call.WrapUpReservation:
		if !w.wrap(c) {
			return refused
		}
	case call.MoveCustomer:
		if !w.move() {
			return refused
		}
	case call.CompleteTask:
		if t := w.taskOf(c.Task); t != nil {
			if t.status != "assigned" && t.status != "wrapping" {
				return refused
			}
			t.status, t.reservation = "completed", "completed"
			w.happen(call.TaskCompleted{Task: t.sid})
			break
		}
		if w.taskStatus != "assigned" && w.taskStatus != "wrapping" {
			return refused
		}
		w.taskStatus, w.reservation = "completed", "completed"
		w.happen(call.TaskCompleted{Task: task})
	case call.CancelTask:
		if t := w.taskOf(c.Task); t != nil {
			if !w.cancelTask(t, c.Reason) {
				return refused
			}
			break
		}
		if !w.cancel(c.Reason) {
			return refused
		}
	case call.RejectReservation:
		if t := w.taskOf(c.Task); t != nil {
			if t.reservation != "pending" || t.offer().Reservation != c.Reservation {
				return refused
			}
			t.reservation, t.status = "rejected", "pending"
			w.happen(call.ReservationRejected{Assignment: t.offer()})
			w.after(w.wait("again", 5*time.Second), func() { w.offerTask(t) })
			break
		}
		if w.reservation != "pending" {
			return refused
		}
		w.reservation, w.taskStatus = "rejected", "pending"
		w.happen(call.ReservationRejected{Assignment: w.offer()})
		w.after(w.wait("again", 5*time.Second), w.reserve)
	case call.InstructReservation:
		offer := w.offer()
		if w.reservation != "pending" || offer.Reservation != c.Reservation {
			return refused
		}
		if !w.rung { // asked again, it is being accepted already
			w.own = false
			w.ring(offer)
		}
	case call.DismissCaller:
		if w.room[customer] != nil {
			w.leaves(customer, "participant_updated_via_api")
		}
		w.cancel("redirected")
		if w.percent("farewell") < 80 { // else the caller's line lives on
			w.after(10*time.Second, w.customerHangsUp)
		}
	case call.SetAvailability:
	case call.PlaceCall:
		w.place()
		return call.CommandSucceeded{Command: o.Number, Call: customer}
	case call.EnqueueCaller:
		if !w.present() {
			return refused
		}
		w.enqueueCaller(c)
	case call.SummariseHandoff:
		w.summaries++
	case call.ReadBack:
		return call.CallReadBack{Command: o.Number, Snapshot: w.snapshot(c)}
	}
	return call.CommandSucceeded{Command: o.Number}
}

func (w *world) snapshot(asked call.ReadBack) call.Snapshot {
	s := call.Snapshot{CustomerStatus: w.customerStatus}
	if asked.Task != "" {
		s.Task = &call.TaskSnapshot{Task: asked.Task, Status: w.taskStatus}
	}
	if asked.SeekTask {
		if s.NoTask = w.taskStatus == ""; !s.NoTask {
			s.Task = &call.TaskSnapshot{Task: task, Status: w.taskStatus}
		}
	}
	if newest := w.offer(); asked.Task != "" && w.offers > 0 &&
		(newest.Reservation == asked.Reservation || slices.Contains([]string{"pending", "accepted", "wrapping"}, w.reservation)) {
		s.Reservation = &call.ReservationSnapshot{Reservation: newest.Reservation, Status: w.reservation, Agent: newest.Agent, Address: newest.Address}
	}
	switch {
	case asked.Conference != "" && asked.Conference != w.conference(): // there is one room at a time
		s.Conference = &call.ConferenceSnapshot{Conference: asked.Conference, Status: "completed"}
	case w.roomState != "":
		s.Conference = &call.ConferenceSnapshot{Conference: w.conference(), Status: w.roomState}
		for _, sid := range slices.Sorted(maps.Keys(w.room)) {
			s.Conference.Participants = append(s.Conference.Participants, *w.room[sid])
		}
		s.Conference.Participants = append(s.Conference.Participants, w.rungInto()...)
	}
	w.snapshotInvited(asked, &s)
	return s
}
