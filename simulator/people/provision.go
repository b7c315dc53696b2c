package people

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"holdfast/simulator"
)

// URLs are where the application under test listens. Empty ones are left unset.
type URLs struct {
	// Voice and NumberStatus give a number's voice URL and its status callback.
	Voice, NumberStatus func(NumberScript) string
	// Supervise is the voice URL of the number that supervisors dial to listen, which has no status callback.
	Supervise string
	// Foreign is where [ForeignVoice] listens, for numbers whose voice URL is not the application's. "": they have the application's.
	Foreign string
	// VoiceFallback is requested when Voice fails.
	VoiceFallback string
	// Assignment and AssignmentFallback are every routing workflow's assignment callbacks.
	Assignment, AssignmentFallback string
	// Events is the workspace's event callback, EventsFilter the events it wants, by Twilio's names. No filter: all events.
	Events       string
	EventsFilter []string
}

// A Centre is a contact centre as it was built: the SID of everything, by its name in the script.
type Centre struct {
	WorkspaceSID     string
	Availabilities   map[string]string
	Queues           map[string]string
	RoutingWorkflows map[string]string
	Numbers          map[string]string // PN…
	Agents           map[string]string
	Bots             map[string]string // their IDs in the application; see [ProvisionBots]
}

// Provision builds a centre through the simulator's REST API, as an administrator would. The workspace gets its event
// callback last, so that the application hears nothing of a centre that is half there.
func Provision(ctx context.Context, sim *simulator.Simulator, script CentreScript, urls URLs) (*Centre, error) {
	b := &builder{
		handler: sim, account: sim.AccountSID(), token: sim.AuthToken(), script: script, urls: urls,
		centre: &Centre{
			Availabilities: map[string]string{}, Queues: map[string]string{}, RoutingWorkflows: map[string]string{},
			Numbers: map[string]string{}, Agents: map[string]string{},
		},
	}
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"workspace", b.workspace},
		{"availabilities", b.availabilities},
		{"queues", b.queues},
		{"routing workflows", b.routingWorkflows},
		{"agents", b.agents},
		{"numbers", b.numbers},
		{"event callback", b.events},
	}
	for _, step := range steps {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("provision %s: %w", step.what, err)
		}
	}
	return b.centre, nil
}

type builder struct {
	handler        http.Handler
	account, token string
	script         CentreScript
	urls           URLs
	centre         *Centre
}

// made is what all of Twilio's resources have in common here.
type made struct {
	SID          string `json:"sid"`
	FriendlyName string `json:"friendly_name"`
	Available    bool   `json:"available"`
}

func (b *builder) workspace(ctx context.Context) error {
	form := url.Values{"FriendlyName": {b.script.Workspace}, "MultiTaskEnabled": {"true"}, "Template": {"NONE"}}
	var w made
	err := b.taskRouter(ctx, http.MethodPost, "/v1/Workspaces", form, http.StatusCreated, &w)
	b.centre.WorkspaceSID = w.SID
	return err
}

// availabilities makes those that a new workspace does not have of itself.
func (b *builder) availabilities(ctx context.Context) error {
	var list struct {
		Activities []made `json:"activities"`
	}
	if err := b.taskRouter(ctx, http.MethodGet, b.in("/Activities?PageSize=100"), nil, http.StatusOK, &list); err != nil {
		return err
	}
	there := map[string]made{}
	for _, a := range list.Activities {
		there[a.FriendlyName] = a
	}
	for _, want := range b.script.Availabilities {
		a, ok := there[want.Name]
		if !ok {
			form := url.Values{"FriendlyName": {want.Name}, "Available": {strconv.FormatBool(want.Available)}}
			if err := b.taskRouter(ctx, http.MethodPost, b.in("/Activities"), form, http.StatusCreated, &a); err != nil {
				return fmt.Errorf("%q: %w", want.Name, err)
			}
		} else if a.Available != want.Available {
			return fmt.Errorf("%q: the workspace has it with available=%t, which Twilio does not let change", want.Name, a.Available)
		}
		b.centre.Availabilities[want.Name] = a.SID
	}
	form := url.Values{
		"DefaultActivitySid": {b.centre.Availabilities[b.script.away()]},
		"TimeoutActivitySid": {b.centre.Availabilities[b.script.MissedAvailability]},
	}
	return b.taskRouter(ctx, http.MethodPost, b.in(""), form, http.StatusOK, nil)
}

func (b *builder) queues(ctx context.Context) error {
	for _, q := range b.script.Queues {
		form := url.Values{
			"FriendlyName": {q.Name}, "TargetWorkers": {q.Target}, "MaxReservedWorkers": {strconv.Itoa(q.MaxReserved)},
			"TaskOrder": {q.Order},
		}
		if err := b.create(ctx, b.centre.Queues, q.Name, "/TaskQueues", form); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) routingWorkflows(ctx context.Context) error {
	for _, w := range b.script.RoutingWorkflows {
		configuration, err := json.Marshal(b.configuration(w))
		if err != nil {
			return fmt.Errorf("%q: %w", w.Name, err)
		}
		form := url.Values{
			"FriendlyName": {w.Name}, "Configuration": {string(configuration)},
			"TaskReservationTimeout": {strconv.Itoa(w.ReservationTimeout)},
		}
		set(form, "AssignmentCallbackUrl", b.urls.Assignment)
		set(form, "FallbackAssignmentCallbackUrl", b.urls.AssignmentFallback)
		if err := b.create(ctx, b.centre.RoutingWorkflows, w.Name, "/Workflows", form); err != nil {
			return err
		}
	}
	return nil
}

// configuration is a routing workflow's configuration as Twilio's documents print it.
func (b *builder) configuration(w RoutingScript) map[string]any {
	filters := []map[string]any{}
	for _, f := range w.Filters {
		targets := []map[string]any{}
		for _, t := range f.Targets {
			target := map[string]any{}
			for key, value := range map[string]string{
				"queue": b.centre.Queues[t.Queue], "expression": t.Expression, "order_by": t.OrderBy, "skip_if": t.SkipIf,
			} {
				if value != "" {
					target[key] = value
				}
			}
			if t.Priority > 0 {
				target["priority"] = t.Priority
			}
			if t.Timeout > 0 {
				target["timeout"] = t.Timeout
			}
			targets = append(targets, target)
		}
		filters = append(filters, map[string]any{"filter_friendly_name": f.Name, "expression": f.Expression, "targets": targets})
	}
	routing := map[string]any{"filters": filters}
	if w.DefaultQueue != "" {
		routing["default_filter"] = map[string]any{"queue": b.centre.Queues[w.DefaultQueue]}
	}
	return map[string]any{"task_routing": routing}
}

func (b *builder) agents(ctx context.Context) error {
	for _, a := range b.script.Agents {
		attributes := map[string]any{"contact_uri": a.Address, "skills": append([]string{}, a.Skills...)}
		maps.Copy(attributes, a.Attributes)
		text, err := json.Marshal(attributes)
		if err != nil {
			return fmt.Errorf("%q: attributes: %w", a.Name, err)
		}
		form := url.Values{
			"FriendlyName": {a.Name}, "Attributes": {string(text)},
			"ActivitySid": {b.centre.Availabilities[b.script.away()]},
		}
		if err := b.create(ctx, b.centre.Agents, a.Name, "/Workers", form); err != nil {
			return err
		}
		channel := b.in("/Workers/" + b.centre.Agents[a.Name] + "/Channels/voice")
		capacity := url.Values{"Capacity": {strconv.Itoa(a.Capacity)}}
		if err := b.taskRouter(ctx, http.MethodPost, channel, capacity, http.StatusOK, nil); err != nil {
			return fmt.Errorf("%q: %w", a.Name, err)
		}
	}
	return nil
}

func (b *builder) numbers(ctx context.Context) error {
	for _, n := range b.script.Numbers {
		form := url.Values{"PhoneNumber": {n.Number}, "FriendlyName": {n.Name}}
		foreign, supervise := n.Entrance == entranceStudio && b.urls.Foreign != "", n.Entrance == entranceSupervise
		switch {
		case supervise:
			set(form, "VoiceUrl", b.urls.Supervise)
		case foreign:
			form.Set("VoiceUrl", b.urls.Foreign+"?workflow="+b.centre.RoutingWorkflows[n.Routing])
		case b.urls.Voice != nil:
			set(form, "VoiceUrl", b.urls.Voice(n))
		}
		if b.urls.NumberStatus != nil && !foreign && !supervise {
			set(form, "StatusCallback", b.urls.NumberStatus(n))
		}
		set(form, "VoiceFallbackUrl", b.urls.VoiceFallback)
		var number made
		path := "/2010-04-01/Accounts/" + b.account + "/IncomingPhoneNumbers.json"
		if err := b.request(ctx, http.MethodPost, "api.twilio.com", path, form, http.StatusCreated, &number); err != nil {
			return fmt.Errorf("%q: %w", n.Name, err)
		}
		b.centre.Numbers[n.Name] = number.SID
	}
	return nil
}

func (b *builder) events(ctx context.Context) error {
	if b.urls.Events == "" {
		return nil
	}
	form := url.Values{"EventCallbackUrl": {b.urls.Events}}
	set(form, "EventsFilter", strings.Join(b.urls.EventsFilter, ","))
	return b.taskRouter(ctx, http.MethodPost, b.in(""), form, http.StatusOK, nil)
}

// in is a path inside the workspace.
func (b *builder) in(path string) string { return "/v1/Workspaces/" + b.centre.WorkspaceSID + path }

func (b *builder) create(ctx context.Context, sids map[string]string, name, path string, form url.Values) error {
	var m made
	if err := b.taskRouter(ctx, http.MethodPost, b.in(path), form, http.StatusCreated, &m); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	sids[name] = m.SID
	return nil
}

func (b *builder) taskRouter(ctx context.Context, method, path string, form url.Values, want int, into any) error {
	return b.request(ctx, method, "taskrouter.twilio.com", path, form, want, into)
}

// request asks the simulator in-process: there is no network between an administrator and a simulator that he holds.
func (b *builder) request(ctx context.Context, method, host, path string, form url.Values, want int, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "https://"+host+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.RequestURI, r.RemoteAddr = path, "127.0.0.1:0"
	r.SetBasicAuth(b.account, b.token)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	b.handler.ServeHTTP(w, r)
	if w.status != want {
		return fmt.Errorf("%s %s: status %d, want %d: %s", method, path, w.status, want, bytes.TrimSpace(w.body.Bytes()))
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.Reader(&w.body)).Decode(into); err != nil {
		return fmt.Errorf("%s %s: answer: %w", method, path, err)
	}
	return nil
}

// A recorder is the http.ResponseWriter of a request that stays in the process.
type recorder struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.wrote = true
	return w.body.Write(p)
}

func set(form url.Values, key, value string) {
	if value != "" {
		form.Set(key, value)
	}
}
