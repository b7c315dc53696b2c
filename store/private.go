package store

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/jmoiron/sqlx"
)

// hide marks the entries that agents are not shown: those that name somebody who is private in the call, and what came of commands that
// did. A result names its command alone, which may have been written long before.
func hide(ctx context.Context, tx *sqlx.Tx, id string, private []string, entries []Entry) error {
	var commands []int64
	for i := range entries {
		e := &entries[i]
		e.Private = e.Private || names(e.Data, private)
		command, isResult := commandOf(*e)
		switch {
		case command == 0 || len(private) == 0:
		case !isResult:
			if e.Private {
				commands = append(commands, command)
			}
		case !e.Private:
			hidden, err := hiddenCommand(ctx, tx, id, command, commands)
			if err != nil {
				return err
			}
			e.Private = hidden
		}
	}
	return nil
}

// names says whether data has one of these as a string in it.
func names(data json.RawMessage, private []string) bool {
	for _, p := range private {
		if bytes.Contains(data, []byte(`"`+p+`"`)) {
			return true
		}
	}
	return false
}

// commandOf is the number of the command that an entry is, or tells the result of; 0 of others.
func commandOf(e Entry) (number int64, isResult bool) {
	isResult = e.Source == "result"
	if !isResult && e.Source != "command" {
		return 0, false
	}
	var data struct {
		Command int64 `json:"command"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return 0, isResult
	}
	return data.Command, isResult
}

// hiddenCommand says whether a command is among these, or was written as private before.
func hiddenCommand(ctx context.Context, tx *sqlx.Tx, id string, command int64, these []int64) (bool, error) {
	if slices.Contains(these, command) {
		return true, nil
	}
	rows, err := tx.QueryContext(ctx, tx.Rebind(`SELECT data FROM timeline WHERE call_id = ? AND source = 'command' AND private`), id)
	known, err := gather(rows, err, func(row scanner) (n int64, err error) {
		var data text
		if err := row.Scan(&data); err != nil {
			return 0, err
		}
		n, _ = commandOf(Entry{Source: "command", Data: json.RawMessage(data)})
		return n, nil
	})
	return slices.Contains(known, command), err
}
