package store

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/store/pgtest"
)

// onEach runs a benchmark on each database. PostgreSQL is one without fsync, so its figures are of the way there, not of a disk.
func onEach(b *testing.B, f func(b *testing.B, s *Store)) {
	b.Helper()
	b.Run("SQLite", func(b *testing.B) { f(b, openSQLite(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { f(b, openPostgres(b, pgtest.Start(b).Database(b))) })
}

func BenchmarkReceive(b *testing.B) { onEach(b, benchmarkReceive) }

func benchmarkReceive(b *testing.B, s *Store) {
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(n.Add(1))
			if _, _, err := s.Receive(b.Context(), webhook(ofCall("CA"+string(rune('A'+i%50))), i)); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkProject(b *testing.B) { onEach(b, benchmarkProject) }

func benchmarkProject(b *testing.B, s *Store) {
	snapshot := json.RawMessage(`{"pad":"` + strings.Repeat("x", 4000) + `"}`)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			step := talking("CA" + string(rune('A'+i%50)))
			step.Call.Snapshot = snapshot
			step.Entries[0].Number, step.Entries[1].Number = 2*i, 2*i+1
			if err := s.Project(b.Context(), step); err != nil {
				b.Error(err)
			}
		}
	})
}
