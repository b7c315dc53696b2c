package bot

import "strings"

// The three sentiments that a handoff knows.
const (
	Positive = "positive"
	Neutral  = "neutral"
	Negative = "negative"
)

// angry is the mood at which a caller goes to a person, where the settings ask for it.
const angry = -3

// moods weigh folded words: a coarse measure, which needs no model and errs towards neutral.
var moods = func() map[string]map[string]int {
	m := map[string]map[string]int{}
	add := func(language string, weight int, words ...string) {
		if m[language] == nil {
			m[language] = map[string]int{}
		}
		for _, w := range words {
			m[language][fold(w)] = weight
		}
	}
	add("en", -3, "angry", "furious", "outraged", "ridiculous", "unacceptable", "outrageous", "disgusting", "disgraceful", "pissed", "fuck", "fucking", "shit", "bullshit", "idiot", "idiots", "scam", "lawyer", "sue", "worst", "hate")
	add("en", -2, "terrible", "awful", "horrible", "useless", "stupid", "frustrated", "frustrating", "annoyed", "annoying", "damn", "incompetent", "complaint", "complain", "fed")
	add("en", -1, "bad", "disappointed", "disappointing", "upset", "unhappy", "wrong", "broken", "problem", "slow", "late")
	add("en", 1, "thanks", "thank", "good", "nice", "fine", "helpful", "happy", "glad", "appreciate")
	add("en", 2, "great", "excellent", "perfect", "wonderful", "awesome", "amazing", "love")
	add("es", -3, "furioso", "furiosa", "enojado", "enojada", "enfadado", "enfadada", "ridículo", "inaceptable", "indignante", "mierda", "joder", "idiota", "idiotas", "estafa", "abogado", "vergüenza", "harto", "harta")
	add("es", -2, "terrible", "horrible", "inútil", "pésimo", "pésima", "fatal", "queja", "reclamación", "odio")
	add("es", -1, "mal", "malo", "mala", "decepcionado", "decepcionada", "molesto", "molesta", "problema", "roto")
	add("es", 1, "gracias", "bien", "bueno", "buena", "amable", "contento", "contenta")
	add("es", 2, "excelente", "perfecto", "genial", "maravilloso", "fantástico", "encanta")
	add("fr", -3, "furieux", "furieuse", "scandaleux", "inadmissible", "inacceptable", "ridicule", "merde", "putain", "idiot", "idiots", "arnaque", "avocat", "honte")
	add("fr", -2, "terrible", "horrible", "nul", "nulle", "inutile", "énervé", "énervée", "plainte", "marre")
	add("fr", -1, "mauvais", "mauvaise", "déçu", "déçue", "problème", "cassé")
	add("fr", 1, "merci", "bien", "bon", "bonne", "gentil", "content", "contente")
	add("fr", 2, "excellent", "parfait", "génial", "super", "formidable")
	add("de", -3, "wütend", "unverschämt", "unverschämtheit", "inakzeptabel", "lächerlich", "scheiße", "verdammt", "idiot", "idioten", "betrug", "anwalt", "frechheit", "stinksauer")
	add("de", -2, "schrecklich", "furchtbar", "katastrophe", "nutzlos", "sauer", "frustriert", "genervt", "beschwerde", "beschweren")
	add("de", -1, "schlecht", "enttäuscht", "ärgerlich", "problem", "kaputt", "falsch")
	add("de", 1, "danke", "gut", "nett", "freundlich", "zufrieden")
	add("de", 2, "super", "perfekt", "ausgezeichnet", "wunderbar", "toll", "großartig")
	add("it", -3, "furioso", "furiosa", "arrabbiato", "arrabbiata", "ridicolo", "inaccettabile", "vergogna", "merda", "cazzo", "idiota", "idioti", "truffa", "avvocato")
	add("it", -2, "terribile", "orribile", "inutile", "pessimo", "pessima", "stufo", "stufa", "reclamo")
	add("it", -1, "male", "cattivo", "deluso", "delusa", "problema", "rotto")
	add("it", 1, "grazie", "bene", "buono", "gentile", "contento", "contenta")
	add("it", 2, "eccellente", "perfetto", "ottimo", "fantastico", "meraviglioso")
	add("pt", -3, "furioso", "furiosa", "ridículo", "inaceitável", "absurdo", "vergonha", "merda", "idiota", "idiotas", "golpe", "advogado", "raiva")
	add("pt", -2, "terrível", "horrível", "inútil", "péssimo", "péssima", "irritado", "irritada", "reclamação", "farto", "farta")
	add("pt", -1, "mau", "ruim", "mal", "decepcionado", "decepcionada", "problema")
	add("pt", 1, "obrigado", "obrigada", "bom", "boa", "bem", "gentil", "feliz")
	add("pt", 2, "excelente", "perfeito", "ótimo", "ótima", "maravilhoso")
	add("nl", -3, "woedend", "belachelijk", "onacceptabel", "schandalig", "schande", "idioot", "idioten", "oplichting", "advocaat", "kut", "godverdomme")
	add("nl", -2, "verschrikkelijk", "vreselijk", "waardeloos", "boos", "gefrustreerd", "klacht", "zat")
	add("nl", -1, "slecht", "teleurgesteld", "probleem", "kapot", "fout")
	add("nl", 1, "bedankt", "dank", "goed", "fijn", "aardig", "tevreden")
	add("nl", 2, "geweldig", "uitstekend", "perfect", "fantastisch")
	add("ar", -3, "غاضب", "غاضبة", "سخيف", "نصب", "احتيال", "محامي", "فضيحة")
	add("ar", -2, "سيء", "سيئ", "فظيع", "شكوى", "أكره")
	add("ar", -1, "مشكلة", "محبط")
	add("ar", 1, "شكرا", "جيد")
	add("ar", 2, "ممتاز", "رائع")
	return m
}()

// score is how a caller's folded words sound: below 0 is bad. What a word near before denies counts the other way, and half.
func score(folded, language string) int {
	weights := moods[base(language)]
	deny := negations[base(language)]
	sum, since, first, refused := 0, 3, true, false
	for word := range strings.FieldsSeq(folded) {
		weight := weights[word]
		if weight > 0 && since < 3 || weight < 0 && since < 3 && !refused {
			weight = -weight / 2
		}
		sum += weight
		since++
		if deny[word] {
			since, refused = 0, first && refusals[word] // "no, this is ridiculous" denies nothing
		}
		first = false
	}
	return sum
}

// feel adds a turn to the dialogue's mood, in which older turns fade.
func (d *Dialogue) feel(folded string) {
	d.Mood = min(max(d.Mood/2+score(folded, d.Language), -9), 9)
	switch {
	case d.Mood <= -2: // who has a problem is not upset yet
		d.Sentiment = Negative
	case d.Mood >= 2:
		d.Sentiment = Positive
	default:
		d.Sentiment = Neutral
	}
}
