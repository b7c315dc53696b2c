package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"holdfast/bot"
	"holdfast/call"
	"holdfast/store"
)

// Bounds of outbound calls. Twilio's for a ring: https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource, Timeout.
const (
	ringUsual     = time.Minute
	ringLeast     = 5 * time.Second
	ringMost      = 10 * time.Minute
	machineMost   = 1000
	attributeMost = 2000 // bytes of JSON, which leaves room for a handoff
)

// What is done with an answering machine.
const (
	machineOff      = "off"
	machineHangUp   = "hangup"
	machineContinue = "continue"
	machineMessage  = "message"
)

// PlaceBotCall answers POST /v1/bots/{bot}/calls. Session and request are written together: what is answered with 202 will be tried, and what is not was
// not.
func (a *api) PlaceBotCall(ctx context.Context, r PlaceBotCallRequestObject) (PlaceBotCallResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	row, err := a.store.Bot(ctx, r.Bot)
	if err != nil {
		return nil, botError(err)
	}
	var running store.RunningBot
	if len(row.Running) == 0 || json.Unmarshal(row.Running, &running) != nil {
		return nil, problem(http.StatusConflict, codeBotNotRunning, "the bot does not run: start it first")
	}
	var settings bot.Settings
	if err := json.Unmarshal(running.Settings, &settings); err != nil {
		return nil, err
	}
	session, err := outboundSession(row, running, r.Body)
	if err != nil {
		return nil, err
	}
	id := rowID{key: keyIn(ctx), bot: row.ID, idempotency: r.Params.IdempotencyKey}
	if session.ID, session.Call, err = id.make(); err != nil {
		return nil, err
	}
	webhook, err := callRequested(keyIn(ctx), running.Name, session, r.Body)
	if err != nil {
		return nil, err
	}
	session, _, err = a.store.OpenSession(ctx, store.NewSession{Session: session, Max: settings.MaxSessions, Webhook: webhook})
	switch {
	case errors.Is(err, store.ErrCapped):
		return nil, problem(http.StatusTooManyRequests, codeCapped, "the bot has %d open sessions, as many as it may", settings.MaxSessions)
	case err != nil:
		return nil, botError(err)
	}
	return PlaceBotCall202JSONResponse{Call: session.Call, Session: renderSession(session)}, nil
}

// outboundSession is the conversation that a request means.
func outboundSession(row store.BotRow, running store.RunningBot, body *BotCallBody) (store.SessionRow, error) {
	var checks fieldChecks
	if checks.needs("to", body.To, "who is to be called") && !phoneNumber.MatchString(body.To) && !sipAddress.MatchString(body.To) {
		checks.say("to", "%q is neither + and a number with its country code nor sip:user@host", body.To)
	}
	if len(body.To) > addressMost {
		checks.say("to", "may have %d bytes", addressMost)
	}
	machine, message := text(body.Machine), text(body.Message)
	switch machine {
	case "", machineOff:
		machine = ""
	case machineHangUp, machineContinue:
	case machineMessage:
		checks.needs("message", message, "what is said to a machine")
	default:
		checks.say("machine", "%q is none of off, hangup, continue, message", machine)
	}
	if message != "" && machine != machineMessage {
		checks.say("message", "goes with machine message alone")
	}
	checks.most("message", message, machineMost)
	if ring := ringOf(body); ring < ringLeast || ring > ringMost {
		checks.say("ring", "must be from %d to %d seconds", int(ringLeast.Seconds()), int(ringMost.Seconds()))
	}
	var custom json.RawMessage
	if body.Attributes != nil {
		custom = checkAttributes(&checks, *body.Attributes)
	}
	line := lineFor(&checks, running, text(body.Connection))
	session := store.SessionRow{
		Bot: row.ID, Connection: line.Connection, AccountSID: line.AccountSID, Direction: "outbound", Caller: line.PhoneNumber, Called: body.To,
		Machine: machine, MachineMessage: message, Custom: custom,
	}
	return session, checks.problem()
}

func ringOf(body *BotCallBody) time.Duration {
	if body.Ring == nil {
		return ringUsual
	}
	return time.Duration(*body.Ring) * time.Second
}

// checkAttributes refuses custom data that would come in the way of the handoff's own, or of Holdfast's.
func checkAttributes(checks *fieldChecks, attributes map[string]any) json.RawMessage {
	raw, err := json.Marshal(attributes)
	if err != nil || len(raw) > attributeMost {
		checks.say("attributes", "may have %d bytes as JSON", attributeMost)
	}
	for name := range attributes {
		if strings.HasPrefix(name, "holdfast_") || strings.HasPrefix(name, "handoff") || name == "handedOff" {
			checks.say("attributes."+name, "is a name that Holdfast gives itself")
		}
	}
	return raw
}

// lineFor is the line that a bot calls from: the one that is named, or the only one.
func lineFor(checks *fieldChecks, running store.RunningBot, named string) store.RunningLine {
	var lines []store.RunningLine
	for _, line := range running.Connections {
		if line.PhoneNumber == "" {
			continue // a workspace
		}
		if line.Connection == named {
			return line
		}
		lines = append(lines, line)
	}
	switch {
	case named != "":
		checks.say("connection", "is none that the bot runs with")
	case len(lines) == 0:
		checks.say("connection", "is missing: the bot runs with no line; attach one, and restart the bot")
	case len(lines) > 1:
		checks.say("connection", "is missing: the bot runs with %d lines; say which it calls from", len(lines))
	default:
		return lines[0]
	}
	return store.RunningLine{}
}

// rowID is what the IDs of an outbound call and its session are made of.
type rowID struct {
	key         Key
	bot         string
	idempotency *string
}

// make gives a session's and a call's ID: new ones, or with an Idempotency-Key always the same.
func (id rowID) make() (session, outbound string, err error) {
	if id.idempotency == nil {
		return store.NewID("ses"), store.NewID("out"), nil
	}
	if *id.idempotency == "" || len(*id.idempotency) > 128 {
		return "", "", badRequest("Idempotency-Key must have between 1 and 128 bytes")
	}
	hash := sha256.New()
	for _, part := range []string{id.key.Name, id.key.Role, id.bot, *id.idempotency} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		hash.Write(size[:])
		hash.Write([]byte(part))
	}
	letters := strings.ToLower(base32.StdEncoding.EncodeToString(hash.Sum(nil)))
	return "ses_" + letters[:20], "out_" + letters[20:40], nil
}

// callRequested is the request for a call, as the inbox keeps it.
func callRequested(key Key, name string, session store.SessionRow, body *BotCallBody) (*store.Webhook, error) {
	machine := session.Machine
	if machine == machineHangUp || machine == machineContinue {
		machine = "detect"
	}
	event, err := json.Marshal(call.Envelope{Event: call.CallRequested{
		To: session.Called, From: session.Caller, Account: session.AccountSID, Session: session.ID, Bot: session.Bot, Name: name, Connection: session.Connection,
		Machine: machine, Ring: ringOf(body), By: key.Name,
	}})
	if err != nil {
		return nil, err
	}
	return &store.Webhook{
		Key: "call-requested:" + session.Call, Kind: "call-requested", Subject: store.Subject{Kind: store.SubjectCall, ID: session.Call}, Event: event,
	}, nil
}
