package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	databaseFile = "engine.db"
	recordFile   = "engine.json"
	lockFile     = "engine.lock"
	logFile      = "engine.log"

	logsKept = 5
)

// record is what one Holdfast leaves for the next. After a clean stop PID is 0, and the ports are kept so that
// the web UI is found where it was.
type record struct {
	PID int `json:"pid"`
	ports
	// Args are those of the child: an adopted one must have the arguments that we would give it.
	Args []string `json:"args"`
	// Virgin is true until the engine has answered once on this database. A database that was left so may
	// have half a schema, which the dev server never completes; nothing can be in it, so it is set aside.
	Virgin bool `json:"virgin,omitempty"`
}

func readRecord(dir string) (record, error) {
	var r record
	b, err := os.ReadFile(filepath.Join(dir, recordFile)) //nolint:gosec // the data directory is the operator's choice
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("engine: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		// A power cut can leave an empty file. Without it we cannot adopt, but we can start.
		return record{}, nil //nolint:nilerr // see above
	}
	return r, nil
}

// write replaces the file in one step: a reader sees the old record or the new one.
func (r record) write(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	path := filepath.Join(dir, recordFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

// acquire makes the data directory and takes its lock, which the system gives back when this process ends,
// however it ends.
func acquire(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("engine: data directory %s cannot be made: %w", dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator's choice
	if err != nil {
		return nil, fmt.Errorf("engine: data directory %s is not writable: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(f.Name())
		_ = f.Close()
		return nil, fmt.Errorf("engine: %w: %s belongs to process %s: stop it, or choose another directory",
			ErrInUse, dir, strings.TrimSpace(string(owner)))
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		if err == nil {
			return f, nil
		}
	}
	_ = f.Close()
	return nil, fmt.Errorf("engine: data directory %s is not writable", dir)
}

// openLog begins a new log for a new child and keeps the last few: in a loop of crashes the first is the one
// that tells why.
func openLog(dir string) (*os.File, error) {
	path := filepath.Join(dir, logFile)
	for i := logsKept - 1; i >= 0; i-- {
		from := path
		if i > 0 {
			from = path + "." + strconv.Itoa(i)
		}
		if err := os.Rename(from, path+"."+strconv.Itoa(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // the operator's choice
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return f, nil
}

// lastWords are the last lines of the child's log, as one line.
func lastWords(dir string) string {
	const lines, most = 3, 600
	b, err := os.ReadFile(filepath.Join(dir, logFile)) //nolint:gosec // the operator's choice
	if err != nil {
		return ""
	}
	var words []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			words = append(words, line)
		}
	}
	said := strings.Join(words[max(0, len(words)-lines):], " | ")
	if len(said) > most {
		said = "…" + strings.ToValidUTF8(said[len(said)-most:], "")
	}
	return said
}

// setDatabaseAside makes room for a new database. Nothing should be in the old one, but it is not ours to destroy.
func setDatabaseAside(dir string) error {
	path := filepath.Join(dir, databaseFile)
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Rename(path+suffix, path+".aside"+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("engine: %w", err)
		}
	}
	return nil
}
