package bot

// Transferring is what a caller hears whom somebody else than the dialogue sends to a person. language is the dialogue's; "" is the bot's first.
func (s Settings) Transferring(language string) Speech {
	if language == "" {
		language = s.first()
	}
	return s.say(language, s.Phrases.Transfer, func(w spoken) string { return w.transfer })
}
