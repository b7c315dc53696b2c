package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"holdfast/store"
)

// Pages of connections, bots and sessions, as the contract says.
const (
	botsPage     = 50
	botsPageMost = 200
)

// sets refuses who may not set bots up.
func (a *api) sets(ctx context.Context) error {
	if keyIn(ctx).Role != RoleAdmin {
		return problem(http.StatusForbidden, codeForbidden, "bots and connections are set up with a key of the role admin")
	}
	return nil
}

// looks refuses who may not see how bots are set up.
func (a *api) looks(ctx context.Context) error {
	if keyIn(ctx).isAgent() {
		return problem(http.StatusForbidden, codeForbidden, "supervisors and administrators see bots and connections; agents do not")
	}
	return nil
}

func page(limit *int, cursor *string) (store.Page, error) {
	n, err := pageLimit(limit, botsPage, botsPageMost)
	p := store.Page{Limit: n}
	if cursor != nil {
		p.Cursor = *cursor
	}
	return p, err
}

// ListConnections answers GET /v1/connections.
func (a *api) ListConnections(ctx context.Context, r ListConnectionsRequestObject) (ListConnectionsResponseObject, error) {
	if err := a.looks(ctx); err != nil {
		return nil, err
	}
	p, err := page(r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	rows, next, err := a.store.Connections(ctx, p)
	if err != nil {
		return nil, err
	}
	list := ListConnections200JSONResponse{Connections: []Connection{}, NextCursor: next}
	for _, row := range rows {
		c, err := a.renderConnection(ctx, row)
		if err != nil {
			return nil, err
		}
		list.Connections = append(list.Connections, c)
	}
	return list, nil
}

// CreateConnection answers POST /v1/connections.
func (a *api) CreateConnection(ctx context.Context, r CreateConnectionRequestObject) (CreateConnectionResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	row := completed(store.ConnectionRow{
		Kind: text(r.Body.Kind), Name: strings.TrimSpace(r.Body.Name), Description: text(r.Body.Description), AccountSID: r.Body.AccountSID,
		PhoneNumber: text(r.Body.PhoneNumber), Voice: text(r.Body.Voice), SpeechModel: text(r.Body.SpeechModel), Region: text(r.Body.Region),
		Edge: text(r.Body.Edge), WorkspaceSID: text(r.Body.WorkspaceSID), RoutingWorkflow: text(r.Body.RoutingWorkflowSID),
	})
	var checks fieldChecks
	checks.needs("auth_token", r.Body.AuthToken, "the account's auth token, of the region "+row.Region)
	checkConnection(&checks, row, r.Body.AuthToken)
	if err := checks.problem(); err != nil {
		return nil, err
	}
	row, err := a.store.CreateConnection(ctx, row, r.Body.AuthToken)
	if err != nil {
		return nil, connectionError(err)
	}
	c, err := a.renderConnection(ctx, row)
	return CreateConnection201JSONResponse(c), err
}

// GetConnection answers GET /v1/connections/{connection}.
func (a *api) GetConnection(ctx context.Context, r GetConnectionRequestObject) (GetConnectionResponseObject, error) {
	if err := a.looks(ctx); err != nil {
		return nil, err
	}
	row, err := a.store.Connection(ctx, r.Connection)
	if err != nil {
		return nil, connectionError(err)
	}
	c, err := a.renderConnection(ctx, row)
	return GetConnection200JSONResponse(c), err
}

// ChangeConnection answers PATCH /v1/connections/{connection}.
func (a *api) ChangeConnection(ctx context.Context, r ChangeConnectionRequestObject) (ChangeConnectionResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	token := text(r.Body.AuthToken)
	if token == masked {
		token = ""
	}
	row, err := a.store.ChangeConnection(ctx, r.Connection, token, func(c *store.ConnectionRow) error {
		return changeConnection(c, r.Body, token)
	})
	if err != nil {
		return nil, connectionError(err)
	}
	if err := a.tellBots(ctx, row.ID); err != nil {
		return nil, err
	}
	c, err := a.renderConnection(ctx, row)
	return ChangeConnection200JSONResponse(c), err
}

// changeConnection lays a change over a connection. An edge that another region makes impossible goes with the region, unless one is given.
func changeConnection(c *store.ConnectionRow, body *ConnectionChange, token string) error {
	was := *c
	for field, value := range map[*string]*string{
		&c.Name: body.Name, &c.Description: body.Description, &c.AccountSID: body.AccountSID, &c.PhoneNumber: body.PhoneNumber, &c.Voice: body.Voice,
		&c.SpeechModel: body.SpeechModel, &c.Region: body.Region, &c.WorkspaceSID: body.WorkspaceSID, &c.RoutingWorkflow: body.RoutingWorkflowSID,
	} {
		if value != nil {
			*field = strings.TrimSpace(*value)
		}
	}
	switch {
	case body.Edge != nil:
		c.Edge = *body.Edge
	case c.Region != was.Region && !slices.Contains(edges[c.Region], c.Edge):
		c.Edge = ""
	}
	*c = completed(*c)
	var checks fieldChecks
	checkConnection(&checks, *c, token)
	if token == "" {
		switch {
		case c.AccountSID != was.AccountSID:
			checks.say("auth_token", "is missing: another account has another token; paste its own")
		case c.Region != was.Region:
			checks.say("auth_token", "is missing: region %s has tokens of its own; paste the account's token there", c.Region)
		}
	}
	return checks.problem()
}

// DeleteConnection answers DELETE /v1/connections/{connection}.
func (a *api) DeleteConnection(ctx context.Context, r DeleteConnectionRequestObject) (DeleteConnectionResponseObject, error) {
	if err := a.sets(ctx); err != nil {
		return nil, err
	}
	row, err := a.store.Connection(ctx, r.Connection)
	if err != nil {
		return nil, connectionError(err)
	}
	started, err := a.store.StartedBots(ctx)
	if err != nil {
		return nil, err
	}
	offline := WentOffline{Bots: []string{}, Lines: []string{}}
	var losers []store.BotRow
	for _, b := range started {
		line, running := b.Line(row.ID)
		attached := slices.ContainsFunc(b.Connections, func(c store.BotConnection) bool { return c.Connection == row.ID })
		if !running && !attached {
			continue
		}
		losers = append(losers, b)
		offline.Bots = append(offline.Bots, b.Name)
		if running && line.Inbound && !slices.Contains(offline.Lines, row.PhoneNumber) {
			offline.Lines = append(offline.Lines, row.PhoneNumber)
		}
	}
	if len(offline.Bots) > 0 && !isTrue(r.Params.Confirm) {
		return nil, goesOffline("this connection", offline)
	}
	if err := a.store.DeleteConnection(ctx, row.ID); err != nil {
		return nil, connectionError(err)
	}
	for _, b := range losers {
		if err := a.tellBot(ctx, b); err != nil {
			return nil, err
		}
	}
	return DeleteConnection200JSONResponse(offline), nil
}

// goesOffline warns before something goes offline.
func goesOffline(what string, offline WentOffline) error {
	lines := "no line"
	if len(offline.Lines) > 0 {
		lines = strings.Join(offline.Lines, ", ")
	}
	return problem(http.StatusConflict, codeGoesOffline, "without %s, %s goes offline, and the running bots that lose something are %s; say confirm=true if that is meant",
		what, lines, strings.Join(offline.Bots, ", "))
}

// GetConnectionLog answers GET /v1/connections/{connection}/log.
func (a *api) GetConnectionLog(ctx context.Context, r GetConnectionLogRequestObject) (GetConnectionLogResponseObject, error) {
	if err := a.looks(ctx); err != nil {
		return nil, err
	}
	if _, err := a.store.Connection(ctx, r.Connection); err != nil {
		return nil, connectionError(err)
	}
	log, err := a.botLog(ctx, store.BotLogFilter{Connection: r.Connection}, r.Params.Limit, r.Params.Before)
	return GetConnectionLog200JSONResponse(log), err
}

// connectionError answers what the store says of a connection.
func connectionError(err error) error {
	var taken *store.NumberTakenError
	switch {
	case errors.As(err, &taken):
		return problem(http.StatusConflict, codeNumberTaken, "the connection %s (%s) has this phone number already", taken.Name, taken.Connection)
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, codeConnectionNotFound, "there is no such connection")
	}
	return secretError(err)
}

// secretError answers what the store says of secrets.
func secretError(err error) error {
	switch {
	case errors.Is(err, store.ErrNoSecretKeys):
		return problem(http.StatusConflict, codeNoSecretKeys,
			"tokens cannot be kept: Holdfast has no secret keys; list secret_keys in its file, or set HOLDFAST_SECRET_KEYS ('holdfast secret-key' makes one)")
	case errors.Is(err, store.ErrSecretUnreadable):
		return problem(http.StatusConflict, codeNoSecretKeys, "what is kept cannot be read: the key that it was encrypted with is not among Holdfast's secret keys")
	}
	return err
}

func (a *api) renderConnection(ctx context.Context, row store.ConnectionRow) (Connection, error) {
	c := Connection{
		ID: row.ID, Kind: row.Kind, Name: row.Name, Description: row.Description, AccountSID: row.AccountSID, AuthToken: masked,
		PhoneNumber: optional(row.PhoneNumber), Voice: optional(row.Voice), SpeechModel: optional(row.SpeechModel), Region: row.Region, Edge: row.Edge,
		WorkspaceSID: optional(row.WorkspaceSID), RoutingWorkflowSID: optional(row.RoutingWorkflow), Bots: []AttachedBot{}, CreatedAt: row.CreatedAt,
		UpdatedAt: row.UpdatedAt,
	}
	bots, err := a.store.BotsOf(ctx, row.ID)
	for _, b := range bots {
		for _, attached := range b.Connections {
			if attached.Connection == row.ID {
				c.Bots = append(c.Bots, AttachedBot{ID: b.ID, Name: b.Name, Inbound: attached.Inbound, State: BotState(b.State)})
			}
		}
	}
	return c, err
}

// text is an optional string; "" where it is absent.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func isTrue(b *bool) bool { return b != nil && *b }
