// Package pgtest starts a PostgreSQL server for tests, from the programs that the machine has (on Debian: apt-get install postgresql),
// under an ordinary user, in a temporary folder, and on a socket there. Nothing of the machine's own PostgreSQL is touched.
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Require is the environment variable that makes a test fail, instead of being skipped, where PostgreSQL is missing.
const Require = "HOLDFAST_REQUIRE_POSTGRES"

const (
	superuser   = "holdfast"
	readyWithin = time.Minute
)

// Server is a running PostgreSQL.
type Server struct {
	bin, dir  string
	as        *syscall.Credential // nil: this process's own user
	databases atomic.Int64

	mu     sync.Mutex
	cmd    *exec.Cmd
	leash  io.Closer // the server lives as long as this pipe is open, so it does not outlive this process
	output bytes.Buffer
}

// Start makes and starts a server that is gone when the test is over. Without PostgreSQL's programs the test is skipped, or fails where
// [Require] is set.
func Start(t testing.TB) *Server {
	t.Helper()
	bin := programs()
	if bin == "" {
		if os.Getenv(Require) != "" {
			t.Fatalf("PostgreSQL is missing, and %s is set: install it (Debian: apt-get install postgresql)", Require)
		}
		t.Skip("PostgreSQL is missing: install it to run this test (Debian: apt-get install postgresql)")
	}
	as, err := ordinary()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: the folders above that one are closed to other users. The name is short, for a socket's path must be.
	dir, err := os.MkdirTemp("", "holdfast-pg-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := &Server{bin: bin, dir: dir, as: as}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.initialise(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t) })
	s.Resume(t)
	return s
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test" + strconv.FormatInt(s.databases.Add(1), 10)
	if err := s.exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

// Resume starts the server again after [Server.Stop], with all that it had, and returns when it answers.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	// The shell is the leash's other end. Killed or stopped, this process lets go of it, and the server is told to go.
	cmd := exec.Command("/bin/sh", "-c", `"$@" & pid=$!; read -r _; kill -INT $pid; wait $pid`, "sh", //nolint:gosec // our own words
		filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.dir, "-h", "",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB", "-c", "max_connections=300",
		"-c", "autovacuum_naptime=10s")
	s.prepare(cmd)
	s.output.Reset()
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	leash, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.cmd, s.leash = cmd, leash
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	defer cancel()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for s.exec(ctx, "SELECT 1") != nil {
		select {
		case <-every.C:
		case <-ctx.Done():
			s.stop()
			t.Fatalf("PostgreSQL does not answer: %s", s.output.String())
		}
	}
}

// Stop ends the server, whoever is connected, and returns when it is gone. Its data stay until the test is over.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

func (s *Server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.leash.Close()
	_ = s.cmd.Wait() // how it ended is of no interest: it is gone
	s.cmd = nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) url(database string) string {
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: url.Values{"host": {s.dir}, "user": {superuser}}.Encode()}
	return u.String()
}

func (s *Server) initialise(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", superuser, //nolint:gosec // found by programs
		"--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
	s.prepare(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// prepare makes a command of the ordinary user's, out of the reach of this terminal's Ctrl-C, and without a PGHOST of the developer's.
func (s *Server) prepare(cmd *exec.Cmd) {
	cmd.Dir = s.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
}

func (s *Server) exec(ctx context.Context, statement string) error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// programs is the folder of PostgreSQL's programs: the path's, or Debian's newest; "" for none.
func programs() string {
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	slices.SortFunc(candidates, func(a, b string) int { return major(b) - major(a) })
	if found, err := exec.LookPath("postgres"); err == nil {
		candidates = slices.Insert(candidates, 0, filepath.Dir(found))
	}
	for _, dir := range candidates {
		_, noServer := os.Stat(filepath.Join(dir, "postgres"))
		_, noInit := os.Stat(filepath.Join(dir, "initdb"))
		if noServer == nil && noInit == nil {
			return dir
		}
	}
	return ""
}

func major(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // what is no number is the oldest
	return n
}

// ordinary is whom the server runs as: PostgreSQL refuses root.
func ordinary() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // as ourselves
	}
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("root may not run PostgreSQL, and there is nobody else: %w", errors.Join(errs...))
}
