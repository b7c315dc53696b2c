// Package people is who uses a contact centre: virtual callers and agents on the lines of a simulated Twilio, and the
// centre that they meet in.
//
// They know what a person would know. A caller has a number to dial, patience, something to say and a moment when he has
// had enough. An agent has a phone that rings, a desktop that shows Holdfast's live events, and buttons that call
// Holdfast's API. What they see is compared with what Holdfast says: a hold that the API calls verified while the caller
// heard no music is a violation, and so is a call that Holdfast thinks alive after everybody went home.
//
// # Scripts
//
// A [Script] is a YAML document: the centre to build, how long its people take for things, and how often which turn of
// events is wanted. Decoding is strict: an unknown key, a name that nothing bears, a range upside down are errors that
// name their place. [Load] has the built-in ones ("demo", "floor"), [Parse] reads others.
//
//	name: corner-shop
//	description: Two agents, one queue.
//	rate: 0.1                        # calls a second that suit it; a hint for whoever runs it
//	centre:
//	  workspace: Corner Shop
//	  availabilities:
//	    - {name: Offline}            # agents begin in the first one that is not available
//	    - {name: Available, available: true}
//	    - {name: Not answering}
//	  missed_availability: Not answering
//	  queues:
//	    - {name: Counter, target: "skills HAS 'counter'"}
//	  routing_workflows:
//	    - name: Inbound
//	      reservation_timeout: 60
//	      filters:
//	        - {name: counter, expression: "to == '+18005550100'", targets: [{queue: Counter, priority: 5}]}
//	      default_queue: Counter
//	  numbers:
//	    - {name: Counter line, number: "+18005550100", routing: Inbound}
//	  agents:
//	    - {name: Ann Kerr, address: "client:ann", skills: [counter]}
//	    - {name: Bob Dent, address: "client:bob", skills: [counter], capacity: 2, attributes: {level: 3}}
//	agents:
//	  answer_after: 1-4
//	  hold: {share: 0.3, after: 4-10, for: 5-15}
//	  mute: {share: 0.1, after: 2-5, for: 2-4}
//	  wrap_up_for: 3-8
//	  back_after: 5-10               # after an availability that he did not choose
//	  away_after_crash: 10-20
//	callers:
//	  - {name: patient, weight: 3, patience: 60-120, talk_for: 15-60, hangs_up_first: 0.6}
//	  - {name: hurried, weight: 1, patience: 8-20, talk_for: 5-15, hangs_up_first: 0.9, keys: "1", says: "an agent please"}
//	mix: {plain: 70, standard: 20, reject: 5, agent-crash: 5}
//
// Durations are seconds of simulated time, which [RunConfig].Second scales; "5-20" is a range that each call draws from.
// How often agents reject, ignore, crash or leave, and callers give up or lose the line, are the weights of the mix: its
// keys are the names of [Scenarios]. A number with "closed: true" is served by a queue that nobody staffs.
//
// # Repeatable choices
//
// All that is decided for a call is drawn from the seed and the call's place in the run before it is placed, so the
// twelfth caller of a seed does the same whatever the eleventh did. What the network and the application make of it is
// real.
package people
