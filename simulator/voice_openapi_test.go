package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVoiceAnswersAsTwiliosDocumentSays(t *testing.T) {
	t.Parallel()
	needDocuments(t)
	b := newVoiceBench(t)
	// The bench holds each exchange against the documents.
	ask := func(method, path string, form ...string) object {
		t.Helper()
		status, out := b.call(method, path, form...)
		require.Less(t, status, http.StatusMultipleChoices, "%s %s: %v", method, path, out)
		return out
	}
	number := ask(http.MethodPost, "/IncomingPhoneNumbers.json", "PhoneNumber="+ourNumber, "VoiceUrl="+b.url("/voice"))["sid"].(string)
	ask(http.MethodGet, "/IncomingPhoneNumbers.json")
	ask(http.MethodGet, ".json")
	ask(http.MethodGet, "/IncomingPhoneNumbers/"+number+".json")
	ask(http.MethodPost, "/IncomingPhoneNumbers/"+number+".json", "FriendlyName=Main line")

	phone := b.attach("client:ann")
	call := ask(http.MethodPost, "/Calls.json", "To=client:ann", "From="+ourNumber, "Timeout=600",
		"Twiml=<Response><Dial><Conference>room</Conference></Dial></Response>")["sid"].(string)
	ann := pickUp(t, phone)
	ann.Answer()
	ann.notices(LineJoined, "room")
	ask(http.MethodGet, "/Calls.json")
	ask(http.MethodGet, "/Calls.json", "To=client:ann", "From="+ourNumber, "StartTime>=2020-01-01")
	ask(http.MethodGet, "/Calls/"+call+".json")

	room := b.liveRoom()
	phone = b.attach("client:bea")
	bea := ask(http.MethodPost, "/Conferences/"+room+"/Participants.json", "To=client:bea", "From="+ourNumber, "Label=bea", "Timeout=600")["call_sid"].(string)
	pickUp(t, phone).Answer()
	ask(http.MethodGet, "/Conferences.json")
	ask(http.MethodGet, "/Conferences/"+room+".json")
	ask(http.MethodGet, "/Conferences/"+room+"/Participants.json")
	ask(http.MethodGet, "/Conferences/"+room+"/Participants/"+call+".json")
	ask(http.MethodPost, "/Conferences/"+room+"/Participants/bea.json", "Coaching=true", "CallSidToCoach="+call)
	ask(http.MethodDelete, "/Conferences/"+room+"/Participants/"+bea+".json")
	phone = b.attach("+15557770000")
	ask(http.MethodPost, "/Calls.json", "To=+15557770000", "From="+ourNumber, "Timeout=600", "Twiml=<Response><Pause length='900'/></Response>",
		"MachineDetection=DetectMessageEnd", "AsyncAmd=true", "AsyncAmdStatusCallback="+b.url("/amd"))
	machine := pickUp(t, phone)
	machine.Answer()
	machine.Speak(Beep)
	b.hit("/amd", "AnsweredBy=machine_end_beep")
	require.Equal(t, "machine_end_beep", ask(http.MethodGet, "/Calls/"+machine.CallSID()+".json")["answered_by"])
	ask(http.MethodPost, "/Conferences/"+room+".json", "Status=completed")
	ask(http.MethodPost, "/Calls/"+call+".json", "Status=completed")
	ask(http.MethodDelete, "/IncomingPhoneNumbers/"+number+".json")
}
