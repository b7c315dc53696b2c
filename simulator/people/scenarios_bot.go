package people

import "math/rand/v2"

// What the bots of the built-in scripts say, in part: the cues of their callers.
const (
	saysMenu     = "or two for repairs"
	saysHours    = "from nine to five"
	saysStory    = "was founded"
	saysOrder    = "number of your order"
	saysSpanish  = "pulse dos"
	saysTransfer = "transferring you"
	saysThere    = "Are you still there?"
	saysGoodbye  = "end the call now"
	saysWanted   = "What are you looking for?"
	saysMoment   = "One moment"
	saysStock    = "in stock"
	saysModel    = "How may I help?"
	saysWrong    = "Could you say that again?"
)

// What callers say to them.
const (
	asksHours  = "What are your opening hours?"
	asksPerson = "I would like to talk to a person, please."
	asksStory  = "Tell me about your company."
	saysThanks = "No thanks, that is all."
)

// withBot is a scenario in which a bot has the caller first.
func withBot(name, description, entrance string, b func(p *plan, rng *rand.Rand) *botPlan) Scenario {
	return Scenario{
		Name: name, Description: description, entrance: entrance,
		shape: func(p *plan, rng *rand.Rand, _ AgentScript) {
			p.patience, p.keys, p.says = 0, "", ""
			p.bot = b(p, rng)
			switch p.bot.ends {
			case botHangsUp, callerGoes, leavesOnTape:
				p.bot.outcomes = []string{"completed"}
			case goesInQueue:
				p.neverAnswers = true
			case handsOff, nobodyThere:
			}
		},
	}
}

// hours is a question before what the scenario is about, or none.
func hours(rng *rand.Rand) []move {
	moves := []move{{cue: saysMenu, do: waits}}
	for range rng.IntN(2) {
		moves = []move{{cue: saysMenu, text: asksHours}, {cue: saysHours, do: waits}}
	}
	return moves
}

// says is what a caller says in answer to the last of the moves.
func says(moves []move, text string) []move { return append(moves, move{now: true, text: text}) }

// handedOver is a talk that ends with a person, by what the caller says last.
func handedOver(rng *rand.Rand, text, reason string) *botPlan {
	return &botPlan{moves: says(hours(rng), text), ends: handsOff, reason: reason}
}

// spoken are the scenarios of bots.
var spoken = []Scenario{
	withBot("bot-ends", "A bot answers what the caller wants to know, and ends the call.", entranceBot, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: botHangsUp, moves: []move{{cue: saysMenu, text: asksHours}, {cue: saysHours, text: saysThanks}}}
	}),
	withBot("bot-wish", "The caller asks the bot for a person.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		return handedOver(rng, asksPerson, "asked for a person")
	}),
	withBot("bot-word", "The caller says a word that the bot's script hands over for.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		return handedOver(rng, "You will hear from my solicitor.", "solicitor")
	}),
	withBot("bot-sentiment", "The caller is angry.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		b := handedOver(rng, "This is ridiculous, I am furious.", "upset")
		b.sentiment = "negative"
		return b
	}),
	withBot("bot-failed-turns", "The bot does not understand the caller twice in a row.", entranceBot, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: handsOff, reason: "did not understand", moves: []move{
			{cue: saysMenu, text: "Florgle wumpus bandersnatch."}, {cue: saysMenu, text: "Wumpus florgle."},
		}}
	}),
	withBot("bot-topic", "The caller speaks of what is for people.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		return handedOver(rng, "I want to make a complaint.", "complaint")
	}),
	withBot("bot-time", "The talk with the bot goes on for too long.", entranceBotTime, func(_ *plan, _ *rand.Rand) *botPlan {
		b := &botPlan{ends: handsOff, reason: "took long", anyTime: true, moves: []move{{cue: saysMenu, text: asksHours}}}
		for range 8 {
			b.moves = append(b.moves, move{cue: saysHours, after: 2, text: asksHours})
		}
		return b
	}),
	withBot("bot-api", "Somebody who watches asks by the API, more than once, that a person takes over.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		ask := move{cue: saysMenu, do: asksElsewhere}
		if rng.IntN(2) == 0 {
			ask.during, ask.after = true, 0.5
		}
		return &botPlan{ends: handsOff, reason: apiReason, sentiment: "negative", moves: []move{ask}}
	}),
	withBot("bot-interrupted", "The caller interrupts the bot, and asks for a person.", entranceBot, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: handsOff, reason: "asked for a person", moves: []move{
			{cue: saysMenu, text: asksStory}, {cue: saysStory, during: true, after: 3, text: asksPerson},
		}}
	}),
	withBot("bot-silent", "The caller says nothing, is asked twice, and is let go; or speaks at the last moment.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		moves := []move{{cue: saysThere, do: waits}, {cue: saysThere, do: waits}}
		if rng.IntN(2) == 0 {
			return &botPlan{ends: botHangsUp, moves: append(moves, move{cue: saysGoodbye, do: waits})}
		}
		return &botPlan{ends: handsOff, reason: "asked for a person", moves: append(moves, move{cue: saysGoodbye, during: true, after: 1, text: asksPerson})}
	}),
	withBot("bot-keys", "The caller presses keys: a menu's, and a number that nobody must find again.", entranceBot, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: handsOff, reason: "an order", selections: []string{"Orders"}, moves: []move{
			{cue: saysMenu, do: keysIn, text: "1"}, {cue: saysOrder, do: keysIn, text: secretDigits + "#"},
		}}
	}),
	withBot("bot-language", "The caller wants to speak Spanish, and is handed over so.", entranceBot, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: handsOff, language: "es-US", moves: []move{
			{cue: saysMenu, text: "Could we speak Spanish?"}, {cue: saysSpanish, text: "Quiero hablar con una persona."},
		}}
	}),
	withBot("bot-hangs-up", "The caller hangs up on the bot.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		return &botPlan{ends: callerGoes, moves: []move{
			{cue: saysMenu, text: asksStory}, {cue: saysStory, during: true, after: 8 * rng.Float64(), do: hangsUp},
		}}
	}),
	withBot("bot-hangs-up-in-handoff", "The caller hangs up while he is handed over: no agent's phone may ring.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		b := &botPlan{ends: goesInQueue, queueFor: rng.Float64(), moves: says(hours(rng), asksPerson)}
		if rng.IntN(2) == 0 {
			b.moves = append(b.moves, move{cue: saysTransfer, during: true, after: rng.Float64(), do: hangsUp})
		}
		return b
	}),
	withBot("bot-cap", "The bot has as many callers as it may: the next goes to people at once.", entranceBotCap, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: handsOff, capped: true, holds: "Welcome"}
	}),
	withBot("bot-slow", "The bot is slow to think: the caller hears that it goes on.", entranceBotSlow, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: botHangsUp, moves: []move{
			{cue: saysWanted, text: "Do you have red paint?"}, {cue: saysMoment, do: waits}, {cue: saysStock, text: saysThanks},
		}}
	}),
	withBot("bot-model", "A bot that thinks with a language model hands over by the model's own wish, or ends the call.", entranceBotModel, func(_ *plan, rng *rand.Rand) *botPlan {
		moves := []move{{cue: saysModel, text: asksHours}}
		if rng.IntN(3) == 0 {
			return &botPlan{ends: botHangsUp, moves: append(moves, move{cue: saysHours, text: saysThanks})}
		}
		return &botPlan{ends: handsOff, reason: "wants to cancel", summary: modelSummary, moves: append(moves, move{cue: saysHours, text: "I want to cancel my subscription."})}
	}),
	withBot("bot-broken", "The bot's model streams garbage: the caller hears a sentence, and the second time goes to a person.", entranceBotModel, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: handsOff, reason: "could not go on", moves: []move{
			{cue: saysModel, text: "My kettle is broken."}, {cue: saysWrong, text: "It is broken, I say."},
		}}
	}),
	withBot("bot-outbound", "A bot calls somebody, who asks for a person, or needs none.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		b := &botPlan{ends: botHangsUp, moves: []move{{cue: saysMenu, text: saysThanks}}}
		if rng.IntN(2) == 0 {
			b = handedOver(rng, asksPerson, "asked for a person")
		}
		b.outbound = &outboundPlan{}
		if rng.IntN(2) == 0 {
			b.outbound.machine = "hangup"
		}
		return b
	}),
	withBot("bot-outbound-busy", "A bot calls somebody whose line is busy.", entranceBot, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: nobodyThere, session: "busy", outcomes: []string{"busy"}, outbound: &outboundPlan{answers: lineBusy}}
	}),
	withBot("bot-outbound-no-answer", "A bot calls somebody who does not answer.", entranceBot, func(_ *plan, _ *rand.Rand) *botPlan {
		return &botPlan{ends: nobodyThere, session: "no-answer", outcomes: []string{"no-answer"}, outbound: &outboundPlan{answers: nobodyAnswers}}
	}),
	withBot("bot-outbound-machine", "A machine answers a bot's call: it hangs up, or leaves its message after the tone.", entranceBot, func(_ *plan, rng *rand.Rand) *botPlan {
		b := &botPlan{ends: leavesOnTape, outbound: &outboundPlan{answers: machineAnswers, machine: "hangup"}}
		if rng.IntN(2) == 0 {
			b.outbound.machine, b.outbound.message = "message", "Your order is ready."
			b.moves = []move{{cue: "Your order is ready.", do: waits}}
		}
		return b
	}),
}

// secretDigits is what a caller keys, and what must be nowhere afterwards.
const secretDigits = "48151623"
