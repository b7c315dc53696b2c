package handlers

import "holdfast/call"

// renderBotPart shows a bot's part in a call; nil where there was none.
func renderBotPart(b *call.BotPhase) *BotPart {
	if b.Since.IsZero() {
		return nil
	}
	part := &BotPart{
		Bot: b.Bot, Name: b.Name, Session: b.Session, Connection: b.Connection, Foreign: b.Foreign, Since: b.Since.UTC(), OverAt: optionalTime(b.OverAt),
		Result: optional(b.Result),
	}
	if h := b.Handoff; !h.At.IsZero() {
		part.Handoff = &HandoffNote{Reason: h.Reason, Summary: h.Summary, Sentiment: h.Sentiment, Language: h.Language, At: h.At.UTC(), By: h.By}
	}
	return part
}
