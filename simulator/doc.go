// Package simulator is Twilio, as far as Holdfast uses it: TaskRouter, Voice with conferences and a TwiML interpreter,
// signed webhooks, and virtual people who call, answer, talk and hang up. It is a server of its own, held to Twilio's
// OpenAPI documents, and shares no code with the rest of the project: shared code would agree with its own mistakes.
//
// # The world and its lock
//
// A [Simulator] holds one account, or several with numbers, calls and workspaces of their own. Everything in it changes under one lock (mu); methods whose names end in "Locked"
// expect it to be held. Nothing that waits (a webhook, a ring, a spoken sentence) holds the lock: it takes a step under
// the lock, lets go, waits, and takes the next step. Webhooks leave from their own goroutines, so they arrive as Twilio's
// do: without any promised order.
//
// # The two halves and their seam
//
// TaskRouter (taskrouter_*.go) decides who; Voice (voice_*.go) carries the sound. They meet in seam.go: TaskRouter asks
// Voice to ring an agent and to pull a waiting caller into a conference; Voice tells TaskRouter that a call was enqueued,
// that a caller left, that a conversation is over.
//
// # Time
//
// [Config.Second] says how long one second of Twilio's and of the people's takes: ring times, reservation time-outs,
// pauses, sentences, talk. A headless run shortens it. The time that Twilio gives a webhook to answer is never scaled,
// for what answers is real.
//
// # What is watched
//
// What must never be is a violation ([Simulator.Violations]) as soon as it is: a customer who hears a coach, an agent in more conversations
// than his capacity allows. What must not last is one after a while ([Bounds]): a customer on hold with nobody coming, a leg or a task that
// outlives its customer. [Simulator.Heard] tells who heard whom and what, from when to when; [Simulator.Leftovers] what is still there when
// all should have come to rest. Where Twilio's documentation is silent, [Silences] has a choice.
//
// # People
//
// Whoever is attached to an address ([Simulator.Attach]) has a [Line] when that address is dialled. The people of package
// people are scripts on top of that, and know nothing that a person would not know. A phone that does always the same is a [Habit].
package simulator
