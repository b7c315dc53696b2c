package call_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/call"
)

// invited is the part of the world that brings people in: tasks made to find them, legs dialled under labels, and what they hear before they come in.
type invited struct {
	dice      *dice               // draws evenly, if set; rapid prefers small values, which seldom lead far
	plain     bool                // nobody is ever brought in
	brought   call.ReservationSID // whose callbacks the room has: its first participant's
	held      bool                // people may ask that the customer be held
	announced bool                // the first task's agents hear whom they get
	tasks     []*sought
	legs      map[call.SID]*dialled
	open      func(call.Label) (alive, wanted bool) // what our handlers ask before somebody goes in: of the call, of him
}

// dice is a small generator of even numbers without end (splitmix64).
type dice struct{ state uint64 }

func (d *dice) roll(n uint64) uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return (z ^ z>>31) % n
}

// sought is a task that was made to find somebody.
type sought struct {
	sid         call.TaskSID
	label       call.Label
	status      string
	reservation string // status of the newest
	offers      int
	agents      int
}

// dialled is a leg outside the conference, or in it.
type dialled struct {
	label  call.Label
	offer  call.ReservationSID
	status string
	silent bool // nobody is told how its call goes: it came in by itself
}

func (l *dialled) over() bool { return l.status != "ringing" && l.status != "in-progress" }

func (t *sought) offer() call.Assignment {
	return call.Assignment{
		Reservation: call.ReservationSID(fmt.Sprintf("%s-WR%d", t.sid, t.offers)), Task: t.sid, Invitation: t.label,
		Agent: call.AgentSID(fmt.Sprintf("%s-WK%d", t.sid, t.offers)), Address: []string{"client:bob", "+15551113333"}[t.offers%2],
	}
}

func (w *world) taskOf(sid call.TaskSID) *sought {
	i := slices.IndexFunc(w.tasks, func(t *sought) bool { return t.sid == sid })
	if i < 0 {
		return nil
	}
	return w.tasks[i]
}

// statusOf tells of a dialled leg's call.
func (w *world) statusOf(sid call.SID, status string) {
	l := w.legs[sid]
	l.status = status
	if l.silent {
		return
	}
	w.happen(call.CallStatusChanged{Call: sid, Status: status, Invitation: l.label, Reservation: l.offer})
}

// legEnds: a leg that was dialled is over with the conference.
func (w *world) legEnds(sid call.SID, status string) {
	if l := w.legs[sid]; l != nil && !l.over() {
		w.statusOf(sid, status)
	}
}

func (w *world) hangUp(sid call.SID) bool {
	switch l := w.legs[sid]; {
	case l == nil || l.over():
		return false
	case w.room[sid] != nil:
		w.leaves(sid, "participant_hung_up")
	case l.status == "ringing":
		w.legEnds(sid, "canceled")
	default:
		w.legEnds(sid, "completed")
	}
	return true
}

// dial rings somebody for the conference, whose phone does what phones do.
func (w *world) dial(c call.AddParticipant) call.SID {
	for sid, l := range w.legs {
		if l.label == c.Label {
			return sid
		}
	}
	if w.roomState == "completed" || w.roomState == "" || c.Conference != w.conference() {
		return ""
	}
	sid := call.SID("CA" + string(c.Label))
	w.legs[sid] = &dialled{label: c.Label}
	w.statusOf(sid, "ringing")
	fails := func(status string) {
		if w.legs[sid].over() {
			return
		}
		w.legEnds(sid, status)
		w.seq++
		w.happen(call.ParticipantLeft{
			Participant: call.Participant{Conference: c.Conference, Call: sid, Label: string(c.Label), Sequence: w.seq},
			Reason:      "participant_add_failed", CallStatus: status,
		})
	}
	switch answer := w.percent("phone"); {
	case answer < 55:
		w.after(w.wait("ring", c.Ring), func() {
			switch {
			case w.legs[sid].over():
			case w.roomState == "completed" || c.Conference != w.conference():
				w.legEnds(sid, "completed") // answered into a room that is no more
			default:
				w.statusOf(sid, "in-progress")
				w.comes(sid, c.Label, "", c.Muted)
			}
		})
	case answer < 70:
		w.after(w.wait("busy", 3*time.Second), func() { fails("busy") })
	case answer < 80:
		w.after(w.wait("failed", 3*time.Second), func() { fails("failed") })
	default:
		w.after(c.Ring, func() { fails("no-answer") })
	}
	return sid
}

// comes lets a leg into the conference, or into one of its own where there is none any more.
func (w *world) comes(sid call.SID, label call.Label, offer call.ReservationSID, muted bool) {
	if w.roomState == "" || w.roomState == "completed" {
		w.rooms++
		w.roomState, w.own, w.brought = "init", false, offer
		w.room = map[call.SID]*call.Participant{}
	}
	w.room[sid] = &call.Participant{Conference: w.conference(), Call: sid, Label: string(label), Muted: muted, Instruction: w.brought}
	w.happen(call.ParticipantJoined{Participant: w.participant(sid)})
	if w.percent("hangs up") < 30 {
		w.after(w.wait("talk", 3*time.Minute), func() { w.leaves(sid, "participant_hung_up") })
	}
}

// seek makes a task that finds somebody.
func (w *world) seek(c call.CreateTask) *sought {
	if i := slices.IndexFunc(w.tasks, func(t *sought) bool { return t.label == c.Label }); i >= 0 {
		return w.tasks[i]
	}
	if c.Target.Kind == call.TargetAgent && w.percent("unavailable") < 15 {
		return nil
	}
	t := &sought{sid: call.TaskSID("WT-" + string(c.Label)), label: c.Label, status: "pending"}
	w.tasks = append(w.tasks, t)
	w.happen(call.TaskCreated{Task: t.sid, Invitation: t.label})
	w.after(c.Within, func() { w.cancelTask(t, "Task TTL Exceeded") })
	w.after(w.wait("found", 20*time.Second), func() { w.offerTask(t) })
	return t
}

func (w *world) cancelTask(t *sought, reason string) bool {
	if t.status != "pending" && t.status != "reserved" {
		return false
	}
	if t.status == "reserved" {
		t.reservation = "canceled"
		w.happen(call.ReservationCanceled{Assignment: t.offer(), TaskStatus: "canceled"})
	}
	t.status = "canceled"
	w.happen(call.TaskCanceled{Task: t.sid, Reason: reason})
	return true
}

// offerTask offers a task to the next agent.
func (w *world) offerTask(t *sought) {
	if t.status != "pending" || t.offers > 20 {
		return
	}
	t.offers++
	t.status, t.reservation = "reserved", "pending"
	offer := t.offer()
	w.happen(call.ReservationCreated{Assignment: offer})
	w.say(call.AssignmentRequested{Assignment: offer})
	pending := func() bool { return t.reservation == "pending" && t.offer().Reservation == offer.Reservation }
	w.ringAnnounced(call.SID(fmt.Sprintf("CA-%s-%d", t.label, t.offers)), offer, t.label, pending)
	lapses := func(status string, e call.Event) {
		if !pending() {
			return
		}
		t.reservation, t.status = status, "pending"
		w.happen(e)
		w.after(w.wait("again", 5*time.Second), func() { w.offerTask(t) })
	}
	if w.percent("desktop") < 20 {
		w.after(w.wait("rejects", 20*time.Second), func() { lapses("rejected", call.ReservationRejected{Assignment: offer}) })
	}
	w.after(2*time.Minute, func() { lapses("timeout", call.ReservationTimedOut{Assignment: offer}) })
}

// ringAnnounced has an agent rung who is to hear whom he gets: by a task of ours, or of the first.
func (w *world) ringAnnounced(sid call.SID, offer call.Assignment, label call.Label, pending func() bool) {
	w.legs[sid] = &dialled{label: label, offer: offer.Reservation}
	w.statusOf(sid, "ringing")
	answer := w.percent("answers")
	if answer >= 65 {
		status := []string{"no-answer", "busy"}[answer%2]
		w.after(20*time.Second, func() {
			w.legEnds(sid, status)
			if w.percent("given up") < 50 && pending() && label == "" {
				w.offerFails(offer)
			}
		})
		return
	}
	w.after(w.wait("ring", 15*time.Second), func() {
		if w.legs[sid].over() {
			return
		}
		w.statusOf(sid, "in-progress")
		w.after(w.wait("listens", 20*time.Second), func() {
			alive, wanted := w.open(label)
			if w.legs[sid].over() || !alive || !wanted && w.percent("late row") < 80 || answer >= 55 {
				w.legEnds(sid, "completed") // told goodbye, or did not press the key
				return
			}
			w.say(call.AnnouncementConfirmed{Call: sid, Invitation: label, Reservation: offer.Reservation})
			w.comes(sid, label, offer.Reservation, false)
		})
	})
}

func (w *world) accept(c call.AcceptReservation) bool {
	if t := w.taskOf(c.Task); t != nil {
		if t.reservation != "pending" || t.offer().Reservation != c.Reservation {
			return false
		}
		t.reservation, t.status = "accepted", "assigned"
		w.happen(call.ReservationAccepted{Assignment: t.offer()})
		return true
	}
	if w.reservation != "pending" || w.offer().Reservation != c.Reservation {
		return false
	}
	w.reservation, w.taskStatus = "accepted", "assigned"
	w.happen(call.ReservationAccepted{Assignment: w.offer()})
	return true
}

func (w *world) wrap(c call.WrapUpReservation) bool {
	if t := w.taskOf(c.Task); t != nil {
		if t.reservation != "accepted" {
			return false
		}
		t.reservation, t.status = "wrapping", "wrapping"
		w.happen(call.ReservationWrapup{Assignment: t.offer()})
		w.happen(call.TaskWrapup{Task: t.sid})
		return true
	}
	if w.taskStatus != "assigned" {
		return false
	}
	w.taskStatus, w.reservation = "wrapping", "wrapping"
	w.happen(call.ReservationWrapup{Assignment: w.offer()})
	w.happen(call.TaskWrapup{Task: task})
	return true
}

// move brings a caller who waits into the conference. Who has not accepted loses the task by it.
func (w *world) move() bool {
	if w.customerStatus == "completed" || w.room[customer] != nil {
		return false
	}
	w.cancel("redirected")
	if w.roomState == "" || w.roomState == "completed" {
		w.rooms++
		w.roomState, w.brought = "init", ""
		w.room = map[call.SID]*call.Participant{}
	}
	w.room[customer] = &call.Participant{Conference: w.conference(), Call: customer, EndConferenceOnExit: true, Instruction: w.brought}
	w.happen(call.ParticipantJoined{Participant: w.participant(customer)})
	w.together = true
	return true
}

// rungInto are those who are listed in the conference, and whose phones still ring.
func (w *world) rungInto() []call.Participant {
	var rung []call.Participant
	for _, sid := range slices.Sorted(maps.Keys(w.legs)) {
		if l := w.legs[sid]; l.status == "ringing" && l.offer == "" && w.roomState != "completed" {
			rung = append(rung, call.Participant{Call: sid, Label: string(l.label), Status: "ringing"})
		}
	}
	return rung
}

func (w *world) snapshotInvited(asked call.ReadBack, s *call.Snapshot) {
	for _, a := range asked.Tasks {
		i := slices.IndexFunc(w.tasks, func(t *sought) bool { return t.label == a.Invitation })
		if i < 0 {
			s.Tasks = append(s.Tasks, call.TaskSnapshot{Invitation: a.Invitation, Status: "gone"})
			continue
		}
		t := w.tasks[i]
		found := call.TaskSnapshot{Invitation: a.Invitation, Task: t.sid, Status: t.status}
		if newest := t.offer(); t.offers > 0 && (newest.Reservation == a.Reservation || slices.Contains([]string{"pending", "accepted", "wrapping"}, t.reservation)) {
			found.Reservation = &call.ReservationSnapshot{Reservation: newest.Reservation, Status: t.reservation, Agent: newest.Agent, Address: newest.Address}
		}
		s.Tasks = append(s.Tasks, found)
	}
	for _, sid := range asked.Calls {
		if l := w.legs[sid]; l != nil {
			s.Calls = append(s.Calls, call.CallSnapshot{Call: sid, Status: l.status})
		}
	}
}

// nothingLeft holds that whoever was brought in is gone, and whatever was made for it is closed.
func (w *world) nothingLeft(t *rapid.T) {
	for _, sought := range w.tasks {
		require.Contains(t, []string{"completed", "canceled"}, sought.status, "the task of %s is closed", sought.label)
	}
	for sid, l := range w.legs {
		require.True(t, l.over(), "the leg %s is %s after the call", sid, l.status)
	}
}

// actTogether has people bring others in, and hand the call on, at drawn moments.
func actTogether(w *world) {
	w.now = start
	n := w.percent("acts together") % 9
	at := w.wait("first", 2*time.Minute)
	for i := range n {
		r := call.Request{Action: fmt.Sprintf("t%d", i), By: call.Actor{Name: "Sue", Role: "supervisor"}}
		kind := w.percent("act") % 13
		target := []call.Target{
			{Kind: call.TargetNumber, Address: "+15550007"},
			{Kind: call.TargetQueue, Queue: "WQ2"},
			{Kind: call.TargetAgent, Agent: "WKbob"},
			{Kind: call.TargetSupervisor, Address: "client:sue"},
		}[w.percent("target")%4]
		at += w.wait("then", 40*time.Second)
		w.after(at, func() {
			from, label := w.anybody(), call.Label(fmt.Sprintf("%s-%d", []string{"agent", "external"}[kind%2], 1+w.percent("label")%3))
			w.tell([]call.Event{
				call.JoinRequested{Request: r, Target: target},
				call.WithdrawRequested{Request: r, Invitation: label},
				call.TransferRequested{Request: r, Mode: call.TransferCold, Target: target, From: from},
				call.TransferRequested{Request: r, Mode: call.TransferCold, Target: target, From: from},
				call.TransferRequested{Request: r, Mode: call.TransferWarm, Target: target, From: from},
				call.TransferRequested{Request: r, Mode: call.TransferWarm, Target: target, From: from},
				call.SwapRequested{Request: r},
				call.MergeRequested{Request: r},
				call.TransferCompleteRequested{Request: r},
				call.TransferCancelRequested{Request: r},
				call.RejoinRequested{Request: r, Address: "client:ann"},
				call.LeaveRequested{Request: r, Leg: from},
				call.HoldRequested{Request: r, Leg: from},
			}[kind])
		})
	}
}

// anybody is somebody in the conference besides the customer.
func (w *world) anybody() call.SID {
	legs := slices.DeleteFunc(slices.Sorted(maps.Keys(w.room)), func(sid call.SID) bool { return sid == customer })
	if len(legs) == 0 {
		return w.agent()
	}
	return legs[w.percent("from")%len(legs)]
}
