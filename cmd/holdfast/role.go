package main

import (
	"fmt"
	"slices"
)

// What a process can do.
const (
	roleAPI    = "api"    // HTTP, and delivery from the inbox to the calls
	roleWorker = "worker" // the calls themselves, their requests to Twilio, and the deletion of old ones
)

// has says whether this process has a role; one that was given none has both.
func (c *config) has(role string) bool {
	return len(c.Role) == 0 || slices.Contains(c.Role, role)
}

// roleProblems says why a process with one role could do nothing: what it shares with the other must be where both can reach it.
func (c *config) roleProblems() (wrong []error) {
	alone, other := roleAPI, roleWorker
	switch {
	case c.has(roleAPI) && c.has(roleWorker):
		return nil
	case c.has(roleWorker):
		alone, other = other, alone
	case !c.has(roleAPI):
		return []error{fmt.Errorf("--role%s: knows %s and %s, not %q", orEnv("role"), roleAPI, roleWorker, c.Role)}
	}
	if c.DatabaseURL == "" {
		wrong = append(wrong, fmt.Errorf("--role %s: the %s is another process, and SQLite is one process's: set DATABASE_URL to a PostgreSQL", alone, other))
	}
	if c.TemporalAddress == "" {
		wrong = append(wrong, fmt.Errorf("--role %s: the %s is another process, and the dev server is one process's: set --temporal-address%s", alone, other, orEnv("temporal-address")))
	}
	return wrong
}
