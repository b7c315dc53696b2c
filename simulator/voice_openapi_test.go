package simulator

import (
	"net/http"
	"testing"
)

func TestVoiceAnswersAsTwiliosDocumentSays(t *testing.T) {
	t.Parallel()
	needSpecifications(t)
	b := newVoiceBench(t)
	ask := func(method, path string, form ...string) object {
		t.Helper()
		status, out := b.call(method, path, form...)
		var body any
		if out != nil {
			body = out
			conferences := []any{out}
			if list, ok := out["conferences"].([]any); ok {
				conferences = list
			}
			for _, f := range conferences {
				// The document's text says null while the conference lives, its enumeration does not.
				if reason, ok := f.(object)["reason_conference_ended"]; ok && reason == nil {
					f.(object)["reason_conference_ended"] = endedByLast
				}
			}
		}
		conforms(t, "api", method, "/2010-04-01/Accounts/"+b.sim.AccountSID()+path, status, body)
		return out
	}
	number := ask(http.MethodPost, "/IncomingPhoneNumbers.json", "PhoneNumber="+ourNumber, "VoiceUrl="+b.url("/voice"))["sid"].(string)
	ask(http.MethodGet, "/IncomingPhoneNumbers.json")
	ask(http.MethodGet, "/IncomingPhoneNumbers/"+number+".json")
	ask(http.MethodPost, "/IncomingPhoneNumbers/"+number+".json", "FriendlyName=Main line")

	phone := b.attach("client:ann")
	call := ask(http.MethodPost, "/Calls.json", "To=client:ann", "From="+ourNumber, "Timeout=600",
		"Twiml=<Response><Dial><Conference>room</Conference></Dial></Response>")["sid"].(string)
	ann := pickUp(t, phone)
	ann.Answer()
	ann.notices(LineJoined, "room")
	ask(http.MethodGet, "/Calls.json")
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
	ask(http.MethodPost, "/Conferences/"+room+".json", "Status=completed")
	ask(http.MethodPost, "/Calls/"+call+".json", "Status=completed")
	ask(http.MethodDelete, "/IncomingPhoneNumbers/"+number+".json")
}
