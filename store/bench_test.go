package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// BenchmarkManyCallsEnd ends calls all at once, as when a line breaks that carried them, and says how long one of their webhooks had to wait: Twilio is
// asked to try again after two seconds.
func BenchmarkManyCallsEnd(b *testing.B) { onEach(b, benchmarkManyCallsEnd) }

func benchmarkManyCallsEnd(b *testing.B, s *Store) {
	const events, stepEvery = 12, 2
	snapshot := json.RawMessage(`{"pad":"` + strings.Repeat("x", 4000) + `"}`)
	var mu sync.Mutex
	var waits []time.Duration
	var calls sync.WaitGroup
	b.ResetTimer()
	for n := range b.N {
		calls.Go(func() {
			id := fmt.Sprintf("CA%d", n)
			for i := 1; i <= events; i++ {
				began := time.Now()
				if _, _, err := s.Receive(b.Context(), webhook(ofCall(id), i)); err != nil {
					b.Error(err)
				}
				mu.Lock()
				waits = append(waits, time.Since(began))
				mu.Unlock()
				if i%stepEvery != 0 {
					continue
				}
				step := talking(id)
				step.Call.Snapshot, step.Acked = snapshot, int64(i)
				step.Entries[0].Number, step.Entries[1].Number = int64(i)-1, int64(i)
				if err := s.Project(b.Context(), step); err != nil {
					b.Error(err)
				}
			}
		})
	}
	calls.Wait()
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)*99/100].Milliseconds()), "ms-p99")
	b.ReportMetric(float64(waits[len(waits)-1].Milliseconds()), "ms-most")
}
