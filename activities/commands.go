package activities

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	voice "github.com/twilio/twilio-go/rest/api/v2010"
	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"
	"go.temporal.io/sdk/activity"

	"holdfast/call"
)

// route is where a request goes: to which product, and how the metrics name it.
type route struct {
	product product
	path    string
}

// Routes.
var (
	routeCall         = route{voiceProduct, "/Calls/{CallSid}"}
	routeConferences  = route{voiceProduct, "/Conferences"}
	routeConference   = route{voiceProduct, "/Conferences/{ConferenceSid}"}
	routeParticipants = route{voiceProduct, "/Conferences/{ConferenceSid}/Participants"}
	routeParticipant  = route{voiceProduct, "/Conferences/{ConferenceSid}/Participants/{CallSid}"}
	routeTasks        = route{taskRouterProduct, "/Tasks"}
	routeTask         = route{taskRouterProduct, "/Tasks/{TaskSid}"}
	routeReservations = route{taskRouterProduct, "/Tasks/{TaskSid}/Reservations"}
	routeReservation  = route{taskRouterProduct, "/Tasks/{TaskSid}/Reservations/{ReservationSid}"}
	routeWorker       = route{taskRouterProduct, "/Workers/{WorkerSid}"}
)

// HoldParticipant sets a leg's hold.
func (a *Activities) HoldParticipant(ctx context.Context, c call.HoldParticipant) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	params, u := (&voice.UpdateParticipantParams{}).SetHold(c.Hold), urgent
	if c.Hold {
		u = prompt
		if music := a.Twilio.config.holdMusic(c.Music); music != "" {
			params.SetHoldUrl(music).SetHoldMethod(http.MethodGet)
		}
	}
	return a.updateParticipant(ctx, u, c.Conference, c.Leg, params, func(p call.Participant) bool { return p.Hold == c.Hold })
}

// holdMusic is the address of what a hold plays: of its own, else what is set for all; "" is Twilio's. https://www.twilio.com/docs/voice/api/conference-participant-resource
func (c *Config) holdMusic(own string) string {
	switch {
	case strings.HasPrefix(own, "/") && c.PublicURL != nil:
		return strings.TrimSuffix(c.PublicURL.String(), "/") + own
	case own != "" && !strings.HasPrefix(own, "/"):
		return own
	case c.HoldMusicURL != nil:
		return c.HoldMusicURL.String()
	default:
		return ""
	}
}

// MuteParticipant sets whether a leg is muted.
func (a *Activities) MuteParticipant(ctx context.Context, c call.MuteParticipant) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	return a.updateParticipant(ctx, prompt, c.Conference, c.Leg, (&voice.UpdateParticipantParams{}).SetMuted(c.Muted),
		func(p call.Participant) bool { return p.Muted == c.Muted })
}

// FlagParticipant sets whether the conference ends with a leg.
func (a *Activities) FlagParticipant(ctx context.Context, c call.FlagParticipant) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	return a.updateParticipant(ctx, prompt, c.Conference, c.Leg, (&voice.UpdateParticipantParams{}).SetEndConferenceOnExit(c.EndConferenceOnExit),
		func(p call.Participant) bool { return p.EndConferenceOnExit == c.EndConferenceOnExit })
}

// updateParticipant updates a participant. If it was tried before and nobody knows whether it took effect, Twilio is asked first: to hold
// a leg twice would start its music anew and tell of it twice. The other commands end things, and what has ended stays so.
func (a *Activities) updateParticipant(
	ctx context.Context, u urgency, conference call.ConferenceSID, leg call.SID, params *voice.UpdateParticipantParams, done func(call.Participant) bool,
) error {
	if activity.IsActivity(ctx) && activity.HasHeartbeatDetails(ctx) {
		reached := false
		err := a.Twilio.send(ctx, u, routeParticipant, func(x *exchange) error {
			p, err := x.voice().FetchParticipant(string(conference), string(leg), nil)
			reached = err == nil && done(participant(conference, p))
			return err
		})
		if err != nil || reached {
			return err
		}
	}
	sent := false
	err := a.Twilio.send(ctx, u, routeParticipant, func(x *exchange) error {
		sent = true
		_, err := x.voice().UpdateParticipant(string(conference), string(leg), params)
		return err
	})
	noteUnanswered(ctx, sent, err)
	return err
}

// unanswered is what an attempt leaves for the next one, in whichever process that is: the engine keeps it.
const unanswered = "sent, and no answer"

// noteUnanswered notes that a request was sent and nobody knows whether it took effect.
func noteUnanswered(ctx context.Context, sent bool, err error) {
	if f := failureOf(err); f != nil && sent && f.Kind == call.FailureUnavailable && f.Status != http.StatusTooManyRequests && activity.IsActivity(ctx) {
		activity.RecordHeartbeat(ctx, unanswered)
	}
}

// RemoveParticipant takes a leg out of its conference. One that is not there any more counts as taken out.
func (a *Activities) RemoveParticipant(ctx context.Context, c call.RemoveParticipant) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	return doneIfGone(a.Twilio.send(ctx, urgent, routeParticipant, func(x *exchange) error {
		return x.voice().DeleteParticipant(string(c.Conference), string(c.Leg), nil)
	}))
}

// EndConference ends a conference for everybody. One that is over counts as ended.
func (a *Activities) EndConference(ctx context.Context, c call.EndConference) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	err = doneIfGone(a.Twilio.send(ctx, urgent, routeConference, func(x *exchange) error {
		_, err := x.voice().UpdateConference(string(c.Conference), (&voice.UpdateConferenceParams{}).SetStatus("completed"))
		return err
	}))
	return doneIf(err, func() (string, error) { return a.conferenceStatus(ctx, c.Conference) }, "completed", gone)
}

// HangUpCall ends a leg's call. One that is over, which Twilio answers with 21220, counts as hung up.
// https://www.twilio.com/docs/voice/api/call-resource
func (a *Activities) HangUpCall(ctx context.Context, c call.HangUpCall) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	err = doneIfGone(a.Twilio.send(ctx, urgent, routeCall, func(x *exchange) error {
		_, err := x.voice().UpdateCall(string(c.Leg), (&voice.UpdateCallParams{}).SetStatus("completed"))
		return err
	}))
	if f := failureOf(err); f != nil && f.Code == codeCallNotInProgress {
		return nil
	}
	return err
}

// CompleteTask completes a task. Completing one that is closed or gone, which TaskRouter answers with 20001 or 20404, counts as done.
// https://www.twilio.com/docs/taskrouter/api/task
func (a *Activities) CompleteTask(ctx context.Context, c call.CompleteTask) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	return a.closeTask(ctx, c.Task, "completed", c.Reason)
}

// CancelTask cancels a task. A task that somebody was assigned to cannot be canceled any more: TaskRouter refuses.
func (a *Activities) CancelTask(ctx context.Context, c call.CancelTask) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	return a.closeTask(ctx, c.Task, "canceled", c.Reason)
}

// closeTask: TaskRouter says 20001 both of a task that is closed and of one that is in another state; so it is asked which.
func (a *Activities) closeTask(ctx context.Context, task call.TaskSID, status, why string) error {
	err := doneIfGone(a.Twilio.do(ctx, routeTask, func(x *exchange) error {
		params := (&taskrouter.UpdateTaskParams{}).SetAssignmentStatus(status).SetReason(why)
		_, err := x.taskRouter().UpdateTask(a.Twilio.config.WorkspaceSID, string(task), params)
		return err
	}))
	return doneIf(err, func() (string, error) { return a.taskStatus(ctx, task) }, "completed", "canceled", gone)
}

// RejectReservation gives a reservation back. One that came to nothing already counts as given back.
func (a *Activities) RejectReservation(ctx context.Context, c call.RejectReservation) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	err = doneIfGone(a.Twilio.do(ctx, routeReservation, func(x *exchange) error {
		params := (&taskrouter.UpdateTaskReservationParams{}).SetReservationStatus("rejected")
		if c.Availability != "" {
			params.SetWorkerActivitySid(string(c.Availability))
		}
		_, err := x.taskRouter().UpdateTaskReservation(a.Twilio.config.WorkspaceSID, string(c.Task), string(c.Reservation), params)
		return err
	}))
	return doneIf(err, func() (string, error) { return a.reservationStatus(ctx, c.Task, c.Reservation) },
		"rejected", "timeout", "canceled", "rescinded", "completed", gone)
}

// acceptWithin is how long an accept waits for its answer, its turn included. Until it is taken the task's time to live runs, at whose end TaskRouter has the agent
// free while he talks: so it is better asked again than waited for.
const acceptWithin = 3 * time.Second

// AcceptReservation accepts a reservation whose agent came into the conference by our own doing. One that is accepted already counts as accepted.
func (a *Activities) AcceptReservation(ctx context.Context, c call.AcceptReservation) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	err = a.setReservation(bounded, prompt, c.Task, c.Reservation, "accepted")
	return doneIf(err, func() (string, error) { return a.reservationStatus(ctx, c.Task, c.Reservation) }, "accepted", "wrapping", "completed")
}

// WrapUpReservation moves an agent's part to wrapping. One that is over, or came to nothing, counts as done.
func (a *Activities) WrapUpReservation(ctx context.Context, c call.WrapUpReservation) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	err = doneIfGone(a.setReservation(ctx, ordinary, c.Task, c.Reservation, "wrapping"))
	return doneIf(err, func() (string, error) { return a.reservationStatus(ctx, c.Task, c.Reservation) },
		"wrapping", "completed", "rejected", "timeout", "canceled", "rescinded", gone)
}

func (a *Activities) setReservation(ctx context.Context, u urgency, task call.TaskSID, reservation call.ReservationSID, status string) error {
	return a.Twilio.send(ctx, u, routeReservation, func(x *exchange) error {
		params := (&taskrouter.UpdateTaskReservationParams{}).SetReservationStatus(status)
		_, err := x.taskRouter().UpdateTaskReservation(a.Twilio.config.WorkspaceSID, string(task), string(reservation), params)
		return err
	})
}

// SetAvailability moves an agent to an availability.
func (a *Activities) SetAvailability(ctx context.Context, c call.SetAvailability) error {
	a, err := a.in(ctx, c.For)
	if err != nil {
		return err
	}
	return a.Twilio.do(ctx, routeWorker, func(x *exchange) error {
		params := (&taskrouter.UpdateWorkerParams{}).SetActivitySid(string(c.Availability))
		_, err := x.taskRouter().UpdateWorker(a.Twilio.config.WorkspaceSID, string(c.Agent), params)
		return err
	})
}

// doneIfGone takes a 404 as success: what was to be closed is no more.
func doneIfGone(err error) error {
	if f := failureOf(err); f != nil && f.Kind == call.FailureGone {
		return nil
	}
	return err
}

// doneIf looks again when Twilio refused: if the thing is where it was to go, or beyond, that counts as done. Otherwise the refusal
// stands; if the look fails, it is the look's failure that counts, for it may be tried again.
func doneIf(err error, status func() (string, error), done ...string) error {
	if f := failureOf(err); f == nil || f.Kind != call.FailureRefused {
		return err
	}
	now, lookErr := status()
	if lookErr != nil {
		return lookErr
	}
	if slices.Contains(done, now) {
		return nil
	}
	return err
}
