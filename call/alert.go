package call

import (
	"slices"
	"time"
)

// Alert is something about a call that a person should look into: the call itself goes on as well as it can.
type Alert struct {
	Number  int       `json:"number"` // from 1, within the call
	Code    string    `json:"code"`
	Subject string    `json:"subject,omitempty"` // what it is about: a leg's CallSid
	Message string    `json:"message"`
	At      time.Time `json:"at"`
}

// Codes of [Alert], for programs.
const (
	AlertFlagFlipped = "flag_flipped" // somebody else keeps setting EndConferenceOnExit to what is not wanted
	AlertFlagStuck   = "flag_stuck"   // Twilio does not set EndConferenceOnExit

	AlertAcceptRefused = "accept_refused" // an agent talks, and TaskRouter does not count it as his
)

// keptAlerts is how many alerts travel with a call.
const keptAlerts = 16

// alert raises an alert, once for each code and subject. Whoever drives the call tells people of those whose Number is above the
// [State.Alerted] of before an event.
func (s *State) alert(now time.Time, code, subject, message string) {
	if slices.ContainsFunc(s.Alerts, func(a Alert) bool { return a.Code == code && a.Subject == subject }) {
		return
	}
	s.Alerted++
	s.Alerts = append(s.Alerts, Alert{Number: s.Alerted, Code: code, Subject: subject, Message: message, At: now})
	if len(s.Alerts) > keptAlerts {
		s.Alerts = slices.Delete(s.Alerts, 0, len(s.Alerts)-keptAlerts)
	}
}
