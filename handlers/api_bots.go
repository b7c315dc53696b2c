package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"holdfast/bot"
	"holdfast/store"
	"holdfast/workflows"
)

// Bounds of a bot's secrets.
const (
	secretsMost = 20
	secretMost  = 1000
)

// ListBots answers GET /v1/bots.
func (a *api) ListBots(ctx context.Context, r ListBotsRequestObject) (ListBotsResponseObject, error) {
	if err := a.looks(ctx); err != nil {
		return nil, err
	}
	p, err := page(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	rows, next, err := a.store.Bots(ctx, p)
	if err != nil {
		return nil, err
	}
	list := ListBots200JSONResponse{Bots: []Bot{}, NextCursor: next}
	for _, row := range rows {
		b, err := a.renderBot(ctx, row)
		if err != nil {
			return nil, err
		}
		list.Bots = append(list.Bots, b)
	}
	return list, nil
}

// CreateBot answers POST /v1/bots.
func (a *api) CreateBot(ctx context.Context, r CreateBotRequestObject) (CreateBotResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	row, secrets := store.BotRow{Name: r.Body.Name, Settings: json.RawMessage("{}")}, map[string]string{}
	change := BotChange{Name: &r.Body.Name, Settings: r.Body.Settings, Secrets: r.Body.Secrets}
	if err := changeBot(&row, secrets, change); err != nil {
		return nil, err
	}
	row, err := a.store.CreateBot(ctx, row, secrets)
	if err != nil {
		return nil, botError(err)
	}
	b, err := a.renderBot(ctx, row)
	return CreateBot201JSONResponse(b), err
}

// GetBot answers GET /v1/bots/{bot}.
func (a *api) GetBot(ctx context.Context, r GetBotRequestObject) (GetBotResponseObject, error) {
	if err := a.looks(ctx); err != nil {
		return nil, err
	}
	b, err := a.shownBot(ctx, r.Bot)
	return GetBot200JSONResponse(b), err
}

// ChangeBot answers PATCH /v1/bots/{bot}.
func (a *api) ChangeBot(ctx context.Context, r ChangeBotRequestObject) (ChangeBotResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	row, err := a.store.ChangeBot(ctx, r.Bot, func(b *store.BotRow, secrets map[string]string) error { return changeBot(b, secrets, *r.Body) })
	if err != nil {
		return nil, botError(err)
	}
	b, err := a.renderBot(ctx, row)
	return ChangeBot200JSONResponse(b), err
}

// changeBot lays a change over a bot and its secrets, and checks what comes of it.
func changeBot(b *store.BotRow, secrets map[string]string, change BotChange) error {
	var checks fieldChecks
	if change.Name != nil {
		b.Name = strings.TrimSpace(*change.Name)
	}
	if checks.needs("name", b.Name, "what people call the bot") {
		checks.most("name", b.Name, nameMost)
	}
	if change.Settings != nil {
		if settings, ok := changedSettings(&checks, b.Settings, *change.Settings); ok {
			b.Settings = settings
		}
	}
	if change.Secrets != nil {
		changeSecrets(&checks, secrets, *change.Secrets)
	}
	return checks.problem()
}

// changedSettings merges a change into settings, as RFC 7396 says, and writes what comes of it as settings are kept. False if it cannot be.
func changedSettings(checks *fieldChecks, settings, change json.RawMessage) (json.RawMessage, bool) {
	var was, patch map[string]any
	if json.Unmarshal(settings, &was) != nil || json.Unmarshal(change, &patch) != nil || patch == nil {
		checks.say("settings", "must be an object")
		return nil, false
	}
	merged, err := json.Marshal(mergePatch(was, patch))
	if err != nil {
		checks.say("settings", "cannot be written as JSON")
		return nil, false
	}
	var next bot.Settings
	d := json.NewDecoder(bytes.NewReader(merged))
	d.DisallowUnknownFields()
	if err := d.Decode(&next); err != nil && !errors.Is(err, io.EOF) {
		checks.say("settings", "do not fit: %s", bodyError(err))
		return nil, false
	}
	for _, wrong := range next.Check() {
		checks.say("settings."+wrong.Field, "%s", wrong.Detail)
	}
	kept, err := json.Marshal(next)
	return kept, err == nil
}

// mergePatch is RFC 7396: what is null goes, objects are merged, all else is replaced.
func mergePatch(target map[string]any, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			inner, _ := target[name].(map[string]any)
			target[name] = mergePatch(inner, value)
		default:
			target[name] = value
		}
	}
	return target
}

func changeSecrets(checks *fieldChecks, secrets map[string]string, change map[string]*string) {
	for name, value := range change {
		field := "secrets." + name
		switch {
		case value == nil:
			delete(secrets, name)
		case *value == masked && secrets[name] == "":
			checks.say(field, "is masked: paste the secret itself")
		case *value == masked:
		case !bot.KeyVariable(name):
			checks.say(field, "is no name of a secret: it must end in _API_KEY or begin with HOLDFAST_BOT_, in capital letters, digits and underscores")
		case *value == "" || len(*value) > secretMost:
			checks.say(field, "must have between 1 and %d bytes", secretMost)
		default:
			secrets[name] = *value
		}
	}
	if len(secrets) > secretsMost {
		checks.say("secrets", "are %d; there may be %d", len(secrets), secretsMost)
	}
}

// DeleteBot answers DELETE /v1/bots/{bot}.
func (a *api) DeleteBot(ctx context.Context, r DeleteBotRequestObject) (DeleteBotResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	row, err := a.store.Bot(ctx, r.Bot)
	if err != nil {
		return nil, botError(err)
	}
	offline := WentOffline{Bots: []string{}, Lines: []string{}}
	if row.State != store.BotStopped {
		offline.Bots = append(offline.Bots, row.Name)
		for _, line := range runningLines(row) {
			if line.Inbound {
				offline.Lines = append(offline.Lines, line.PhoneNumber)
			}
		}
		if !isTrue(r.Params.Confirm) {
			return nil, goesOffline("this bot", offline)
		}
		if a.bots == nil {
			return nil, unavailable(codeEngineAway, "bots cannot be stopped from here", nil)
		}
		if _, err := a.bots.StopBot(ctx, row.ID); err != nil && !errors.Is(err, workflows.ErrUnverified) {
			return nil, a.lifeError(err)
		}
	}
	if err := a.store.DeleteBot(ctx, row.ID); err != nil {
		return nil, botError(err)
	}
	return DeleteBot200JSONResponse(offline), nil
}

// AttachConnection answers PUT /v1/bots/{bot}/connections/{connection}.
func (a *api) AttachConnection(ctx context.Context, r AttachConnectionRequestObject) (AttachConnectionResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	if _, err := a.store.Bot(ctx, r.Bot); err != nil {
		return nil, botError(err)
	}
	line, err := a.store.Connection(ctx, r.Connection)
	if err != nil {
		return nil, connectionError(err)
	}
	inbound := line.Kind == connectionVoice
	if r.Body != nil && r.Body.Inbound != nil {
		inbound = *r.Body.Inbound
	}
	if inbound && line.Kind != connectionVoice {
		var checks fieldChecks
		checks.say("inbound", "must be false: a workspace has no calls to answer")
		return nil, checks.problem()
	}
	row, err := a.store.Attach(ctx, r.Bot, store.BotConnection{Connection: r.Connection, Inbound: inbound})
	var taken *store.InboundTakenError
	switch {
	case errors.As(err, &taken):
		return nil, problem(http.StatusConflict, codeInboundTaken, "the bot %s (%s) answers the calls of this connection; attach it with inbound false, or take it from that bot first", taken.Name, taken.Bot)
	case err != nil:
		return nil, botError(err)
	}
	b, err := a.renderBot(ctx, row)
	return AttachConnection200JSONResponse(b), err
}

// DetachConnection answers DELETE /v1/bots/{bot}/connections/{connection}.
func (a *api) DetachConnection(ctx context.Context, r DetachConnectionRequestObject) (DetachConnectionResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	was, err := a.store.Bot(ctx, r.Bot)
	if err != nil {
		return nil, botError(err)
	}
	if !slices.ContainsFunc(was.Connections, func(c store.BotConnection) bool { return c.Connection == r.Connection }) {
		return nil, problem(http.StatusNotFound, codeConnectionNotFound, "the bot has no such connection")
	}
	row, err := a.store.Detach(ctx, r.Bot, r.Connection)
	if err != nil {
		return nil, botError(err)
	}
	b, err := a.renderBot(ctx, row)
	return DetachConnection200JSONResponse(b), err
}

// botError answers what the store says of a bot.
func botError(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem(http.StatusNotFound, codeBotNotFound, "there is no such bot")
	}
	return secretError(err)
}

func runningLines(row store.BotRow) []store.RunningLine {
	var running store.RunningBot
	if len(row.Running) == 0 || json.Unmarshal(row.Running, &running) != nil {
		return nil
	}
	return running.Connections
}

// shownBot is a bot as the contract shows it, read anew.
func (a *api) shownBot(ctx context.Context, id string) (Bot, error) {
	row, err := a.store.Bot(ctx, id)
	if err != nil {
		return Bot{}, botError(err)
	}
	return a.renderBot(ctx, row)
}

func (a *api) renderBot(ctx context.Context, row store.BotRow) (Bot, error) {
	b := Bot{
		ID: row.ID, Name: row.Name, State: BotState(row.State), Error: row.Error, Settings: row.Settings, Secrets: BotSecrets{}, Connections: []BotConnection{},
		Revision: row.Revision, RunningRevision: row.RunsSince, RestartDue: row.RestartDue(), StartedAt: optionalTime(row.StartedAt), CreatedAt: row.CreatedAt,
		UpdatedAt: row.UpdatedAt,
	}
	for _, attached := range row.Connections {
		line, err := a.store.Connection(ctx, attached.Connection)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted a moment ago
		}
		if err != nil {
			return b, err
		}
		b.Connections = append(b.Connections, BotConnection{
			Connection: line.ID, Name: line.Name, PhoneNumber: optional(line.PhoneNumber), Inbound: attached.Inbound,
		})
	}
	secrets, err := a.store.BotSecrets(ctx, row.ID)
	if err != nil && !errors.Is(err, store.ErrNoSecretKeys) && !errors.Is(err, store.ErrSecretUnreadable) {
		return b, err
	}
	hidden := masked
	for name := range secrets {
		b.Secrets[name] = &hidden
	}
	b.OpenSessions, err = a.store.OpenSessions(ctx, row.ID)
	return b, err
}
