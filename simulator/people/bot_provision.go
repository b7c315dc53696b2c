package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast/simulator"
)

// BotsConfig is what it takes to make a script's bots.
type BotsConfig struct {
	BaseURL string // of the application's API
	Key     string // an administrator's
	Foreign string // where [ForeignVoice] listens
	// Second is how long a second of the script takes. Default: time.Second.
	Second time.Duration
	// Within is how long a bot has to run after it was told to start. Default: 30 s.
	Within time.Duration
}

// ProvisionBots makes the bots of a centre that Provision built, as an administrator would by the application's API: a connection for each
// number, a bot for each connection, and starts them. It returns when all are running.
func ProvisionBots(ctx context.Context, sim *simulator.Simulator, centre *Centre, script CentreScript, cfg BotsConfig) error {
	if len(script.Bots) == 0 {
		return nil
	}
	if cfg.Second == 0 {
		cfg.Second = time.Second
	}
	if cfg.Within == 0 {
		cfg.Within = 30 * time.Second
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	a := &botMaker{api: &api{http: client, base: cfg.BaseURL, key: cfg.Key}, sim: sim, centre: centre, script: script, cfg: cfg}
	centre.Bots = map[string]string{}
	for _, b := range script.Bots {
		if err := a.make(ctx, b); err != nil {
			return fmt.Errorf("provision bot %q: %w", b.Name, err)
		}
	}
	for _, b := range script.Bots {
		if err := a.awaitRunning(ctx, centre.Bots[b.Name]); err != nil {
			return fmt.Errorf("provision bot %q: %w", b.Name, err)
		}
	}
	return nil
}

type botMaker struct {
	api    *api
	sim    *simulator.Simulator
	centre *Centre
	script CentreScript
	cfg    BotsConfig
}

func (m *botMaker) make(ctx context.Context, b BotScript) error {
	number := m.script.Numbers[slices.IndexFunc(m.script.Numbers, func(n NumberScript) bool { return n.Name == b.Number })]
	if b.Hijacked {
		if err := m.hijack(ctx, number); err != nil {
			return err
		}
	}
	var connection, bot struct {
		ID string `json:"id"`
	}
	err := m.do(ctx, http.MethodPost, "/v1/connections", map[string]any{
		"name": b.Name + "'s line", "account_sid": m.sim.AccountSID(), "auth_token": m.sim.AuthToken(), "phone_number": number.Number,
	}, &connection)
	if err != nil {
		return err
	}
	settings, err := m.settings(b, number)
	if err != nil {
		return err
	}
	body := map[string]any{"name": b.Name, "settings": settings}
	if err = m.do(ctx, http.MethodPost, "/v1/bots", body, &bot); err != nil {
		return err
	}
	path := "/v1/bots/" + bot.ID
	if err = m.do(ctx, http.MethodPut, path+"/connections/"+connection.ID, map[string]any{"inbound": true}, nil); err != nil {
		return err
	}
	m.centre.Bots[b.Name] = bot.ID
	return m.do(ctx, http.MethodPost, path+"/start", nil, nil)
}

// hijack lets the number lead elsewhere than its voice URL says.
func (m *botMaker) hijack(ctx context.Context, n NumberScript) error {
	b := &builder{handler: m.sim, account: m.sim.AccountSID(), token: m.sim.AuthToken()}
	path := "/2010-04-01/Accounts/" + b.account + "/IncomingPhoneNumbers/" + m.centre.Numbers[n.Name] + ".json"
	form := url.Values{"VoiceApplicationSid": {"AP" + strings.Repeat("5", 32)}, "TrunkSid": {"TK" + strings.Repeat("5", 32)}}
	return b.request(ctx, http.MethodPost, "api.twilio.com", path, form, http.StatusOK, nil)
}

// settings are the bot's with what the script cannot know filled in.
func (m *botMaker) settings(b BotScript, number NumberScript) (map[string]any, error) {
	text, err := json.Marshal(b.Settings)
	if err != nil {
		return nil, err
	}
	settings := map[string]any{}
	if err := json.Unmarshal([]byte(strings.NewReplacer("{{foreign}}", m.cfg.Foreign, "{{slow}}", m.slow().String()).Replace(string(text))), &settings); err != nil {
		return nil, err
	}
	if settings == nil {
		settings = map[string]any{}
	}
	handoff, _ := settings["handoff"].(map[string]any)
	if handoff == nil {
		handoff = map[string]any{}
		settings["handoff"] = handoff
	}
	routing := b.Routing
	if routing == "" {
		routing = number.Routing
	}
	if after, ok := handoff["after"].(float64); ok { // which the application measures itself
		handoff["after"] = max(1, after*m.cfg.Second.Seconds())
	}
	handoff["routing_workflow"] = m.centre.RoutingWorkflows[routing]
	return settings, nil
}

// slow is long enough for any bot to say that it needs a moment.
func (m *botMaker) slow() time.Duration { return 500*time.Millisecond + 2*m.cfg.Second }

// awaitRunning waits until the bot runs.
func (m *botMaker) awaitRunning(ctx context.Context, id string) error {
	var bot struct {
		State string `json:"state"`
		Error string `json:"error"`
	}
	for late := time.Now().Add(m.cfg.Within); ; {
		if err := m.do(ctx, http.MethodGet, "/v1/bots/"+id, nil, &bot); err != nil {
			return err
		}
		if bot.State == "running" {
			return nil
		}
		if time.Now().After(late) {
			return fmt.Errorf("it does not run, but is %s: %s", bot.State, bot.Error)
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// do asks the API, again when it cannot be asked now, and takes any answer of success.
func (m *botMaker) do(ctx context.Context, method, path string, body any, into any) error {
	for late := time.Now().Add(m.cfg.Within); ; {
		status, _, answer, err := m.api.exchange(ctx, method, path, "", body)
		switch {
		case err == nil && status < 300:
			if into == nil {
				return nil
			}
			return json.Unmarshal(answer, into)
		case err == nil && !again(status):
			return fmt.Errorf("%s %s: status %d: %s", method, path, status, answer)
		case time.Now().After(late):
			return errors.Join(err, fmt.Errorf("%s %s: status %d: %s", method, path, status, answer))
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}
