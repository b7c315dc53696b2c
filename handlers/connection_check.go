package handlers

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"holdfast/store"
)

// masked stands for a secret on its way out, and on its way in for the one that is kept.
const masked = "********"

// Codes of problems about connections, bots and sessions.
const (
	codeInvalid            = "invalid"
	codeConnectionNotFound = "connection_not_found"
	codeBotNotFound        = "bot_not_found"
	codeSessionNotFound    = "session_not_found"
	codeNumberTaken        = "number_taken"
	codeInboundTaken       = "inbound_taken"
	codeGoesOffline        = "goes_offline"
	codeBotNotRunning      = "bot_not_running"
	codeNoSecretKeys       = "no_secret_keys"
	codeCapped             = "capped"
)

// fieldChecks collects what is wrong with a body, field by field.
type fieldChecks struct{ wrong []FieldProblem }

func (c *fieldChecks) say(field, format string, args ...any) {
	c.wrong = append(c.wrong, FieldProblem{Field: field, Detail: fmt.Sprintf(format, args...)})
}

func (c *fieldChecks) most(field, text string, characters int) {
	if n := utf8.RuneCountInString(text); n > characters {
		c.say(field, "has %d characters; it may have %d", n, characters)
	}
}

// needs says whether a field is there, and complains if it is not.
func (c *fieldChecks) needs(field, text, what string) bool {
	if text == "" {
		c.say(field, "is missing: %s", what)
	}
	return text != ""
}

// problem is nil if nothing is wrong.
func (c *fieldChecks) problem() error {
	if len(c.wrong) == 0 {
		return nil
	}
	detail := c.wrong[0].Field + " " + c.wrong[0].Detail
	if n := len(c.wrong) - 1; n > 0 {
		detail = fmt.Sprintf("%s; and %d more, see errors", detail, n)
	}
	p := problem(http.StatusBadRequest, codeInvalid, "%s", detail)
	p.fields = c.wrong
	return p
}

const (
	descriptionMost = 500
	tokenMost       = 200
	defaultVoice    = "Polly.Salli"
	defaultModel    = "googlev2_telephony"
	defaultRegion   = "us1"
	connectionVoice = store.ConnectionVoice
	workspaceKind   = "workspace"
)

var (
	accountSID   = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	workspaceSID = regexp.MustCompile(`^WS[0-9a-fA-F]{32}$`)
	workflowSID  = regexp.MustCompile(`^WW[0-9a-fA-F]{32}$`)
	tokenForm    = regexp.MustCompile(`^[!-~]+$`)
	voiceName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
)

// speechModels are Twilio's for <Gather>: https://www.twilio.com/docs/voice/twiml/gather#speechmodel.
var speechModels = []string{
	"default", "numbers_and_commands", "phone_call", "experimental_conversations", "experimental_utterances", "googlev2_long", "googlev2_short",
	defaultModel, "googlev2_telephony_short", "deepgram_nova-2", "deepgram_nova-3",
}

// edges are Twilio's entrances to each region, the usual one first. us1 can be entered anywhere; another region only near it, so that nobody believes his calls
// to be processed where they are not.
var edges = map[string][]string{
	defaultRegion: {"ashburn", "umatilla", "dublin", "frankfurt", "sao-paulo", "singapore", "sydney", "tokyo", "roaming"},
	"ie1":         {"dublin", "frankfurt"},
	"au1":         {"sydney", "singapore", "tokyo"},
}

var regions = []string{defaultRegion, "ie1", "au1"}

// completed fills in what a connection is not told.
func completed(c store.ConnectionRow) store.ConnectionRow {
	fill := func(field *string, usual string) {
		if *field == "" {
			*field = usual
		}
	}
	fill(&c.Kind, connectionVoice)
	fill(&c.Region, defaultRegion)
	if known := edges[c.Region]; len(known) > 0 {
		fill(&c.Edge, known[0])
	}
	if c.Kind == connectionVoice {
		fill(&c.Voice, defaultVoice)
		fill(&c.SpeechModel, defaultModel)
	}
	return c
}

// checkConnection says what is wrong with a connection that is complete, and with the token that comes with it.
func checkConnection(checks *fieldChecks, c store.ConnectionRow, token string) {
	if checks.needs("name", strings.TrimSpace(c.Name), "what people call the connection") {
		checks.most("name", c.Name, nameMost)
	}
	checks.most("description", c.Description, descriptionMost)
	if checks.needs("account_sid", c.AccountSID, "the Twilio account (AC and 32 hexadecimal digits)") && !accountSID.MatchString(c.AccountSID) {
		checks.say("account_sid", "is no account SID: AC and 32 hexadecimal digits")
	}
	switch {
	case token == "": // kept, or missed by who calls
	case token == masked:
		checks.say("auth_token", "is masked: paste the token itself")
	case len(token) > tokenMost || !tokenForm.MatchString(token):
		checks.say("auth_token", "is no auth token: it has spaces or signs that none has, or more than %d characters", tokenMost)
	}
	checkRegion(checks, c)
	switch c.Kind {
	case connectionVoice:
		checkLine(checks, c)
	case workspaceKind:
		checkWorkspace(checks, c)
	default:
		checks.say("kind", "%q is neither voice nor workspace", c.Kind)
	}
}

func checkRegion(checks *fieldChecks, c store.ConnectionRow) {
	known, ok := edges[c.Region]
	switch {
	case !ok:
		checks.say("region", "%q is none of %s", c.Region, strings.Join(regions, ", "))
	case !slices.Contains(known, c.Edge):
		checks.say("edge", "%q does not lead to region %s: use %s", c.Edge, c.Region, strings.Join(known, ", "))
	}
}

func checkLine(checks *fieldChecks, c store.ConnectionRow) {
	if checks.needs("phone_number", c.PhoneNumber, "+ and the number with its country code") && !phoneNumber.MatchString(c.PhoneNumber) {
		checks.say("phone_number", "%q is not + and the number with its country code, such as +15559870002", c.PhoneNumber)
	}
	if !voiceName.MatchString(c.Voice) {
		checks.say("voice", "%q is no name of a voice, such as %s", c.Voice, defaultVoice)
	}
	if !slices.Contains(speechModels, c.SpeechModel) {
		checks.say("speech_model", "%q is none of %s", c.SpeechModel, strings.Join(speechModels, ", "))
	}
	if c.WorkspaceSID != "" {
		checks.say("workspace_sid", "does not go with kind voice: make a connection of kind workspace")
	}
	if c.RoutingWorkflow != "" {
		checks.say("routing_workflow_sid", "does not go with kind voice: it is a setting of the bot, handoff.routing_workflow")
	}
}

func checkWorkspace(checks *fieldChecks, c store.ConnectionRow) {
	if checks.needs("workspace_sid", c.WorkspaceSID, "the TaskRouter workspace (WS and 32 hexadecimal digits)") && !workspaceSID.MatchString(c.WorkspaceSID) {
		checks.say("workspace_sid", "is no workspace SID: WS and 32 hexadecimal digits")
	}
	if c.RoutingWorkflow != "" && !workflowSID.MatchString(c.RoutingWorkflow) {
		checks.say("routing_workflow_sid", "is no workflow SID: WW and 32 hexadecimal digits")
	}
	for _, field := range []struct{ name, value string }{{"phone_number", c.PhoneNumber}, {"voice", c.Voice}, {"speech_model", c.SpeechModel}} {
		if field.value != "" {
			checks.say(field.name, "does not go with kind workspace")
		}
	}
}
