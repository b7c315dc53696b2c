package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"holdfast/handlers"
)

type callSuperviseCmd struct {
	onCall
	Address string `required:"" xor:"way" help:"Where the supervisor is rung: client:name, a number with + or sip:user@host."`
	DialIn  bool   `required:"" xor:"way" help:"Nobody is rung: get a code to listen by any telephone."`
	Mode    string `default:"monitor" enum:"monitor,whisper,barge" help:"What he does: ${enum} (${default})."`
	Coach   string `placeholder:"LEG" help:"The agent's leg that is coached. That of the agent who has the call, without it."`
	Private bool   `help:"Agents are not shown that he listens."`
}

// Run brings a supervisor in.
func (c *callSuperviseCmd) Run(ctx context.Context, api *callCmd) error {
	if c.DialIn {
		return c.dialIn(ctx, api)
	}
	return c.act(ctx, api, "supervision", handlers.SuperviseBody{
		Mode: handlers.SupervisionMode(c.Mode), Address: c.Address, Coach: given(c.Coach), Private: &c.Private,
	})
}

// dialIn shows a code, which is told once.
func (c *callSuperviseCmd) dialIn(ctx context.Context, api *callCmd) error {
	if c.Mode != string(handlers.Monitor) || c.Coach != "" {
		return errors.New("who dials in begins by listening: change the mode when you are in the call, by holdfast call mode")
	}
	var d handlers.DialIn
	raw, _, err := api.send(ctx, http.MethodPost, "/v1/calls/"+url.PathEscape(c.Call)+"/supervision/dial-in", handlers.DialInBody{Private: &c.Private}, &d,
		"Idempotency-Key", c.key())
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(raw)
	}
	number := "the supervisors' number"
	if d.Number != nil {
		number = *d.Number
	}
	_, err = fmt.Fprintf(os.Stdout, "dial %s and enter %s before %s\n", number, d.Code, clock(&d.ExpiresAt))
	return err
}

type callModeCmd struct {
	onCall
	Mode  string `arg:"" enum:"monitor,whisper,barge" help:"What the supervisor does: ${enum}."`
	Coach string `placeholder:"LEG" help:"The agent's leg that is coached. As it is, without it."`
	Leg   string `placeholder:"LEG" help:"The supervisor's leg. One's own, without it."`
}

// Run changes a mode.
func (c *callModeCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "supervision/mode", handlers.SupervisionModeBody{
		Mode: handlers.SupervisionMode(c.Mode), Coach: given(c.Coach), Leg: given(c.Leg),
	})
}

type callTakeOverCmd struct {
	onCall
	Leg string `placeholder:"LEG" help:"The supervisor's leg. One's own, without it."`
}

// Run takes a call over.
func (c *callTakeOverCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "supervision/take-over", handlers.TakeOverBody{Leg: given(c.Leg)})
}

type callHelpCmd struct {
	onCall
	Reason string `help:"For the supervisors who see it."`
}

// Run asks for a supervisor.
func (c *callHelpCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "help", handlers.HelpBody{Reason: given(c.Reason)})
}

type callHelpedCmd struct {
	onCall
	Agent string `placeholder:"WK…" help:"Whose wish it was. One's own, or the only one there is."`
}

// Run dismisses a wish.
func (c *callHelpedCmd) Run(ctx context.Context, api *callCmd) error {
	return c.act(ctx, api, "help/dismiss", handlers.HelpDismissBody{AgentSID: given(c.Agent)})
}
