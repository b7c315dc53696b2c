// Package handlers is the HTTP edge: Twilio's webhooks on one side, the agents' and supervisors' API on the other, and between
// them the delivery of what Twilio said to the calls' workflows.
//
// # Webhooks
//
// [Webhooks] takes every request that Twilio sends. Each is checked (size, type, signature on the public URL, account, workspace),
// decoded to an event of package call, freed of what must not be kept (keyed digits, speech, cards), written to the store's inbox, and
// answered. The answer comes from the URL, the configuration and, where attributes say nothing, one row of the store; never from the
// engine, so calls are answered and routed while it is away. If the inbox cannot be written, TwiML and assignment instructions are
// answered all the same and their rows spooled on the side; status callbacks get 503, and Twilio sends them again.
//
// # Delivery
//
// [Deliverer] carries events from the inbox to the workflows: one goroutine for each call with something waiting, by lease, in order
// of position. The first event goes at once; what arrives while a signal is under way, or within 20 ms after it, goes together in the
// next. What was sent is sent again unless the store says, seconds later, that the workflow has taken it.
//
// # API
//
// The API is schema/openapi.yaml, by generated types. Actions are Temporal Updates, and are answered when Twilio's own word says that
// they took effect. Live events travel by server-sent events and can be resumed.
package handlers
