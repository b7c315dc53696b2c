package activities

import (
	"context"
	"slices"

	voice "github.com/twilio/twilio-go/rest/api/v2010"
	taskrouter "github.com/twilio/twilio-go/rest/taskrouter/v1"

	"holdfast/call"
)

// Routes, as the metrics name them.
const (
	routeCall         = "/Calls/{CallSid}"
	routeConferences  = "/Conferences"
	routeConference   = "/Conferences/{ConferenceSid}"
	routeParticipants = "/Conferences/{ConferenceSid}/Participants"
	routeParticipant  = "/Conferences/{ConferenceSid}/Participants/{CallSid}"
	routeTask         = "/Tasks/{TaskSid}"
	routeReservations = "/Tasks/{TaskSid}/Reservations"
	routeReservation  = "/Tasks/{TaskSid}/Reservations/{ReservationSid}"
	routeWorker       = "/Workers/{WorkerSid}"
)

// HoldParticipant sets a leg's hold.
func (a *Activities) HoldParticipant(ctx context.Context, c call.HoldParticipant) error {
	params := (&voice.UpdateParticipantParams{}).SetHold(c.Hold)
	if music := a.Twilio.config.HoldMusicURL; c.Hold && music != nil {
		params.SetHoldUrl(music.String()).SetHoldMethod("GET")
	}
	if c.Hold {
		return a.updateParticipant(ctx, ordinary, c.Conference, c.Leg, params)
	}
	return a.updateParticipant(ctx, urgent, c.Conference, c.Leg, params)
}

// MuteParticipant sets whether a leg is muted.
func (a *Activities) MuteParticipant(ctx context.Context, c call.MuteParticipant) error {
	return a.updateParticipant(ctx, ordinary, c.Conference, c.Leg, (&voice.UpdateParticipantParams{}).SetMuted(c.Muted))
}

// FlagParticipant sets whether the conference ends with a leg.
func (a *Activities) FlagParticipant(ctx context.Context, c call.FlagParticipant) error {
	return a.updateParticipant(ctx, ordinary, c.Conference, c.Leg, (&voice.UpdateParticipantParams{}).SetEndConferenceOnExit(c.EndConferenceOnExit))
}

func (a *Activities) updateParticipant(ctx context.Context, u urgency, conference call.ConferenceSID, leg call.SID, params *voice.UpdateParticipantParams) error {
	return a.Twilio.send(ctx, u, routeParticipant, func(x *exchange) error {
		_, err := x.voice().UpdateParticipant(string(conference), string(leg), params)
		return err
	})
}

// RemoveParticipant takes a leg out of its conference. One that is not there any more counts as taken out.
func (a *Activities) RemoveParticipant(ctx context.Context, c call.RemoveParticipant) error {
	return doneIfGone(a.Twilio.send(ctx, urgent, routeParticipant, func(x *exchange) error {
		return x.voice().DeleteParticipant(string(c.Conference), string(c.Leg), nil)
	}))
}

// EndConference ends a conference for everybody. One that is over counts as ended.
func (a *Activities) EndConference(ctx context.Context, c call.EndConference) error {
	err := doneIfGone(a.Twilio.send(ctx, urgent, routeConference, func(x *exchange) error {
		_, err := x.voice().UpdateConference(string(c.Conference), (&voice.UpdateConferenceParams{}).SetStatus("completed"))
		return err
	}))
	return doneIf(err, func() (string, error) { return a.conferenceStatus(ctx, c.Conference) }, "completed", gone)
}

// HangUpCall ends a leg's call. One that is over, which Twilio answers with 21220, counts as hung up.
// https://www.twilio.com/docs/voice/api/call-resource
func (a *Activities) HangUpCall(ctx context.Context, c call.HangUpCall) error {
	err := doneIfGone(a.Twilio.send(ctx, urgent, routeCall, func(x *exchange) error {
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
	return a.closeTask(ctx, c.Task, "completed", c.Reason)
}

// CancelTask cancels a task. A task that somebody was assigned to cannot be canceled any more: TaskRouter refuses.
func (a *Activities) CancelTask(ctx context.Context, c call.CancelTask) error {
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
	err := doneIfGone(a.Twilio.do(ctx, routeReservation, func(x *exchange) error {
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

// SetAvailability moves an agent to an availability.
func (a *Activities) SetAvailability(ctx context.Context, c call.SetAvailability) error {
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
