// Package twiml writes TwiML, Twilio's XML, from typed values. The same value gives the same bytes, always: attributes stand in the order
// of the struct's fields.
//
//	twiml.Response{
//		twiml.Say{Text: "One moment, please."},
//		twiml.Enqueue{WorkflowSID: "WW…", Task: &twiml.Task{Attributes: `{"skill":"sales"}`}},
//	}.Bytes()
//
// A field that is empty or zero is not written, and Twilio's default holds. Where empty or zero means something of its own the field is a
// pointer: new("") as a wait URL is silence, new(0) as a loop is for ever.
//
// https://www.twilio.com/docs/voice/twiml
package twiml
