package activities

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	voice "github.com/twilio/twilio-go/rest/api/v2010"
	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"

	"holdfast/call"
)

// gone is the status of what Twilio answers 404 for.
const gone = "gone"

// ReadBack asks Twilio for everything that a call owns, the parts at the same time. It fails as a whole: half an answer would have the
// call decide on what it did not see. What was answered needs not be asked again by the next attempt, but for who is in the conference, and how:
// that is to be as new as can be.
func (a *Activities) ReadBack(ctx context.Context, c call.ReadBack) (call.Snapshot, error) {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return call.Snapshot{}, err
	}
	l := newLook(ctx)
	s := &l.kept.Snapshot
	if c.Customer != "" {
		l.once("customer", func() (err error) {
			s.CustomerStatus, err = a.callStatus(ctx, c.Customer)
			return err
		})
	}
	if c.Task != "" {
		l.once("task", func() error {
			status, err := a.taskStatus(ctx, c.Task)
			s.Task = &call.TaskSnapshot{Task: c.Task, Status: status}
			return err
		})
		l.once("reservation", func() (err error) {
			s.Reservation, err = a.readReservation(ctx, c.Task, c.Reservation)
			return err
		})
	}
	if c.SeekTask {
		l.once("", func() error { // it may be made yet
			t, err := a.findTask(ctx, leisurely, "call_sid == "+quoted(string(c.Customer)))
			if err == nil && t != nil {
				s.Task = &call.TaskSnapshot{Task: call.TaskSID(value(t.Sid)), Status: value(t.AssignmentStatus)}
			}
			s.NoTask = err == nil && t == nil && a.Twilio.config.WorkspaceSID != ""
			return err
		})
	}
	s.Tasks = room(s.Tasks, len(c.Tasks))
	for i, asked := range c.Tasks {
		part := "task of " + string(asked.Invitation)
		if asked.Task == "" {
			part = "" // it may be made yet
		}
		l.once(part, func() (err error) {
			s.Tasks[i], err = a.readTask(ctx, c.Call, asked)
			return err
		})
	}
	s.Calls = room(s.Calls, len(c.Calls))
	for i, leg := range c.Calls {
		l.once("call "+string(leg), func() error {
			status, err := a.callStatus(ctx, leg)
			s.Calls[i] = call.CallSnapshot{Call: leg, Status: status}
			return err
		})
	}
	if c.Conference != "" || c.Task != "" {
		l.once("", func() (err error) {
			s.Conference, err = a.readConference(ctx, c.Conference, c.Task)
			return err
		})
	}
	return l.done(ctx)
}

// statusOrGone makes "gone" of a 404.
func statusOrGone(status *string, err error) (string, error) {
	if f := failureOf(err); f != nil {
		if f.Kind == call.FailureGone {
			return gone, nil
		}
		return "", err
	}
	return value(status), nil
}

func (a *Activities) callStatus(ctx context.Context, sid call.SID) (string, error) {
	var status *string
	err := a.Twilio.read(ctx, routeCall, func(x *exchange) error {
		c, err := x.voice().FetchCall(string(sid), nil)
		if err == nil {
			status = c.Status
		}
		return err
	})
	return statusOrGone(status, err)
}

func (a *Activities) taskStatus(ctx context.Context, sid call.TaskSID) (string, error) {
	var status *string
	err := a.Twilio.read(ctx, routeTask, func(x *exchange) error {
		t, err := x.taskRouter().FetchTask(a.Twilio.config.WorkspaceSID, string(sid))
		if err == nil {
			status = t.AssignmentStatus
		}
		return err
	})
	return statusOrGone(status, err)
}

func (a *Activities) reservationStatus(ctx context.Context, task call.TaskSID, sid call.ReservationSID) (string, error) {
	var status *string
	err := a.Twilio.read(ctx, routeReservation, func(x *exchange) error {
		r, err := x.taskRouter().FetchTaskReservation(a.Twilio.config.WorkspaceSID, string(task), string(sid))
		if err == nil {
			status = r.ReservationStatus
		}
		return err
	})
	return statusOrGone(status, err)
}

// readReservation finds the reservation that matters: the newest that is open, else the one asked for. A lost event may have hidden a
// newer one from the call, so all of the task's are read. nil: there is none.
func (a *Activities) readReservation(ctx context.Context, task call.TaskSID, asked call.ReservationSID) (*call.ReservationSnapshot, error) {
	var all []taskrouter.TaskrouterV1TaskReservation
	err := a.Twilio.read(ctx, routeReservations, func(x *exchange) error {
		page, err := x.taskRouter().PageTaskReservation(a.Twilio.config.WorkspaceSID, string(task),
			(&taskrouter.ListTaskReservationParams{}).SetPageSize(1000), "", "")
		if err == nil {
			all = page.Reservations
		}
		return err
	})
	if f := failureOf(err); f != nil {
		switch {
		case f.Kind != call.FailureGone:
			return nil, err
		case asked == "":
			return nil, nil //nolint:nilnil // nobody asked for one, and there is none
		default:
			return &call.ReservationSnapshot{Reservation: asked, Status: gone}, nil
		}
	}
	var best, known *taskrouter.TaskrouterV1TaskReservation
	for i := range all {
		r := &all[i]
		if value(r.Sid) == string(asked) {
			known = r
		}
		open := slices.Contains([]string{"pending", "accepted", "wrapping"}, value(r.ReservationStatus))
		if open && (best == nil || created(r).After(created(best))) {
			best = r
		}
	}
	switch {
	case best != nil:
	case known != nil:
		best = known
	case asked != "":
		return &call.ReservationSnapshot{Reservation: asked, Status: gone}, nil
	default:
		return nil, nil //nolint:nilnil // nobody asked for one, and there is none
	}
	found := &call.ReservationSnapshot{
		Reservation: call.ReservationSID(value(best.Sid)), Status: value(best.ReservationStatus),
		Agent: call.AgentSID(value(best.WorkerSid)), AgentName: value(best.WorkerName),
	}
	if value(best.Sid) == string(asked) || found.Agent == "" {
		return found, nil
	}
	found.Address, err = a.agentAddress(ctx, found.Agent)
	return found, err
}

// agentAddress is how an agent is dialled, "" if nobody knows.
func (a *Activities) agentAddress(ctx context.Context, agent call.AgentSID) (string, error) {
	var attributes struct {
		ContactURI string `json:"contact_uri"`
	}
	err := a.Twilio.read(ctx, routeWorker, func(x *exchange) error {
		w, err := x.taskRouter().FetchWorker(a.Twilio.config.WorkspaceSID, string(agent))
		if err == nil && json.Unmarshal([]byte(value(w.Attributes)), &attributes) != nil {
			attributes.ContactURI = "" // anybody may write into attributes
		}
		return err
	})
	if f := failureOf(err); f != nil && f.Kind == call.FailureGone {
		err = nil
	}
	return attributes.ContactURI, err
}

func created(r *taskrouter.TaskrouterV1TaskReservation) time.Time {
	if r.DateCreated == nil {
		return time.Time{}
	}
	return *r.DateCreated
}

// readConference reads a conference and who is in it: by its SID, or before that is known by its name, which is the task's SID.
func (a *Activities) readConference(ctx context.Context, sid call.ConferenceSID, task call.TaskSID) (*call.ConferenceSnapshot, error) {
	snapshot := &call.ConferenceSnapshot{Conference: sid, Status: gone}
	var err error
	if sid != "" {
		snapshot.Status, err = a.conferenceStatus(ctx, sid)
	} else {
		snapshot.Conference, snapshot.Status, err = a.findConference(ctx, string(task))
	}
	// Twilio lists nobody of a conference that is over.
	if err != nil || snapshot.Status == "completed" || snapshot.Status == gone {
		return snapshot, err
	}
	err = a.Twilio.read(ctx, routeParticipants, func(x *exchange) error {
		page, err := x.voice().PageParticipant(string(snapshot.Conference), (&voice.ListParticipantParams{}).SetPageSize(250), "", "")
		if err != nil {
			return err
		}
		for i := range page.Participants {
			// Twilio also lists whom it is still dialling, as the status tells, and who came to nothing.
			if p := &page.Participants[i]; !slices.Contains([]string{"complete", "failed"}, value(p.Status)) {
				snapshot.Participants = append(snapshot.Participants, participant(snapshot.Conference, p))
			}
		}
		return nil
	})
	if f := failureOf(err); f != nil && f.Kind == call.FailureGone {
		// It ended between the two requests.
		snapshot.Status, snapshot.Participants, err = "completed", nil, nil
	}
	return snapshot, err
}

// participant is one who is connected, as a rule: Twilio's status tells of the others alone.
func participant(conference call.ConferenceSID, p *voice.ApiV2010Participant) call.Participant {
	status := value(p.Status)
	if status == "connected" {
		status = ""
	}
	return call.Participant{
		Conference:             conference,
		Call:                   call.SID(value(p.CallSid)),
		Label:                  value(p.Label),
		Muted:                  value(p.Muted),
		Hold:                   value(p.Hold),
		Coaching:               value(p.Coaching),
		Coach:                  call.SID(value(p.CallSidToCoach)),
		StartConferenceOnEnter: value(p.StartConferenceOnEnter),
		EndConferenceOnExit:    value(p.EndConferenceOnExit),
		Status:                 status,
	}
}

func (a *Activities) conferenceStatus(ctx context.Context, sid call.ConferenceSID) (string, error) {
	var status *string
	err := a.Twilio.read(ctx, routeConference, func(x *exchange) error {
		c, err := x.voice().FetchConference(string(sid), nil)
		if err == nil {
			status = c.Status
		}
		return err
	})
	return statusOrGone(status, err)
}

// findConference finds the newest conference of a name, one that is not over before one that is: a name can be used again after the end.
func (a *Activities) findConference(ctx context.Context, name string) (call.ConferenceSID, string, error) {
	var best *voice.ApiV2010Conference
	err := a.Twilio.read(ctx, routeConferences, func(x *exchange) error {
		page, err := x.voice().PageConference((&voice.ListConferenceParams{}).SetFriendlyName(name).SetPageSize(50), "", "")
		if err != nil {
			return err
		}
		for i := range page.Conferences {
			if c := &page.Conferences[i]; value(c.FriendlyName) == name && (best == nil || newer(c, best)) {
				best = c
			}
		}
		return nil
	})
	if err != nil || best == nil {
		return "", gone, err
	}
	return call.ConferenceSID(value(best.Sid)), value(best.Status), nil
}

func newer(a, b *voice.ApiV2010Conference) bool {
	if liveA, liveB := value(a.Status) != "completed", value(b.Status) != "completed"; liveA != liveB {
		return liveA
	}
	return rfc2822(a.DateCreated).After(rfc2822(b.DateCreated))
}

// rfc2822 reads a date of the 2010 API, as "Tue, 31 Aug 2010 20:36:28 +0000"; the zero time if there is none.
func rfc2822(date *string) time.Time {
	for _, layout := range []string{time.RFC1123Z, http.TimeFormat} {
		if at, err := time.Parse(layout, value(date)); err == nil {
			return at
		}
	}
	return time.Time{}
}

// value is what a pointer of twilio-go's points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// readTask reads the task of an invitation, and the offer of it that matters. One whose SID nobody knows is looked for by its label.
func (a *Activities) readTask(ctx context.Context, id call.ID, asked call.AskedTask) (call.TaskSnapshot, error) {
	s := call.TaskSnapshot{Task: asked.Task, Status: gone, Invitation: asked.Invitation}
	var err error
	if asked.Task == "" {
		var t *taskrouter.TaskrouterV1Task
		if t, err = a.invited(ctx, leisurely, id, asked.Invitation); err != nil || t == nil {
			return s, err
		}
		s.Task, s.Status = call.TaskSID(value(t.Sid)), value(t.AssignmentStatus)
	} else if s.Status, err = a.taskStatus(ctx, asked.Task); err != nil {
		return s, err
	}
	if s.Status == gone && asked.Reservation == "" {
		return s, nil
	}
	s.Reservation, err = a.readReservation(ctx, s.Task, asked.Reservation)
	return s, err
}
