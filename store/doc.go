// Package store keeps what must survive: the inbox (webhooks as received), the timeline (events as applied) and the read model (calls,
// their legs and their tasks).
//
// A webhook is written down by [Store.Receive] before it is answered, and takes the next position of its subject. A deliverer takes a
// lease on a subject by [Store.Claim], reads what waits by [Store.Waiting], and hands it to the call's workflow. The workflow writes what
// it did by [Store.Project], which also acknowledges the positions that it applied. So nothing is lost between the three, and nothing
// counts twice.
//
// The data lies in SQLite, in one file, for one process; or in PostgreSQL, for any number of them. The SQL is the same. On PostgreSQL the
// processes tell one another what they wrote, so that nobody waits for the next look.
package store
