package store

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
)

func BenchmarkReceive(b *testing.B) {
	s := openSQLite(b)
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

func BenchmarkProject(b *testing.B) {
	s := openSQLite(b)
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
