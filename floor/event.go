package floor

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// An Event is something that happened on the floor. The set is sealed; [State.Apply] knows each member.
type Event interface{ event() }

// What happens.
type (
	// AgentMissed says that an agent was offered a call and did not come. Each reservation counts once.
	AgentMissed struct {
		Agent       AgentSID       `json:"agent_sid"`
		AgentName   string         `json:"agent_name,omitempty"`
		Reservation ReservationSID `json:"reservation_sid"`
		Queue       QueueSID       `json:"queue_sid,omitempty"`
		QueueName   string         `json:"queue_name,omitempty"`
		Call        string         `json:"call_id,omitempty"`
		Why         string         `json:"why,omitempty"` // "timeout" (TaskRouter moves him off by itself), "no-answer"
		At          time.Time      `json:"at"`
		// AnsweredAt is when he last answered a call, as far as it is known.
		AnsweredAt time.Time `json:"answered_at,omitzero"`
	}
	// AgentAvailabilityChanged is worker.activity.update. At is TaskRouter's own time, for events may arrive out of order.
	AgentAvailabilityChanged struct {
		Agent     AgentSID        `json:"agent_sid"`
		AgentName string          `json:"agent_name,omitempty"`
		From      AvailabilitySID `json:"from,omitempty"`
		To        AvailabilitySID `json:"to"`
		At        time.Time       `json:"at"`
	}
	// AvailabilityChosen says that a person put an agent somewhere by our API: himself or a supervisor. Of one who is there already Twilio tells nothing.
	AvailabilityChosen struct {
		Agent AgentSID        `json:"agent_sid"`
		To    AvailabilitySID `json:"to"`
		By    string          `json:"by,omitempty"`
		At    time.Time       `json:"at"`
	}
	// SettingsChanged brings the settings of whoever drives the breaker.
	SettingsChanged struct {
		Settings Settings `json:"settings"`
	}
	// AgentMoved is the result of [MoveOff] and [BringBack]: where the agent was when Twilio was asked, and whether he was moved.
	AgentMoved struct {
		Command int             `json:"command"`
		Was     AvailabilitySID `json:"was,omitempty"`
		Moved   bool            `json:"moved"`
	}
	// QueueLookedAt is the result of [LookAt].
	QueueLookedAt struct {
		Command int       `json:"command"`
		Agents  []OnQueue `json:"agents,omitempty"`
	}
	// CommandFailed says that a command came to nothing for good, retries included.
	CommandFailed struct {
		Command int    `json:"command"`
		Message string `json:"message,omitempty"`
	}
	// ClockTicked says that time has passed.
	ClockTicked struct{}
)

// OnQueue is an agent who can be offered a queue's calls.
type OnQueue struct {
	Agent        AgentSID        `json:"agent_sid"`
	Availability AvailabilitySID `json:"availability_sid"`
	Available    bool            `json:"available"`
	AnsweredAt   time.Time       `json:"answered_at,omitzero"` // when he last answered a call
}

func (AgentMissed) event()              {}
func (AgentAvailabilityChanged) event() {}
func (AvailabilityChosen) event()       {}
func (SettingsChanged) event()          {}
func (AgentMoved) event()               {}
func (QueueLookedAt) event()            {}
func (CommandFailed) event()            {}
func (ClockTicked) event()              {}

// Envelope carries an event as JSON: {"kind":"AgentMissed","data":{…}}.
type Envelope struct{ Event Event }

var kinds = func() map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, e := range []Event{
		AgentMissed{}, AgentAvailabilityChanged{}, AvailabilityChosen{}, SettingsChanged{}, AgentMoved{}, QueueLookedAt{}, CommandFailed{}, ClockTicked{},
	} {
		m[Kind(e)] = reflect.TypeOf(e)
	}
	return m
}()

// Kind is an event's or a command's name.
func Kind(v any) string { return reflect.TypeOf(v).Name() }

type wireEnvelope struct {
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// MarshalJSON writes the event under its kind.
func (e Envelope) MarshalJSON() ([]byte, error) {
	if e.Event == nil {
		return nil, fmt.Errorf("floor: an envelope without an event")
	}
	data, err := json.Marshal(e.Event)
	if err != nil {
		return nil, fmt.Errorf("floor: encode %s: %w", Kind(e.Event), err)
	}
	return json.Marshal(wireEnvelope{Kind: Kind(e.Event), Data: data})
}

// UnmarshalJSON reads an event by its kind; an unknown kind is an error that names it.
func (e *Envelope) UnmarshalJSON(b []byte) error {
	var w wireEnvelope
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("floor: decode envelope: %w", err)
	}
	t, ok := kinds[w.Kind]
	if !ok {
		return fmt.Errorf("floor: unknown event kind %q", w.Kind)
	}
	v := reflect.New(t)
	if err := json.Unmarshal(w.Data, v.Interface()); err != nil {
		return fmt.Errorf("floor: decode %s: %w", w.Kind, err)
	}
	event, ok := reflect.TypeAssert[Event](v.Elem())
	if !ok {
		return fmt.Errorf("floor: %s is not an event", w.Kind)
	}
	e.Event = event
	return nil
}
