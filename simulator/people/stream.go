package people

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// An entry is one entry of a call's timeline, as the live events carry it, or, without a call, something that happened to agents.
type entry struct {
	Call      string   `json:"call"`
	Kind      string   `json:"kind"`
	State     string   `json:"state"`
	Outcome   string   `json:"outcome"`
	AgentSIDs []string `json:"agent_sids"`
	Data      struct {
		CallSID        string `json:"call_sid"`
		ReservationSID string `json:"reservation_sid"`
		AgentSID       string `json:"agent_sid"`
		Manual         bool   `json:"manual"`
		Code           string `json:"code"` // of an alert
	} `json:"data"`
}

// A stream reads Holdfast's live events for as long as it is asked to. It connects again where it stopped: with the last
// event's ID, so that nothing is missed while the network, the server or the browser was away.
type stream struct {
	api   *api
	on    func(entry)
	fault func(error) // gets what should not be: a refusal, an entry that cannot be read

	connected chan struct{} // closed once the first connection stands
	once      sync.Once
	lastID    string // of the goroutine in run; kept between runs
}

func newStream(client *api, on func(entry), fault func(error)) *stream {
	// Entries keep coming for hours; only the reader's patience with silence ends a connection.
	return &stream{api: client, on: on, fault: fault, connected: make(chan struct{})}
}

// silence is how long a connection may say nothing: Holdfast comments every 15 seconds.
const silence = 50 * time.Second

// run reads until ctx ends. It must not run twice at a time.
func (s *stream) run(ctx context.Context) {
	wait := 50 * time.Millisecond
	for ctx.Err() == nil {
		before := s.lastID
		refused, err := s.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if refused {
			s.fault(err)
		}
		if s.lastID != before {
			wait = 50 * time.Millisecond
		}
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, 2*time.Second)
	}
}

// read holds one connection. refused says that the server does not want us, which waiting will not change.
func (s *stream) read(ctx context.Context) (refused bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api.base+"/v1/stream", nil)
	if err != nil {
		return true, err
	}
	r.Header.Set("Authorization", "Bearer "+s.api.key)
	r.Header.Set("Accept", "text/event-stream")
	if s.lastID != "" {
		r.Header.Set("Last-Event-ID", s.lastID)
	}
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	resp, err := s.api.http.Do(r)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }() // the connection is over; nothing more is read from it
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode >= 400 && resp.StatusCode < 500, fmt.Errorf("live events refused: status %d", resp.StatusCode)
	}
	s.once.Do(func() { close(s.connected) })

	lines := bufio.NewReader(resp.Body)
	var event message
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil { // a half line is no line: it comes again
			return false, err
		}
		quiet.Reset(silence)
		if !event.add(strings.TrimRight(string(line), "\r\n")) {
			continue
		}
		s.dispatch(event)
		event = message{}
	}
}

func (s *stream) dispatch(m message) {
	if m.id != "" {
		s.lastID = m.id
	}
	if m.data.Len() == 0 || !slices.Contains([]string{"timeline", "agent", ""}, m.event) {
		return
	}
	var e entry
	if err := json.Unmarshal(m.data.Bytes(), &e); err != nil {
		s.fault(fmt.Errorf("live event %s cannot be read: %w", m.id, err))
		return
	}
	s.on(e)
}

// A message is one server-sent event while its lines come in.
type message struct {
	id, event string
	data      bytes.Buffer
}

// add takes a line, and says whether the message is complete.
func (m *message) add(line string) bool {
	if line == "" {
		return m.id != "" || m.event != "" || m.data.Len() > 0
	}
	field, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "id":
		m.id = value
	case "event":
		m.event = value
	case "data":
		if m.data.Len() > 0 {
			m.data.WriteByte('\n')
		}
		m.data.WriteString(value)
	}
	return false
}
