package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/store"
)

// listener is a client of the live stream.
type listener struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Scanner
}

// serveStreams puts the bundle behind a real HTTP server, whose streams end before it does.
func (b *apiBundle) serveStreams() *httptest.Server {
	b.t.Helper()
	server := httptest.NewServer(b.server)
	b.t.Cleanup(server.Close)
	b.t.Cleanup(b.server.Close)
	return server
}

func listen(t *testing.T, server *httptest.Server, query, key string, headers ...string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/v1/stream"+query, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	response, err := server.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() {
		cancel()
		_ = response.Body.Close() // the request's cancellation is its error
	})
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	l := &listener{t: t, response: response, lines: bufio.NewScanner(response.Body)}
	l.lines.Buffer(nil, 1<<20)
	require.Equal(t, "retry: 1000", l.line())
	return l
}

// line is the next line that is not empty.
func (l *listener) line() string {
	l.t.Helper()
	for l.lines.Scan() {
		if l.lines.Text() != "" {
			return l.lines.Text()
		}
	}
	require.FailNow(l.t, "the stream ended", "%v", l.lines.Err())
	return ""
}

// entry is the next entry, whose three lines must agree.
func (l *listener) entry() TimelineEntry {
	l.t.Helper()
	id := l.line()
	for strings.HasPrefix(id, ":") {
		id = l.line()
	}
	require.Equal(l.t, "event: timeline", l.line())
	data, ok := strings.CutPrefix(l.line(), "data: ")
	require.True(l.t, ok)
	e := decoded[TimelineEntry](l.t, []byte(data))
	require.Equal(l.t, fmt.Sprintf("id: %d", e.Seq), id)
	return e
}

// happens projects one entry of a call, as its workflow would.
func (b *apiBundle) happens(s *store.Store, id string, number int, data string, agents ...string) {
	b.t.Helper()
	projectInto(b.t, s, store.CallRow{ID: id, State: "talking", UpdatedAt: moment(number)}, nil, store.Entry{
		Number: int64(number), Kind: "ParticipantHeld", Source: "twilio", State: "held", Agents: agents,
		Data: json.RawMessage(data),
	})
}

func TestStreamsTellWhatHappensFromNowOn(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	l := listen(t, b.serveStreams(), "", sueKey)
	b.happens(b.store, "CAnew", 1, `{"hold":true}`, annSID)
	e := l.entry()
	require.Equal(t, "CAnew", e.Call)
	require.Equal(t, "ParticipantHeld", e.Kind)
	require.Equal(t, []string{annSID}, e.AgentSids)
	require.JSONEq(t, `{"hold":true}`, string(e.Data))
	b.happens(b.store, "CAnew", 2, "")
	require.Equal(t, e.Seq+1, l.entry().Seq)
}

func TestStreamsResumeWhereTheyWereCutOff(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	server := b.serveStreams()
	last, err := b.store.LastSeq(t.Context())
	require.NoError(t, err)
	for name, test := range map[string]struct {
		query   string
		headers []string
		first   int64 // 0: whatever comes next
	}{
		"by the header":                  {"", []string{"Last-Event-ID", "2"}, 3},
		"by the query":                   {"?last_event_id=3", nil, 4},
		"the header wins":                {"?last_event_id=3", []string{"Last-Event-ID", "1"}, 2},
		"from the beginning":             {"", []string{"Last-Event-ID", "0"}, 1},
		"from an ID of another database": {"", []string{"Last-Event-ID", "1000000"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, server, test.query, sueKey, test.headers...)
			own := "CA" + strings.ReplaceAll(name, " ", "-")
			b.happens(b.store, own, 1, "")
			before := test.first - 1
			for { // what was there, the other subtests' calls, and at last our own
				e := l.entry()
				if test.first > 0 {
					require.Equal(t, before+1, e.Seq)
				}
				require.Greater(t, e.Seq, before)
				before = e.Seq
				if e.Call == own {
					break
				}
			}
			require.Greater(t, before, last)
		})
	}
}

func TestStreamsAreFiltered(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	server := b.serveStreams()
	one := listen(t, server, "?call=CAone", sueKey)
	ann := listen(t, server, "", annKey)
	annOne := listen(t, server, "?call=CAone", annKey)
	joe := listen(t, server, "", joeKey) // an agent, too, but a supervisor's key
	b.happens(b.store, "CAtwo", 1, `{"n":1}`, annSID)
	b.happens(b.store, "CAone", 1, `{"n":2}`, bobSID)
	b.happens(b.store, "CAone", 2, `{"n":3}`, bobSID, annSID)
	b.happens(b.store, "CAtwo", 2, `{"n":4}`)
	b.happens(b.store, "CAone", 3, `{"n":5}`, annSID)
	for name, test := range map[string]struct {
		l    *listener
		want []int
	}{
		"one call":              {one, []int{2, 3, 5}},
		"an agent's key":        {ann, []int{1, 3, 5}},
		"both":                  {annOne, []int{3, 5}},
		"a supervisor sees all": {joe, []int{1, 2, 3, 4, 5}},
	} {
		for _, n := range test.want {
			require.JSONEq(t, fmt.Sprintf(`{"n":%d}`, n), string(test.l.entry().Data), name)
		}
	}
}

func TestStreamsBeatWhenNothingHappens(t *testing.T) {
	t.Parallel()
	b := setupAPI(t, func(c *Config) { c.Heartbeat = 10 * time.Millisecond })
	l := listen(t, b.serveStreams(), "", sueKey)
	require.Equal(t, ": still here", l.line())
	require.Equal(t, ": still here", l.line())
	b.happens(b.store, "CAnew", 1, "")
	require.Equal(t, "CAnew", l.entry().Call)
}

func TestStreamsTellWhatOtherProcessesWrote(t *testing.T) {
	t.Parallel()
	b := setupAPI(t, func(c *Config) { c.StreamPoll = 10 * time.Millisecond })
	other := b.open()
	l := listen(t, b.serveStreams(), "", sueKey)
	b.happens(other, "CAnew", 1, "")
	require.Equal(t, "CAnew", l.entry().Call)
	b.happens(b.store, "CAnew", 2, "")
	b.happens(other, "CAnew", 3, "")
	first := l.entry().Seq
	require.Equal(t, first+1, l.entry().Seq)
}

func TestAnEntryThatIsNoJSONDoesNotStopTheStream(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	l := listen(t, b.serveStreams(), "", sueKey)
	b.happens(b.store, "CAnew", 1, `{"cut off`)
	require.JSONEq(t, `{}`, string(l.entry().Data))
	b.happens(b.store, "CAnew", 2, `{}`)
	l.entry()
}

func TestALongBacklogArrivesWholeAndInOrder(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	server := b.serveStreams()
	live := listen(t, server, "", sueKey) // so that the feed keeps entries while they come
	start, err := b.store.LastSeq(t.Context())
	require.NoError(t, err)
	const many = 2*feedKeeps + 3*feedPage // more than the feed keeps
	write := func(from, to int) {
		entries := make([]store.Entry, 0, to-from)
		for n := from; n < to; n++ {
			entries = append(entries, store.Entry{Number: int64(n + 1), Kind: "ClockTicked", Source: "clock"})
		}
		b.project(store.CallRow{ID: "CAlong", State: "talking", UpdatedAt: moment(1)}, nil, entries...)
	}
	for from := 0; from < many; from += 700 {
		write(from, min(from+700, many))
	}
	late := listen(t, server, "", sueKey, "Last-Event-ID", jsonNumber(start))
	for seq := start + 1; seq <= start+many; seq++ {
		require.Equal(t, seq, live.entry().Seq)
		require.Equal(t, seq, late.entry().Seq)
	}
	b.happens(b.store, "CAafter", 1, "")
	require.Equal(t, "CAafter", live.entry().Call)
	require.Equal(t, "CAafter", late.entry().Call)
}

// smallBuffers keeps the kernel from taking what a client does not read.
type smallBuffers struct {
	net.Listener
	on atomic.Bool // for connections from now on
}

func (s *smallBuffers) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil && s.on.Load() {
		err = tcp.SetWriteBuffer(4 << 10)
	}
	return c, err
}

func TestAReaderWhoDoesNotReadIsDroppedAndNobodyElseNotices(t *testing.T) {
	t.Parallel()
	b := setupAPI(t, func(c *Config) { c.StreamWrite = 500 * time.Millisecond })
	server := httptest.NewUnstartedServer(b.server)
	buffers := &smallBuffers{Listener: server.Listener}
	server.Listener = buffers
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(b.server.Close)
	good := listen(t, server, "", sueKey)

	buffers.on.Store(true)
	idle, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, idle.Close()) })
	tcp, ok := idle.(*net.TCPConn)
	require.True(t, ok)
	require.NoError(t, tcp.SetReadBuffer(4<<10))
	_, err = fmt.Fprintf(idle, "GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", admKey)
	require.NoError(t, err)

	big := `{"text":"` + strings.Repeat("x", 100_000) + `"}`
	for n := 1; n <= 20; n++ {
		b.happens(b.store, "CAbig", n, big)
		require.Equal(t, "CAbig", good.entry().Call)
	}
	dropped := func() bool { return strings.Contains(b.log.String(), "does not keep up") }
	require.Eventually(t, dropped, 10*time.Second, 5*time.Millisecond)
	require.Contains(t, b.log.String(), "key=adm")
	b.happens(b.store, "CAbig", 21, big)
	require.Equal(t, "CAbig", good.entry().Call)
}

func TestStreamsEndWhenTheServerStops(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	var listeners []*listener
	for range 3 {
		listeners = append(listeners, listen(t, server, "", sueKey, "Last-Event-ID", "0"))
	}
	for _, l := range listeners {
		require.EqualValues(t, 1, l.entry().Seq)
	}
	server.Config.RegisterOnShutdown(b.server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	require.NoError(t, server.Config.Shutdown(ctx))
	require.Less(t, time.Since(began), 5*time.Second)
	b.server.Close() // twice does no harm
}

func TestAStreamWhoseReaderLeavesEnds(t *testing.T) {
	t.Parallel()
	b := setupAPI(t)
	server := b.serveStreams()
	l := listen(t, server, "", sueKey)
	readers := func() int {
		b.server.feed.mu.Lock()
		defer b.server.feed.mu.Unlock()
		return b.server.feed.readers
	}
	require.Equal(t, 1, readers())
	require.NoError(t, l.response.Body.Close())
	require.Eventually(t, func() bool { return readers() == 0 }, 10*time.Second, time.Millisecond)
}

func TestStreamsOutliveTheServersOwnTimeouts(t *testing.T) {
	t.Parallel()
	b := setupAPI(t, func(c *Config) { c.Heartbeat = 30 * time.Millisecond })
	server := httptest.NewUnstartedServer(b.server)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(b.server.Close)
	l := listen(t, server, "", sueKey)
	for range 6 {
		require.Equal(t, ": still here", l.line())
	}
}
