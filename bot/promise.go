package bot

import (
	"regexp"
	"slices"
	"strings"
)

// promise finds, in folded words, that the bot says to be transferring the caller: a promise that something must keep.
var promise = regexp.MustCompile(`\b(` + strings.Join([]string{
	`(i will|i ll|i am|i m|let me|we will|we ll|going to|please hold while i|please wait while i)( now| just| going to| go ahead and)* (transfer|transferring|connect|connecting|hand|handing|put|putting|pass|passing|forward|forwarding) (you|your call)( over| through| on)?( now$| right away$|$| to (an?|our|one of our|my|someone|somebody|the (right |support |sales |billing )?(team|department|person|people|agent|desk))\b)`,
	`transferring you`,
	`(le|la|lo|te) (paso|transfiero|comunico|conecto) (ahora )?(con|a) (un|una|el|la|nuestro|alguien)`,
	`je vous (passe|transfere|mets en relation|mets en contact) `,
	`ich (verbinde|leite) (sie|dich) (jetzt |nun |gleich |sofort )?(mit|an|weiter)`,
	`(la|ti) (passo|trasferisco|metto in contatto) `,
	`(vou|irei) (passar|transferir|encaminhar) `,
	`ik verbind (u|je) (nu |direct )?door`,
}, "|") + `)`)

// promised says whether a sentence is such a promise. A question is an offer.
func promised(sentence string) bool {
	if strings.ContainsAny(sentence, "?？؟") {
		return false
	}
	folded := fold(sentence)
	return promise.MatchString(folded) || strings.Contains(folded, "ساحولك") || strings.Contains(folded, "سوف احولك")
}

// promises says whether one of a text's sentences is.
func promises(text string) bool {
	return slices.ContainsFunc(sentences(text), promised)
}

// without is a text less the sentences that drop wants out.
func without(text string, drop func(string) bool) string {
	var kept []string
	for _, s := range sentences(text) {
		if !drop(s) {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, " ")
}

func asks(sentence string) bool { return strings.ContainsAny(sentence, "?？؟") }
