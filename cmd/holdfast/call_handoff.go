package main

import "context"

type callHandoffCmd struct {
	onCall
	Reason          string            `required:"" help:"Why the caller goes to a person, in a short phrase."`
	Summary         string            `help:"What was talked about, in one paragraph. Without it, what our own bot can tell."`
	Sentiment       string            `enum:",positive,neutral,negative" default:"" help:"positive, neutral or negative."`
	Language        string            `help:"The caller's, as BCP-47."`
	Priority        *int              `help:"The task's. As the bot is set, without it."`
	RoutingWorkflow string            `placeholder:"WW…" help:"Where the caller goes. As the bot or the number is set, without it."`
	AccountSID      string            `placeholder:"AC…" help:"Of a call that Holdfast does not know: whose it is, if not Holdfast's own account."`
	Attribute       map[string]string `placeholder:"NAME=VALUE" help:"More for the task. May be repeated."`
}

// Run hands a caller over to a person.
func (c *callHandoffCmd) Run(ctx context.Context, api *callCmd) error {
	body := map[string]any{"reason": c.Reason}
	for name, value := range map[string]string{
		"summary": c.Summary, "sentiment": c.Sentiment, "language": c.Language, "routing_workflow": c.RoutingWorkflow, "account_sid": c.AccountSID,
	} {
		if value != "" {
			body[name] = value
		}
	}
	if c.Priority != nil {
		body["priority"] = *c.Priority
	}
	if len(c.Attribute) > 0 {
		body["attributes"] = c.Attribute
	}
	return c.act(ctx, api, "handoff", body)
}
