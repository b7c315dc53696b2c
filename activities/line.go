package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	voice "github.com/twilio/twilio-go/rest/api/v2010"

	"holdfast/call"
	"holdfast/store"
)

// Routes of what a bot's line needs.
var (
	routeAccount         = route{voiceProduct, "/Accounts/{AccountSid}"}
	routeNumbers         = route{voiceProduct, "/IncomingPhoneNumbers"}
	routeNumber          = route{voiceProduct, "/IncomingPhoneNumbers/{Sid}"}
	routeRoutingWorkflow = route{taskRouterProduct, "/Workflows/{Sid}"}
)

// TendLine has a bot's line looked at, and put right.
type TendLine struct {
	Bot        string `json:"bot"`
	Connection string `json:"connection"`
	Inbound    bool   `json:"inbound"` // its calls are to come to us
	Starting   bool   `json:"starting,omitempty"`
}

// LineReport is how a line was found, and left.
type LineReport struct {
	// Problem says why the line does not work, in words that lead to the fix; "" if it does.
	Problem string `json:"problem,omitempty"`
	// Changed says what was found otherwise than it is to be, and put right.
	Changed string `json:"changed,omitempty"`
	// Gone says that the connection is no more.
	Gone bool `json:"gone,omitempty"`
}

// TendLine proves a connection's credentials, finds its number, and, of a line whose calls the bot answers, has the number's calls come here: a voice
// application or a trunk that would override the webhook is cleared. What is wrong for good is a report; an error may be tried again.
//
// https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
func (a *Activities) TendLine(ctx context.Context, c TendLine) (LineReport, error) {
	row, err := a.Bots.Connection(ctx, c.Connection)
	if errors.Is(err, store.ErrNotFound) {
		return LineReport{Gone: true, Problem: "the connection was deleted: detach it, or attach another, and restart the bot"}, nil
	}
	if err != nil {
		return LineReport{}, err
	}
	credentials, err := a.Bots.Credentials(ctx, c.Connection)
	switch {
	case errors.Is(err, store.ErrNoSecretKeys), errors.Is(err, store.ErrSecretUnreadable):
		return LineReport{Problem: "the auth token cannot be read: set the key that it was kept with in secret_keys, or paste the token again"}, nil
	case err != nil:
		return LineReport{}, err
	}
	client, err := a.Accounts.line(ctx, credentials, row)
	if err != nil {
		return LineReport{Problem: FailureOf(err).Message}, nil
	}
	l := tended{Activities: a, twilio: client, row: row}
	problem, changed, err := l.tend(ctx, c)
	return LineReport{Problem: problem, Changed: changed}, err
}

// tended is a connection that is being looked at, with its own credentials.
type tended struct {
	*Activities
	twilio *Twilio
	row    store.ConnectionRow
}

func (l *tended) tend(ctx context.Context, c TendLine) (problem, changed string, err error) {
	if problem, err := l.authenticate(ctx); problem != "" || err != nil {
		return problem, "", err
	}
	if l.row.Kind == kindWorkspace {
		problem, err := l.findWorkspace(ctx)
		return problem, "", err
	}
	number, problem, err := l.findNumber(ctx)
	if problem != "" || err != nil || !c.Inbound {
		return problem, "", err
	}
	drift := l.drift(number)
	if drift == "" {
		return "", "", nil
	}
	if problem, err := l.point(ctx, value(number.Sid)); problem != "" || err != nil {
		return problem, "", err
	}
	return "", drift, nil
}

// kindWorkspace is the kind of connections that are no lines: where callers are handed over to.
const kindWorkspace = "workspace"

// authenticate proves the credentials. https://www.twilio.com/docs/iam/api/account
func (l *tended) authenticate(ctx context.Context) (problem string, err error) {
	var status string
	err = l.twilio.do(ctx, routeAccount, func(x *exchange) error {
		account, err := x.voice().FetchAccount(l.row.AccountSID)
		if err == nil {
			status = value(account.Status)
		}
		return err
	})
	if problem, err = l.refusal("its account", err); problem != "" || err != nil {
		return problem, err
	}
	if status != "" && status != "active" {
		return fmt.Sprintf("the Twilio account %s is %s: see what Twilio's console says of it", l.row.AccountSID, status), nil
	}
	return "", nil
}

// refusal is why Twilio will not, in words that lead to the fix; what may pass stays an error.
func (l *tended) refusal(what string, err error) (string, error) {
	f := failureOf(err)
	switch {
	case f == nil:
		return "", nil
	case f.Kind == call.FailureUnavailable:
		return "", err
	case f.Status == http.StatusUnauthorized:
		region := cmp.Or(l.row.Region, "us1")
		if region == "us1" {
			return fmt.Sprintf("Twilio refuses the auth token of account %s: paste the one that Twilio's console shows", l.row.AccountSID), nil
		}
		return fmt.Sprintf("Twilio refuses the auth token of account %s in region %s: a region has tokens of its own; paste the one that the console shows for %s",
			l.row.AccountSID, region, region), nil
	case f.Status == http.StatusForbidden:
		return fmt.Sprintf("Twilio does not let account %s see %s: %s", l.row.AccountSID, what, f.Message), nil
	case f.Kind == call.FailureGone:
		return fmt.Sprintf("account %s does not have %s: correct the connection, or the account in Twilio's console", l.row.AccountSID, what), nil
	default:
		return fmt.Sprintf("Twilio refuses %s: %s", what, f.Message), nil
	}
}

// findNumber finds the connection's number, written exactly so.
func (l *tended) findNumber(ctx context.Context) (number *voice.ApiV2010IncomingPhoneNumber, problem string, err error) {
	what := "the number " + l.row.PhoneNumber
	err = l.twilio.do(ctx, routeNumbers, func(x *exchange) error {
		page, err := x.voice().PageIncomingPhoneNumber((&voice.ListIncomingPhoneNumberParams{}).SetPhoneNumber(l.row.PhoneNumber), "", "")
		if err != nil {
			return err
		}
		for i := range page.IncomingPhoneNumbers {
			if value(page.IncomingPhoneNumbers[i].PhoneNumber) == l.row.PhoneNumber {
				number = &page.IncomingPhoneNumbers[i]
			}
		}
		return nil
	})
	if problem, err = l.refusal(what, err); problem != "" || err != nil {
		return nil, problem, err
	}
	if number == nil {
		return nil, fmt.Sprintf("account %s does not have %s: buy or move it there, or correct the connection's number", l.row.AccountSID, what), nil
	}
	if c := number.Capabilities; c != nil && !c.Voice {
		return nil, what + " takes no voice calls: choose a number that does", nil
	}
	return number, "", nil
}

// drift is in what a number differs from what it is to be; "" if in nothing.
func (l *tended) drift(n *voice.ApiV2010IncomingPhoneNumber) string {
	var found []string
	differs := func(is, want, what string) {
		switch is {
		case want:
		case "":
			found = append(found, what+" was not set")
		default:
			found = append(found, what+" was "+withoutSecrets(is))
		}
	}
	differs(value(n.VoiceUrl), l.Lines.VoiceURL(l.row.ID), "its voice webhook")
	differs(strings.ToUpper(value(n.VoiceMethod)), http.MethodPost, "the webhook's method")
	differs(value(n.VoiceFallbackUrl), l.fallback(), "its fallback webhook")
	differs(value(n.StatusCallback), l.Lines.StatusURL, "its status callback")
	if app := value(n.VoiceApplicationSid); app != "" {
		found = append(found, "the voice application "+app+" had its calls")
	}
	if trunk := value(n.TrunkSid); trunk != "" {
		found = append(found, "the SIP trunk "+trunk+" had its calls")
	}
	return strings.Join(found, "; ")
}

func (l *tended) fallback() string {
	if l.Lines.FallbackURL == nil {
		return ""
	}
	return l.Lines.FallbackURL(l.row.ID)
}

// withoutSecrets is an address without what may be a secret in it.
func withoutSecrets(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "something that is no address"
	}
	if u.Host == "" {
		return shorten(address)
	}
	return shorten(u.Scheme + "://" + u.Host + u.Path)
}

// point has a number's calls come here.
func (l *tended) point(ctx context.Context, sid string) (problem string, err error) {
	params := (&voice.UpdateIncomingPhoneNumberParams{}).
		SetVoiceUrl(l.Lines.VoiceURL(l.row.ID)).
		SetVoiceMethod(http.MethodPost).
		SetVoiceFallbackUrl(l.fallback()).
		SetVoiceFallbackMethod(http.MethodPost).
		SetStatusCallback(l.Lines.StatusURL).
		SetStatusCallbackMethod(http.MethodPost).
		SetVoiceApplicationSid("").
		SetTrunkSid("")
	err = l.twilio.do(ctx, routeNumber, func(x *exchange) error {
		_, err := x.voice().UpdateIncomingPhoneNumber(sid, params)
		return err
	})
	return l.refusal("the number "+l.row.PhoneNumber, err)
}

// findWorkspace finds where callers are handed over to.
func (l *tended) findWorkspace(ctx context.Context) (problem string, err error) {
	err = l.twilio.do(ctx, routeWorkspace, func(x *exchange) error {
		_, err := x.taskRouter().FetchWorkspace(l.row.WorkspaceSID)
		return err
	})
	if problem, err = l.refusal("the workspace "+l.row.WorkspaceSID, err); problem != "" || err != nil || l.row.RoutingWorkflow == "" {
		return problem, err
	}
	err = l.twilio.do(ctx, routeRoutingWorkflow, func(x *exchange) error {
		_, err := x.taskRouter().FetchWorkflow(l.row.WorkspaceSID, l.row.RoutingWorkflow)
		return err
	})
	return l.refusal("the routing workflow "+l.row.RoutingWorkflow, err)
}

// line is the client with a connection's own credentials, whatever else is known of its account: they are to be proved.
func (a *Accounts) line(_ context.Context, c store.Credentials, row store.ConnectionRow) (*Twilio, error) {
	if !secretPattern.MatchString(c.AuthToken) || !accountPattern.MatchString(c.AccountSID) {
		return nil, refused(0, "the account SID must be AC and 32 hexadecimal digits, and the auth token letters and digits")
	}
	config := a.own.config
	config.AccountSID, config.AuthToken, config.APIKeySID, config.APIKeySecret = c.AccountSID, c.AuthToken, "", ""
	config.Region, config.Edge, config.WorkspaceSID = c.Region, c.Edge, row.WorkspaceSID
	budget, err := a.budget(c.AccountSID)
	if err != nil {
		return nil, err
	}
	config.Budget = budget
	return &Twilio{config: config, transport: a.own.transport, metrics: a.own.metrics}, nil
}
