package engine

import (
	"path/filepath"
)

// PID is the number of the dev server's process that runs on a data directory, whoever started it; 0 if none does.
func PID(dir string) int {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0
	}
	last, err := readRecord(dir)
	if err != nil || !ours(last.PID, filepath.Join(dir, databaseFile)) {
		return 0
	}
	return last.PID
}
