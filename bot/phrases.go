package bot

// spoken are the words of a language that settings need not bring.
type spoken struct {
	greeting, stillThere, stillThere2, goodbye  string
	filler, failed, transfer, nobody, notAbleTo string
	bye, keyed, notUnderstood                   string   // keyed: what is said instead of the digits that a caller keyed
	wishes                                      []string // words that ask for a person
}

// byLanguage has what a bot says by itself, for the languages that its makers speak.
var byLanguage = folded(map[string]spoken{
	"en": {
		greeting: "Hello! How can I help you?", stillThere: "Are you still there?", stillThere2: "I cannot hear you. Are you still there?",
		goodbye: "I cannot hear you, so I will end the call now. Goodbye.", filler: "One moment, please.",
		failed: "I am sorry, something went wrong. Could you say that again?", transfer: "I am transferring you to a colleague now.",
		nobody: "I am sorry, nobody can take your call right now.", notAbleTo: "I am sorry, I cannot help you any further right now. Please call again later. Goodbye.",
		bye: "Goodbye.", notUnderstood: "I am sorry, I did not understand that.", keyed: "the number that you keyed",
		wishes: []string{"agent", "human", "representative", "operator", "real person", "live person", "talk to a person", "speak to a person", "speak with a person", "talk to someone", "speak to someone", "speak with someone", "customer service"},
	},
	"es": {
		greeting: "¡Hola! ¿En qué puedo ayudarle?", stillThere: "¿Sigue usted ahí?", stillThere2: "No le oigo. ¿Sigue usted ahí?",
		goodbye: "No le oigo, así que voy a terminar la llamada. Adiós.", filler: "Un momento, por favor.",
		failed: "Lo siento, algo ha fallado. ¿Puede repetirlo?", transfer: "Ahora le paso con un compañero.",
		nobody: "Lo siento, ahora mismo nadie puede atenderle.", notAbleTo: "Lo siento, ahora no puedo ayudarle más. Por favor, llame más tarde. Adiós.",
		bye: "Adiós.", notUnderstood: "Lo siento, no le he entendido.", keyed: "el número que ha marcado",
		wishes: []string{"agente", "humano", "operador", "operadora", "persona real", "hablar con una persona", "hablar con alguien", "atencion al cliente"},
	},
	"fr": {
		greeting: "Bonjour ! Comment puis-je vous aider ?", stillThere: "Êtes-vous toujours là ?", stillThere2: "Je ne vous entends pas. Êtes-vous toujours là ?",
		goodbye: "Je ne vous entends pas, je vais donc mettre fin à l'appel. Au revoir.", filler: "Un instant, s'il vous plaît.",
		failed: "Je suis désolé, il y a eu un problème. Pouvez-vous répéter ?", transfer: "Je vous passe maintenant un collègue.",
		nobody: "Je suis désolé, personne ne peut prendre votre appel pour le moment.", notAbleTo: "Je suis désolé, je ne peux pas vous aider davantage. Veuillez rappeler plus tard. Au revoir.",
		bye: "Au revoir.", notUnderstood: "Je suis désolé, je n'ai pas compris.", keyed: "le numéro que vous avez saisi",
		wishes: []string{"agent", "conseiller", "conseillère", "opérateur", "opératrice", "humain", "vraie personne", "parler à une personne", "parler à quelqu'un", "service client"},
	},
	"de": {
		greeting: "Guten Tag! Wie kann ich Ihnen helfen?", stillThere: "Sind Sie noch da?", stillThere2: "Ich höre Sie nicht. Sind Sie noch da?",
		goodbye: "Ich höre Sie nicht und beende jetzt das Gespräch. Auf Wiederhören.", filler: "Einen Moment, bitte.",
		failed: "Es tut mir leid, da ist etwas schiefgegangen. Können Sie das wiederholen?", transfer: "Ich verbinde Sie jetzt mit einem Kollegen.",
		nobody: "Es tut mir leid, im Moment kann niemand Ihren Anruf annehmen.", notAbleTo: "Es tut mir leid, ich kann Ihnen gerade nicht weiterhelfen. Bitte rufen Sie später wieder an. Auf Wiederhören.",
		bye: "Auf Wiederhören.", notUnderstood: "Das habe ich leider nicht verstanden.", keyed: "die eingegebene Nummer",
		wishes: []string{"Mitarbeiter", "Mitarbeiterin", "Mensch", "Menschen", "Berater", "Beraterin", "Sachbearbeiter", "Sachbearbeiterin", "echte Person", "mit jemandem sprechen", "Kundendienst"},
	},
	"it": {
		greeting: "Buongiorno! Come posso aiutarla?", stillThere: "È ancora lì?", stillThere2: "Non la sento. È ancora lì?",
		goodbye: "Non la sento, quindi termino la chiamata. Arrivederci.", filler: "Un momento, per favore.",
		failed: "Mi dispiace, qualcosa è andato storto. Può ripetere?", transfer: "Le passo subito un collega.",
		nobody: "Mi dispiace, in questo momento nessuno può rispondere.", notAbleTo: "Mi dispiace, ora non posso aiutarla oltre. Richiami più tardi. Arrivederci.",
		bye: "Arrivederci.", notUnderstood: "Mi dispiace, non ho capito.", keyed: "il numero che ha digitato",
		wishes: []string{"operatore", "operatrice", "umano", "persona vera", "parlare con una persona", "parlare con qualcuno", "servizio clienti"},
	},
	"pt": {
		greeting: "Olá! Como posso ajudar?", stillThere: "Ainda está aí?", stillThere2: "Não consigo ouvir. Ainda está aí?",
		goodbye: "Não consigo ouvir, por isso vou terminar a chamada. Adeus.", filler: "Um momento, por favor.",
		failed: "Desculpe, algo correu mal. Pode repetir?", transfer: "Vou passar a um colega agora.",
		nobody: "Desculpe, neste momento ninguém pode atender.", notAbleTo: "Desculpe, agora não posso ajudar mais. Por favor, ligue mais tarde. Adeus.",
		bye: "Adeus.", notUnderstood: "Desculpe, não percebi.", keyed: "o número que digitou",
		wishes: []string{"atendente", "humano", "operador", "operadora", "pessoa real", "falar com uma pessoa", "falar com alguém", "atendimento ao cliente"},
	},
	"nl": {
		greeting: "Hallo! Waarmee kan ik u helpen?", stillThere: "Bent u er nog?", stillThere2: "Ik hoor u niet. Bent u er nog?",
		goodbye: "Ik hoor u niet en beëindig nu het gesprek. Tot ziens.", filler: "Een ogenblik, alstublieft.",
		failed: "Het spijt me, er ging iets mis. Kunt u dat herhalen?", transfer: "Ik verbind u nu door met een collega.",
		nobody: "Het spijt me, op dit moment kan niemand uw gesprek aannemen.", notAbleTo: "Het spijt me, ik kan u nu niet verder helpen. Belt u later nog eens. Tot ziens.",
		bye: "Tot ziens.", notUnderstood: "Het spijt me, dat heb ik niet begrepen.", keyed: "het nummer dat u hebt ingetoetst",
		wishes: []string{"medewerker", "medewerkster", "mens", "echt persoon", "iemand spreken", "met iemand praten", "klantenservice"},
	},
	"ar": {
		greeting: "مرحباً! كيف يمكنني مساعدتك؟", stillThere: "هل ما زلت معي؟", stillThere2: "لا أسمعك. هل ما زلت معي؟",
		goodbye: "لا أسمعك، لذلك سأنهي المكالمة الآن. مع السلامة.", filler: "لحظة من فضلك.",
		failed: "عذراً، حدث خطأ ما. هل يمكنك الإعادة؟", transfer: "سأحولك الآن إلى أحد الزملاء.",
		nobody: "عذراً، لا أحد متاح الآن.", notAbleTo: "عذراً، لا أستطيع مساعدتك أكثر الآن. يرجى الاتصال لاحقاً. مع السلامة.",
		bye: "مع السلامة.", notUnderstood: "عذراً، لم أفهم ذلك.", keyed: "الرقم الذي أدخلته",
		wishes: []string{"موظف", "إنسان", "شخص حقيقي", "خدمة العملاء", "التحدث مع شخص"},
	},
})

// folded are the same with wishes as they are compared.
func folded(all map[string]spoken) map[string]spoken {
	for _, s := range all {
		for i, w := range s.wishes {
			s.wishes[i] = fold(w)
		}
	}
	return all
}

// defaultLanguage is spoken where none is set.
const defaultLanguage = "en-US"

// wordsOf are a language's own, or the English ones.
func wordsOf(language string) (spoken, bool) {
	s, ok := byLanguage[base(language)]
	if !ok {
		s = byLanguage["en"]
	}
	return s, ok
}

// say chooses between what the settings have for the bot's first language and what we have for the one that is spoken.
func (s Settings) say(language, set string, ours func(spoken) string) Speech {
	first := s.first()
	set = speakable(set)
	if set != "" && base(language) == base(first) {
		return Speech{Text: set, Language: language}
	}
	if words, ok := wordsOf(language); ok {
		return Speech{Text: ours(words), Language: language}
	}
	if set != "" {
		return Speech{Text: set, Language: first}
	}
	words, _ := wordsOf("en")
	return Speech{Text: ours(words), Language: defaultLanguage}
}

// first is the language that a bot begins in.
func (s Settings) first() string {
	if len(s.Languages) > 0 {
		return s.Languages[0]
	}
	return defaultLanguage
}

// prompt is the n-th question to a silent caller; ok is false when it is time to say goodbye.
func (s Settings) prompt(language string, n int) (Speech, bool) {
	prompts := s.Silence.Prompts
	if prompts == nil {
		prompts = []string{"", ""}
	}
	if n >= len(prompts) {
		return Speech{}, false
	}
	return s.say(language, prompts[n], func(w spoken) string {
		if n%2 == 0 {
			return w.stillThere
		}
		return w.stillThere2
	}), true
}
