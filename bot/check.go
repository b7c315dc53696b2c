package bot

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// FieldError is what is wrong with a field of the settings, by its name in the API.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (e FieldError) Error() string { return e.Field + ": " + e.Detail }

// Bounds of texts, in characters, and of lists.
const (
	phraseMost       = 1000
	instructionsMost = 20_000
	scriptMost       = 200_000
	listMost         = 100
	sessionsMost     = 10_000
	attributeBytes   = 2000
)

var (
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	e164       = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	sipForm    = regexp.MustCompile(`^sips?:[^@\s<>"]+@[^@\s<>"]+$`)
	workflowID = regexp.MustCompile(`^WW[0-9a-f]{32}$`)
	headerForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
)

// checker collects what is wrong.
type checker struct{ errors []FieldError }

func (c *checker) wrong(field, format string, args ...any) {
	c.errors = append(c.errors, FieldError{Field: field, Detail: fmt.Sprintf(format, args...)})
}

func (c *checker) text(field, text string, most int) {
	switch n := utf8.RuneCountInString(text); {
	case n > most:
		c.wrong(field, "is %d characters long; at most %d are allowed", n, most)
	case !utf8.ValidString(text):
		c.wrong(field, "is not valid UTF-8")
	}
}

func (c *checker) list(field string, list []string, most int) {
	if len(list) > listMost {
		c.wrong(field, "has %d entries; at most %d are allowed", len(list), listMost)
	}
	for i, text := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if strings.TrimSpace(text) == "" {
			c.wrong(at, "is empty")
		}
		c.text(at, text, most)
	}
}

func (c *checker) seconds(field string, s, least, most Seconds) {
	if s != 0 && (s < least || s > most) {
		c.wrong(field, "must be from %g to %g seconds", least.Duration().Seconds(), most.Duration().Seconds())
	}
}

// Check says what is wrong with the settings, each fault by its field; none if they can be used. A script's faults are told by their lines.
func (s Settings) Check() []FieldError {
	var c checker
	c.text("greeting", s.Greeting, phraseMost)
	c.text("instructions", s.Instructions, instructionsMost)
	c.brain("brain", s.Brain)
	if s.Fallback != nil {
		c.brain("fallback", *s.Fallback)
	}
	c.list("languages", s.Languages, 20)
	for i, l := range s.Languages {
		if !isLanguage(l) {
			c.wrong(fmt.Sprintf("languages[%d]", i), "%q is no language tag: want one like en-US or es", l)
		}
	}
	c.list("hints", s.Hints, 100)
	c.seconds("silence.after", s.Silence.After, Seconds(time.Second), silenceMost)
	if s.Silence.After%Seconds(time.Second) != 0 {
		c.wrong("silence.after", "must be whole seconds")
	}
	if len(s.Silence.Prompts) > 10 {
		c.wrong("silence.prompts", "has %d entries; at most 10 are allowed", len(s.Silence.Prompts))
	}
	c.list("silence.prompts", s.Silence.Prompts, phraseMost)
	c.text("silence.goodbye", s.Silence.Goodbye, phraseMost)
	switch s.Interrupt {
	case "", InterruptAny, InterruptSpeech, InterruptKeys, InterruptNone:
	default:
		c.wrong("interrupt", "%q is none of any, speech, dtmf and none", s.Interrupt)
	}
	if s.MaxSessions < 0 || s.MaxSessions > sessionsMost {
		c.wrong("max_sessions", "must be from 0 (no cap) to %d", sessionsMost)
	}
	c.atCap("at_cap", s.AtCap)
	c.atCap("offline", s.Offline)
	c.handoff(s.Handoff)
	for field, text := range map[string]string{"filler": s.Phrases.Filler, "error": s.Phrases.Error, "transfer": s.Phrases.Transfer, "nobody": s.Phrases.Nobody} {
		c.text("phrases."+field, text, phraseMost)
	}
	c.lookups(s.Lookups)
	c.transfers(s.Transfers)
	if over, err := tooLong(s.Attributes); err != nil {
		c.wrong("attributes", "cannot be written as JSON")
	} else if n := over + AttributesMost; n > attributeBytes {
		c.wrong("attributes", "are %d bytes of JSON; at most %d leave room for a handoff", n, attributeBytes)
	}
	for name := range s.Attributes {
		if isHandoffAttribute(name) {
			c.wrong("attributes", "%s belongs to the handoff", name)
		}
	}
	c.references(s)
	slices.SortStableFunc(c.errors, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
	return c.errors
}

func (c *checker) brain(field string, b BrainSettings) {
	c.seconds(field+".within", b.Within, Seconds(500*time.Millisecond), brainMost)
	switch b.Kind {
	case "", KindScripted:
		if utf8.RuneCountInString(b.Script) > scriptMost {
			c.wrong(field+".script", "is longer than %d characters", scriptMost)
			return
		}
		if _, err := readScript(b.Script); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				c.wrong(field+".script", "%s", line)
			}
		}
	case KindOpenAI:
		if b.Model == "" {
			c.wrong(field+".model", "is needed: the model's name at the endpoint")
		}
		c.text(field+".model", b.Model, 200)
		if b.BaseURL != "" {
			c.url(field+".base_url", b.BaseURL, true)
		}
		if b.APIKeyEnv != "" && !KeyVariable(b.APIKeyEnv) {
			c.wrong(field+".api_key_env", "%q is no environment variable that a bot may use: its name must end in _API_KEY or begin with HOLDFAST_BOT_, and be none of Holdfast's, Twilio's or Temporal's", b.APIKeyEnv)
		}
		if t := b.Temperature; t != nil && (math.IsNaN(*t) || *t < 0 || *t > 2) {
			c.wrong(field+".temperature", "must be from 0 to 2")
		}
	default:
		c.wrong(field+".kind", "%q is none of %s and %s", b.Kind, KindScripted, KindOpenAI)
	}
}

func (c *checker) atCap(field string, a AtCap) {
	switch a.Do {
	case "", DoQueue, DoMessage, DoBusy:
	default:
		c.wrong(field+".do", "%q is none of queue, message and busy", a.Do)
	}
	c.text(field+".message", a.Message, phraseMost)
}

func (c *checker) handoff(h Handoff) {
	if h.RoutingWorkflow != "" && !workflowID.MatchString(h.RoutingWorkflow) {
		c.wrong("handoff.routing_workflow", "%q is no SID of a routing workflow: want WW and 32 hexadecimal digits", clip(h.RoutingWorkflow, 60))
	}
	if h.Priority < 0 || h.Priority > math.MaxInt32 {
		c.wrong("handoff.priority", "must be from 0 to %d", math.MaxInt32)
	}
	c.list("handoff.words", h.Words, 100)
	for i, w := range h.Words {
		if strings.TrimSpace(w) != "" && fold(w) == "" {
			c.wrong(fmt.Sprintf("handoff.words[%d]", i), "has no letter or digit that anybody could say")
		}
	}
	if h.FailedTurns < 0 || h.FailedTurns > 20 {
		c.wrong("handoff.failed_turns", "must be from 0 (never) to 20")
	}
	c.list("handoff.topics", h.Topics, 100)
	c.seconds("handoff.after", h.After, Seconds(time.Second), Seconds(time.Hour))
}

func (c *checker) lookups(lookups []Lookup) {
	if len(lookups) > 20 {
		c.wrong("lookups", "has %d entries; at most 20 are allowed", len(lookups))
	}
	seen := map[string]bool{}
	for i, l := range lookups {
		at := fmt.Sprintf("lookups[%d]", i)
		c.name(at+".name", l.Name, seen)
		c.text(at+".description", l.Description, phraseMost)
		switch l.Method {
		case "", "GET", "POST":
		default:
			c.wrong(at+".method", "%q is neither GET nor POST", clip(l.Method, 20))
		}
		c.seconds(at+".within", l.Within, Seconds(100*time.Millisecond), lookupMost)
		for name, value := range l.Headers {
			if !headerForm.MatchString(name) || strings.ContainsAny(value, "\r\n\x00") {
				c.wrong(at+".headers", "%q is no header that can be sent", clip(name, 60))
			}
			for _, found := range variable.FindAllStringSubmatch(value, -1) {
				if !KeyVariable(found[1]) {
					c.wrong(at+".headers", "%s is no environment variable that a bot may use: its name must end in _API_KEY or begin with HOLDFAST_BOT_", found[1])
				}
			}
		}
		has := map[string]bool{}
		for j, p := range l.Parameters {
			c.name(fmt.Sprintf("%s.parameters[%d]", at, j), p, has)
		}
		if c.url(at+".url", placeholder.ReplaceAllString(l.URL, "x"), false) {
			c.placeholders(at+".url", l.URL, has)
		}
	}
}

// placeholders must have a parameter, and may not choose where a lookup goes.
func (c *checker) placeholders(field, raw string, has map[string]bool) {
	for _, found := range placeholder.FindAllStringSubmatch(raw, -1) {
		if !has[found[1]] {
			c.wrong(field, "%s is none of the parameters", found[0])
		}
	}
	_, rest, _ := strings.Cut(raw, "://")
	host, _, _ := strings.Cut(strings.NewReplacer("?", "/", "#", "/").Replace(rest), "/")
	if strings.ContainsAny(host, "{}") {
		c.wrong(field, "may have parameters in its path and query, not in its host")
	}
}

// url says whether a text is a URL that may be asked: by https, or by http where it stays on the machine or in a private network, to which names
// without a dot lead as well.
func (c *checker) url(field, raw string, names bool) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		c.wrong(field, "is no URL: want https://host/path")
		return false
	}
	if u.User != nil {
		c.wrong(field, "must not hold a password: use a header")
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	local := err == nil && !public(address) || strings.EqualFold(u.Hostname(), "localhost") || names && err != nil && !strings.Contains(u.Hostname(), ".")
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		where := "localhost and private addresses"
		if names {
			where = "localhost, private addresses and names without a dot"
		}
		c.wrong(field, "must begin with https://; http:// is for %s", where)
		return false
	}
	return true
}

func (c *checker) transfers(targets []Target) {
	if len(targets) > 50 {
		c.wrong("transfers", "has %d entries; at most 50 are allowed", len(targets))
	}
	seen := map[string]bool{}
	for i, t := range targets {
		at := fmt.Sprintf("transfers[%d]", i)
		c.name(at+".name", t.Name, seen)
		c.text(at+".description", t.Description, phraseMost)
		if !e164.MatchString(t.To) && !sipForm.MatchString(t.To) {
			c.wrong(at+".to", "is neither a telephone number like +14155550100 nor a SIP address like sip:desk@example.com")
		}
	}
}

func (c *checker) name(field, name string, seen map[string]bool) {
	switch {
	case !nameForm.MatchString(name):
		c.wrong(field, "%q is no name: want up to 40 small letters, digits and underscores, a letter first", clip(name, 60))
	case seen[name]:
		c.wrong(field, "%q is there twice", name)
	}
	seen[name] = true
}

// references holds what scripts name against what the settings have.
func (c *checker) references(s Settings) {
	brains := map[string]BrainSettings{"brain": s.Brain}
	if s.Fallback != nil {
		brains["fallback"] = *s.Fallback
	}
	for field, b := range brains {
		if b.Kind != "" && b.Kind != KindScripted {
			continue
		}
		script, err := readScript(b.Script)
		if err != nil {
			continue // told already
		}
		for _, p := range script.unknown(s) {
			c.wrong(field+".script", "%s", p)
		}
	}
}
