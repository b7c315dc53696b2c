package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"holdfast/call"
)

// bodies binds the bodies of the API. They are JSON and say nothing that the contract does not know: a word with a typo that was passed over
// would play the wrong music. An empty body is none.
type bodies struct{}

// errNoBody is answered where a body is required. Where it is not, the generated code takes the io.EOF in it for none.
var errNoBody = fmt.Errorf("a body is needed: %w", io.EOF)

// Bind is Echo's interface.
func (bodies) Bind(into any, c echo.Context) error {
	r := c.Request()
	body, err := io.ReadAll(r.Body) // the server has bounded it
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return errNoBody
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); err != nil || media != echo.MIMEApplicationJSON {
		return badRequest("a body must be JSON, with the header Content-Type: application/json")
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest("the body does not fit: %s", bodyError(err))
	}
	if d.More() {
		return badRequest("the body does not fit: there is more than one JSON value in it")
	}
	return nil
}

// bodyError says what is wrong with a body in the contract's words, not in Go's.
func bodyError(err error) string {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return kind.Field + " must not be a " + kind.Value
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it is cut off"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

var (
	queueSID    = regexp.MustCompile(`^WQ[0-9a-fA-F]{32}$`)
	phoneNumber = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)
	sipAddress  = regexp.MustCompile(`^sips?:[^\s@<>"]+@[^\s@<>"]+$`)
	clientName  = regexp.MustCompile(`^client:[^\s<>"?&]+$`)
)

const (
	addressMost = 255
	nameMost    = 64
	musicMost   = 2000
	reasonMost  = 500
)

func badTarget(format string, args ...any) error {
	return problem(http.StatusBadRequest, codeBadTarget, format, args...)
}

func badAddress(format string, args ...any) error {
	return problem(http.StatusBadRequest, codeBadAddress, format, args...)
}

// checkAddress refuses what Twilio cannot dial. client says whether a browser's or app's address will do.
func checkAddress(address string, client bool) error {
	switch {
	case len(address) > addressMost:
		return badAddress("address may have %d bytes", addressMost)
	case phoneNumber.MatchString(address), sipAddress.MatchString(address), client && clientName.MatchString(address):
		return nil
	case client:
		return badAddress("address %q is none of + and a number with its country code, client:name, sip:user@host", address)
	default:
		return badAddress("address %q is neither + and a number with its country code nor sip:user@host", address)
	}
}

// targetOf is whom a body means. What belongs to another kind is refused, for it says that something else was meant.
func targetOf(t Target, key Key) (call.Target, error) {
	target := call.Target{Kind: call.TargetKind(t.Kind)}
	if t.Name != nil {
		if utf8.RuneCountInString(*t.Name) > nameMost {
			return target, badTarget("target.name may have %d characters", nameMost)
		}
		target.Name = *t.Name
	}
	var wanted string
	switch target.Kind {
	case call.TargetAgent:
		wanted = "agent_sid"
	case call.TargetQueue:
		wanted = "queue_sid"
	case call.TargetNumber, call.TargetSupervisor:
		wanted = "address"
	default:
		return target, badTarget("target.kind %q is none of agent, queue, number, supervisor", t.Kind)
	}
	for field, value := range map[string]*string{"agent_sid": t.AgentSID, "queue_sid": t.QueueSID, "address": t.Address} {
		if field != wanted && value != nil {
			return target, badTarget("target.%s does not go with kind %s, which is found by target.%s", field, target.Kind, wanted)
		}
	}
	switch wanted {
	case "agent_sid":
		if t.AgentSID == nil || !agentSID.MatchString(*t.AgentSID) {
			return target, badTarget("target.agent_sid must be a worker SID (WK and 32 hexadecimal digits)")
		}
		if key.isAgent() && *t.AgentSID == key.Agent {
			return target, badTarget("target.agent_sid is yourself")
		}
		target.Agent = call.AgentSID(*t.AgentSID)
	case "queue_sid":
		if t.QueueSID == nil || !queueSID.MatchString(*t.QueueSID) {
			return target, badTarget("target.queue_sid must be a task queue's SID (WQ and 32 hexadecimal digits)")
		}
		target.Queue = call.QueueSID(*t.QueueSID)
	default:
		if t.Address == nil {
			return target, badTarget("target.address is missing")
		}
		target.Address = *t.Address
		return target, checkAddress(target.Address, target.Kind == call.TargetSupervisor)
	}
	return target, nil
}

// checkMusic refuses what Twilio cannot fetch. A path of our own assets is one that the worker makes whole.
func checkMusic(address string) error {
	if len(address) > musicMost {
		return badRequest("music_url may have %d bytes", musicMost)
	}
	u, err := url.Parse(address)
	switch {
	case err == nil && u.Host == "" && u.Scheme == "" && strings.HasPrefix(u.Path, PathAssets):
		return nil
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		return badRequest("music_url must be a whole address of http or https, with no name or password in it, or begin with " + PathAssets)
	}
	return nil
}
