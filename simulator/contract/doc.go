// Package contract holds exchanges with Twilio's REST API against Twilio's own OpenAPI documents: that a request asks for a route that
// exists, with the parameters that it takes, and that an answer has the status, the fields and the types that the document names.
//
// It is there for tests: [Documents.Handler] goes around a simulated Twilio and looks at a whole run. The documents are Twilio's and are
// read where they lie; the project keeps no copy. What they say is believed to the letter, except for the few places in exceptions.go
// where they contradict themselves or what is known of Twilio.
package contract
