package call

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Envelope carries an event as JSON: {"kind":"ParticipantHeld","data":{…}}.
type Envelope struct{ Event Event }

type wireEnvelope struct {
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// kinds finds the type of an event by its name. It is made once, and only read afterwards.
var kinds = func() map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, e := range []Event{
		CallReceived{},
		CallStatusChanged{},
		EnqueueEnded{},
		ConferenceStarted{},
		ConferenceEnded{},
		ParticipantJoined{},
		ParticipantLeft{},
		ParticipantHeld{},
		ParticipantUnheld{},
		ParticipantMuted{},
		ParticipantUnmuted{},
		ParticipantModified{},
		TaskCreated{},
		TaskQueueEntered{},
		TaskCanceled{},
		TaskWrapup{},
		TaskCompleted{},
		TaskDeleted{},
		AssignmentRequested{},
		ReservationCreated{},
		ReservationAccepted{},
		ReservationRejected{},
		ReservationTimedOut{},
		ReservationCanceled{},
		ReservationFailed{},
		ReservationRescinded{},
		ReservationWrapup{},
		ReservationCompleted{},
		HoldRequested{},
		UnholdRequested{},
		MuteRequested{},
		UnmuteRequested{},
		LeaveRequested{},
		AcceptRequested{},
		RejectRequested{},
		EndRequested{},
		WrapupCompleteRequested{},
		JoinRequested{},
		WithdrawRequested{},
		TransferRequested{},
		SwapRequested{},
		MergeRequested{},
		TransferCompleteRequested{},
		TransferCancelRequested{},
		RejoinRequested{},
		SuperviseRequested{},
		SupervisionModeRequested{},
		TakeOverRequested{},
		HelpRequested{},
		HelpDismissed{},
		BotAnswered{},
		HandedOff{},
		BotEnded{},
		CallRequested{},
		HandoffRequested{},
		AnnouncementConfirmed{},
		DialInRequested{},
		SupervisorDialledIn{},
		CommandSucceeded{},
		CommandFailed{},
		CallReadBack{},
		ReadBackDue{},
		ClockTicked{},
	} {
		m[Kind(e)] = reflect.TypeOf(e)
	}
	return m
}()

// Kinds are the names of all events, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Kind is an event's or a command's name, as the timeline shows it: "ParticipantHeld".
func Kind(v any) string { return reflect.TypeOf(v).Name() }

// MarshalJSON writes the event under its kind.
func (e Envelope) MarshalJSON() ([]byte, error) {
	if e.Event == nil {
		return nil, fmt.Errorf("call: an envelope without an event")
	}
	data, err := json.Marshal(e.Event)
	if err != nil {
		return nil, fmt.Errorf("call: encode %s: %w", Kind(e.Event), err)
	}
	return json.Marshal(wireEnvelope{Kind: Kind(e.Event), Data: data})
}

// UnmarshalJSON reads an event by its kind; an unknown kind is an error that names it.
func (e *Envelope) UnmarshalJSON(b []byte) error {
	var w wireEnvelope
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("call: decode envelope: %w", err)
	}
	t, ok := kinds[w.Kind]
	if !ok {
		return fmt.Errorf("call: unknown event kind %q", w.Kind)
	}
	v := reflect.New(t)
	if err := json.Unmarshal(w.Data, v.Interface()); err != nil {
		return fmt.Errorf("call: decode %s: %w", w.Kind, err)
	}
	event, ok := reflect.TypeAssert[Event](v.Elem())
	if !ok {
		return fmt.Errorf("call: %s is not an event", w.Kind)
	}
	e.Event = event
	return nil
}
