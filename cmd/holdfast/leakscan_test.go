package main

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// leakScan looks for what must not be kept, in all that a Holdfast leaves behind. It knows nothing of how things are cleaned and
// encrypted, and has a Luhn check of its own.
type leakScan struct {
	nowhere map[string]string // what must stand nowhere, by what it is
	private map[string]string // what the engine must not be able to read
	codec   converter.PayloadCodec
}

// numbered is a run of 13 to 19 digits, in groups or not, that is no part of a SID, a UUID or a telephone number with its plus sign.
// Cards begin with 2 to 6: what begins with 1 is a time, in milliseconds or microseconds.
var numbered = regexp.MustCompile(`(?:^|[^0-9A-Za-z+.-])([2-6](?:[ -]?[0-9]){12,18})(?:$|[^0-9A-Za-z.-])`)

func cards(text string) (found []string) {
	for _, m := range numbered.FindAllStringSubmatch(text, -1) {
		sum, n := 0, 0
		for i := len(m[1]) - 1; i >= 0; i-- {
			d := int(m[1][i] - '0')
			if d < 0 || d > 9 {
				continue
			}
			if n++; n%2 == 0 {
				d = d/5 + d*2%10 // the sum of the digits of its double
			}
			sum += d
		}
		if sum%10 == 0 {
			found = append(found, m[1])
		}
	}
	return found
}

// text looks at what people or programs could read.
func (l leakScan) text(where, text string) (leaks []string) {
	for what, secret := range l.nowhere {
		if strings.Contains(text, secret) {
			leaks = append(leaks, where+": "+what)
		}
	}
	for range cards(text) {
		leaks = append(leaks, where+": a card number")
	}
	return leaks
}

// files looks at every byte of every file below a Holdfast's folder, of which some must be there beside the log and the engine's. In the
// engine's, private things count as well.
func (l leakScan) files(t *testing.T, dir string, there ...string) (leaks []string) {
	t.Helper()
	seen := map[string]bool{}
	root := os.DirFS(dir)
	require.NoError(t, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name == "payload-keys" || name == "secret-keys" {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		seen[name] = len(data) > 0
		secrets := []map[string]string{l.nowhere}
		if strings.HasPrefix(name, "engine/") {
			secrets = append(secrets, l.private)
		}
		for _, each := range secrets {
			for what, secret := range each {
				if strings.Contains(string(data), secret) {
					leaks = append(leaks, "file "+name+": "+what)
				}
			}
		}
		if strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".jsonl") {
			leaks = append(leaks, l.text("file "+name, string(data))...)
		}
		return nil
	}))
	for _, name := range append(there, "holdfast.log", "engine/engine.db", "engine/engine.db-wal") {
		require.True(t, seen[name], "%s was not there to look at", name)
	}
	return leaks
}

// sqlite looks at every text of every table of a file.
func (l leakScan) sqlite(t *testing.T, path string) (leaks []string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro&_busy_timeout=5000")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	return l.database(t, db, `SELECT name FROM sqlite_master WHERE type = 'table'`)
}

// database looks at every text of every table whose name a query tells.
func (l leakScan) database(t *testing.T, db *sql.DB, query string) (leaks []string) {
	t.Helper()
	texts := 0
	var tables []string
	eachText(t, db, query, func(_, name string) { tables = append(tables, name) })
	for _, table := range tables {
		eachText(t, db, fmt.Sprintf("SELECT * FROM %q", table), func(column, text string) {
			texts++
			leaks = append(leaks, l.text("column "+table+"."+column, text)...)
		})
	}
	require.Greater(t, texts, 100, "there was something to look at")
	return leaks
}

// eachText hands over every text of a query's answer, with its column's name.
func eachText(t *testing.T, db *sql.DB, query string, take func(column, text string)) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(into...))
		for i, v := range values {
			switch v := v.(type) {
			case string:
				take(columns[i], v)
			case []byte:
				take(columns[i], string(v))
			}
		}
	}
	require.NoError(t, rows.Err())
}

// histories looks at every workflow's events: as the engine has them, which must be encrypted, and as they are when decrypted.
func (l leakScan) histories(t *testing.T, c client.Client, namespace string) (leaks []string, payloads int) {
	t.Helper()
	list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, PageSize: 1000})
	require.NoError(t, err)
	for _, workflow := range list.GetExecutions() {
		id := workflow.GetExecution().GetWorkflowId()
		events := c.GetWorkflowHistory(t.Context(), id, workflow.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			found, n := l.event(t, fmt.Sprintf("history %s, event %d %s", id, event.GetEventId(), event.GetEventType()), event)
			leaks, payloads = append(leaks, found...), payloads+n
		}
	}
	return leaks, payloads
}

func (l leakScan) event(t *testing.T, where string, event *history.HistoryEvent) (leaks []string, payloads int) {
	t.Helper()
	raw, err := proto.Marshal(event)
	require.NoError(t, err)
	for _, each := range []map[string]string{l.nowhere, l.private} {
		for what, secret := range each {
			if strings.Contains(string(raw), secret) {
				leaks = append(leaks, where+": "+what)
			}
		}
	}
	require.NoError(t, proxy.VisitPayloads(context.Background(), event, proxy.VisitPayloadsOptions{ //nolint:usetesting // passed through
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, all []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range all {
				payloads++
				if string(p.GetMetadata()["encoding"]) != "binary/encrypted" {
					leaks = append(leaks, where+": a payload that is not encrypted")
				}
			}
			plain, err := l.codec.Decode(all)
			for _, p := range plain {
				leaks = append(leaks, l.text(where, string(p.GetData()))...)
			}
			return all, err
		},
	}))
	return leaks, payloads
}
