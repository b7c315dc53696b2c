package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/bot"
	"holdfast/store"
)

// benchSessions talk at once, each a turn a second, which is quicker than people do: they speak, and listen, for some seconds each.
const (
	benchSessions = 100
	benchPace     = time.Second
	benchPartials = 3 // a turn, in the second before its end
)

// BenchmarkTurn is our share of a turn: from Twilio's final text, over a socket, with its signature, to the last byte of our TwiML, with a brain that needs no
// time and the store on the disk. It aims at a p50 of 10 ms and a p99 of 50 ms on 2 cores. Turns are told apart by whether partial results had them prepared.
func BenchmarkTurn(b *testing.B) {
	for name, partials := range map[string]int{"with partial results": benchPartials, "final text alone": 0} {
		b.Run(name, func(b *testing.B) {
			s := setupBot(b, func(_ *bot.Settings, _ *store.ConnectionRow, cfg *WebhookConfig) {
				cfg.Clock, cfg.Logger = time.Now, quiet()
			})
			line := newBenchLine(b, s)
			callers := make([]*benchCaller, benchSessions)
			for i := range callers {
				callers[i] = line.dials(b, i)
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			took := make([][]time.Duration, benchSessions)
			b.ReportAllocs()
			b.ResetTimer()
			busy := processorTime(b)
			var all sync.WaitGroup
			for i, c := range callers {
				all.Go(func() {
					pace := time.NewTimer(time.Duration(i) * benchPace / benchSessions) // one after the other, not all at once
					defer pace.Stop()
					for turn := 0; left.Add(-1) >= 0; turn++ {
						<-pace.C
						pace.Reset(benchPace)
						text := fmt.Sprintf("I ask for parcel number %d of %d", turn, i)
						for p := range partials {
							c.begins(b, text[:len(text)*(p+1)/partials], p)
						}
						took[i] = append(took[i], c.says(b, text))
					}
				})
			}
			all.Wait()
			b.StopTimer()
			busy = processorTime(b) - busy
			sorted := slices.Concat(took...)
			slices.Sort(sorted)
			ms := func(share float64) float64 {
				return float64(sorted[int(float64(len(sorted)-1)*share)].Microseconds()) / 1000
			}
			b.ReportMetric(ms(0.5), "p50-ms")
			b.ReportMetric(ms(0.99), "p99-ms")
			b.ReportMetric(ms(1), "worst-ms")
			b.ReportMetric(float64(busy.Microseconds())/1000/float64(b.N), "cpu-ms/turn") // Twilio's side included, and its partial results
		})
	}
}

// BenchmarkSessionMemory is what a process keeps of a conversation of ten turns in memory.
func BenchmarkSessionMemory(b *testing.B) {
	const sessions, turns = 200, 10
	for b.Loop() {
		s := setupBot(b, func(_ *bot.Settings, _ *store.ConnectionRow, cfg *WebhookConfig) {
			cfg.Clock, cfg.Logger = time.Now, quiet()
		})
		line := newBenchLine(b, s)
		talk := func(from, to int) {
			for i := from; i < to; i++ {
				c := line.dials(b, i)
				for turn := range turns {
					text := fmt.Sprintf("I ask for parcel number %d of %d, which should have come a week ago", turn, i)
					c.begins(b, text, 0)
					c.says(b, text)
				}
			}
		}
		talk(0, 50) // what any first conversation makes grow
		before := heap()
		talk(50, 50+sessions)
		b.ReportMetric(float64(heap()-before)/sessions, "B/session")
		runtime.KeepAlive(line)
	}
}

// processorTime is what the process has used of the processors, which other programs on the machine do not change.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one only marked to be finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// benchLine is Twilio's side, over sockets that stay open.
type benchLine struct {
	stage  *botStage
	server *httptest.Server
	client *http.Client
}

func newBenchLine(b *testing.B, s *botStage) *benchLine {
	b.Helper()
	l := &benchLine{stage: s, server: httptest.NewServer(s.echo)}
	b.Cleanup(l.server.Close)
	transport := &http.Transport{
		MaxIdleConnsPerHost: 2 * benchSessions, DialContext: (&net.Dialer{}).DialContext,
	}
	b.Cleanup(transport.CloseIdleConnections)
	l.client = &http.Client{Transport: transport}
	return l
}

// benchCaller is one conversation.
type benchCaller struct {
	line     *benchLine
	sid      string
	session  string
	turn     int
	lastSaid string
}

func (l *benchLine) dials(b *testing.B, i int) *benchCaller {
	b.Helper()
	c := &benchCaller{line: l, sid: fmt.Sprintf("CA%032d", i+1)}
	body, _ := c.asks(b, PathBotVoice+"?connection="+l.stage.connection.ID, url.Values{})
	_, rest, _ := strings.Cut(body, "session=")
	c.session, _, _ = strings.Cut(rest, "&")
	c.turn = 1
	require.NotEmpty(b, c.session)
	return c
}

func (c *benchCaller) says(b *testing.B, text string) time.Duration {
	body, took := c.asks(b, PathBotTurn+"?session="+c.session+"&turn="+strconv.Itoa(c.turn), url.Values{"SpeechResult": {text}, "Confidence": {"0.9"}})
	if !strings.Contains(body, text) {
		b.Errorf("%s is no answer to %q", body, text)
	}
	c.turn++
	return took
}

func (c *benchCaller) begins(b *testing.B, text string, sequence int) {
	c.asks(b, PathBotPartial+"?session="+c.session+"&turn="+strconv.Itoa(c.turn), url.Values{
		"UnstableSpeechResult": {text}, "SequenceNumber": {strconv.Itoa(sequence)},
	})
}

// asks is a signed request, and how long its answer took.
func (c *benchCaller) asks(b *testing.B, target string, form url.Values) (string, time.Duration) {
	form.Set("CallSid", c.sid)
	form.Set("AccountSid", testAccount)
	form.Set("From", "+15550001111")
	form.Set("To", botNumber)
	form.Set("CallStatus", "in-progress")
	form.Set("Direction", "inbound")
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.line.server.URL+target, strings.NewReader(form.Encode())) //nolint:usetesting // the benchmark's own ends before its callers do
	if err != nil {
		b.Error(err)
		return "", 0
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(signatureHeader, signatureOf(testToken, "https://calls.example.com"+target, form))
	began := time.Now()
	answer, err := c.line.client.Do(r)
	if err != nil {
		b.Error(err)
		return "", 0
	}
	body, err := io.ReadAll(answer.Body)
	took := time.Since(began)
	if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode >= http.StatusBadRequest {
		b.Errorf("%s: %s %s %v", target, answer.Status, body, err)
	}
	return string(body), took
}
