// Package engine gives Holdfast its durable execution: a Temporal client, and behind it either a cluster
// that somebody else runs or Temporal's own dev server as a child process on a file in the data directory.
// The rest of the program sees only the client and cannot tell which.
//
// The child is meant to outlive accidents, not intentions. It has a process group of its own, so a terminal's
// Ctrl-C reaches Holdfast alone, which then stops it in order. A Holdfast that is killed leaves it running, and
// the next start adopts it; a child that dies is started again on the same port and the same file, so the
// client that was handed out stays good. One lock keeps two Holdfasts off one data directory.
//
// Files in the data directory:
//
//	engine.db       Temporal's state (SQLite, write-ahead log)
//	engine.json     process ID, ports and arguments of the child
//	engine.lock     held while a Holdfast owns the directory
//	engine.log      what the child prints; engine.log.1 and so on from the starts before
//
// Temporal calls the dev server unfit for production. Its state is written with synchronous=normal: a crash of
// the process loses nothing, a power cut may lose the last commits.
package engine
