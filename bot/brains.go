package bot

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Options are what brains get from outside of their settings. The zero value works.
type Options struct {
	// Getenv reads environment variables, as os.Getenv does. Without it there are none.
	Getenv func(name string) string
	// HTTP speaks to models; default a client of our own without a time-out, which [BrainSettings.Within] has.
	HTTP *http.Client
	// Lookups ask on behalf of brains; default a client that keeps away from private addresses.
	Lookups *LookupClient
}

// ErrNoBrain says that settings name no brain that there is.
var ErrNoBrain = errors.New("there is no such brain")

// New makes a brain. It may be used for many sessions at once; a script is read here, so keep the brain as long as its settings stay.
func New(s BrainSettings, o Options) (Brain, error) {
	s = s.withDefaults()
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Lookups == nil {
		o.Lookups = NewLookupClient(o.Getenv)
	}
	switch s.Kind {
	case KindScripted:
		script, err := readScript(s.Script)
		if err != nil {
			return nil, err
		}
		return &scripted{script: script, lookups: o.Lookups, within: s.Within.Duration()}, nil
	case KindOpenAI:
		return newOpenAI(s, o)
	default:
		return nil, fmt.Errorf("%w: %q", ErrNoBrain, s.Kind)
	}
}

// KeyVariable says whether settings may name an environment variable: one that is called …_API_KEY, or begins with HOLDFAST_BOT_. Holdfast's own
// secrets, Twilio's and the engine's are nothing that settings, which more people may write, could send anywhere.
func KeyVariable(name string) bool {
	switch {
	case !variableName.MatchString(name):
		return false
	case strings.HasPrefix(name, "HOLDFAST_BOT_"):
		return true
	case strings.HasPrefix(name, "HOLDFAST_"), strings.HasPrefix(name, "TWILIO_"), strings.HasPrefix(name, "TEMPORAL_"):
		return false
	}
	return strings.HasSuffix(name, "_API_KEY")
}

var variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,100}$`)
