package handlers

import (
	"net/url"
	"strconv"

	"holdfast/call"
)

// decodeConference is what a conference status callback (https://www.twilio.com/docs/voice/api/conference-resource) means to a call,
// nil if it decides nothing. instruction is the reservation whose instruction made the conference, "" if the URL does not tell it.
func decodeConference(params url.Values, instruction call.ReservationSID) call.Event {
	sequence := webhookNumber(params, "SequenceNumber")
	conference := call.ConferenceSID(params.Get("ConferenceSid"))
	switch params.Get("StatusCallbackEvent") {
	case "conference-start":
		return call.ConferenceStarted{Conference: conference, Name: params.Get("FriendlyName"), Sequence: sequence}
	case "conference-end":
		return call.ConferenceEnded{
			Conference: conference, Reason: params.Get("ReasonConferenceEnded"), EndedBy: call.SID(params.Get("CallSidEndingConference")),
			Sequence: sequence,
		}
	case "participant-join":
		return call.ParticipantJoined{Participant: participantOf(params, instruction)}
	case "participant-leave":
		return call.ParticipantLeft{
			Participant: participantOf(params, instruction), Reason: params.Get("ReasonParticipantLeft"), CallStatus: params.Get("ParticipantCallStatus"),
		}
	case "participant-hold":
		return call.ParticipantHeld{Participant: participantOf(params, instruction)}
	case "participant-unhold":
		return call.ParticipantUnheld{Participant: participantOf(params, instruction)}
	case "participant-mute":
		return call.ParticipantMuted{Participant: participantOf(params, instruction)}
	case "participant-unmute":
		return call.ParticipantUnmuted{Participant: participantOf(params, instruction)}
	case "participant-modify":
		return call.ParticipantModified{Participant: participantOf(params, instruction)}
	}
	return nil
}

func participantOf(params url.Values, instruction call.ReservationSID) call.Participant {
	return call.Participant{
		Conference:             call.ConferenceSID(params.Get("ConferenceSid")),
		Call:                   call.SID(params.Get("CallSid")),
		Label:                  params.Get("ParticipantLabel"),
		Muted:                  webhookFlag(params, "Muted"),
		Hold:                   webhookFlag(params, "Hold"),
		Coaching:               webhookFlag(params, "Coaching"),
		Coach:                  call.SID(params.Get("CallSidToCoach")),
		StartConferenceOnEnter: webhookFlag(params, "StartConferenceOnEnter"),
		EndConferenceOnExit:    webhookFlag(params, "EndConferenceOnExit"),
		Sequence:               webhookNumber(params, "SequenceNumber"),
		Instruction:            instruction,
	}
}

// decodeCallStatus is what a call status callback (https://www.twilio.com/docs/voice/api/call-resource) means. query is what we wrote into its URL: whose leg
// it is, of those who were invited.
func decodeCallStatus(params, query url.Values) call.Event {
	return call.CallStatusChanged{
		Call: call.SID(params.Get("CallSid")), Status: params.Get("CallStatus"), Sequence: webhookNumber(params, "SequenceNumber"),
		Invitation: labelIn(query.Get("invitation")), Reservation: call.ReservationSID(query.Get("reservation")),
	}
}

// webhookFlag reads Twilio's booleans, the strings "true" and "false".
func webhookFlag(params url.Values, name string) bool { return params.Get(name) == "true" }

func webhookNumber(params url.Values, name string) int {
	n, err := strconv.Atoi(params.Get(name))
	if err != nil {
		return 0 // absent: the callbacks that have no sequence are the only ones of their kind
	}
	return n
}
