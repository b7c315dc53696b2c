package store

import "context"

// Workspaces are the workspaces that an account's connections name, without repetition. None is no error.
func (s *Store) Workspaces(ctx context.Context, accountSID string) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`SELECT DISTINCT workspace_sid FROM connections WHERE account_sid = ? AND workspace_sid <> ''
		ORDER BY workspace_sid`), accountSID)
	return collect("workspaces", rows, err, func(row scanner) (sid string, err error) {
		err = row.Scan(&sid)
		return sid, err
	})
}
