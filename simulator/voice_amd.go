package simulator

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Who answered an outbound call, as Twilio's answering-machine detection says it (https://www.twilio.com/docs/voice/answering-machine-detection).
const (
	answeredByHuman          = "human"
	answeredByFax            = "fax"
	answeredByUnknown        = "unknown"
	answeredByMachineStart   = "machine_start"
	answeredByMachineBeep    = "machine_end_beep"
	answeredByMachineSilence = "machine_end_silence"
	answeredByMachineOther   = "machine_end_other"
)

// A detection says how to find out who answered.
type detection struct {
	messageEnd bool // DetectMessageEnd: with a machine, wait until its greeting is over
	// Seconds.
	timeout, speech, speechEnd, silence float64

	async               bool
	callback, callbackM string
}

// detection reads the parameters; nil when nothing is to be detected.
func (q *request) detection() (*detection, *apiError) {
	mode, bad := q.oneOf("MachineDetection", "", "Enable", "DetectMessageEnd")
	if bad != nil || mode == "" {
		return nil, bad
	}
	d := &detection{messageEnd: mode == "DetectMessageEnd", callback: q.str("AsyncAmdStatusCallback")}
	for _, p := range []struct {
		name           string
		def, low, high int
		unit           float64
		into           *float64
	}{
		{"MachineDetectionTimeout", 30, 3, 59, 1, &d.timeout},
		{"MachineDetectionSpeechThreshold", 2400, 1000, 6000, 1000, &d.speech},
		{"MachineDetectionSpeechEndThreshold", 1200, 500, 5000, 1000, &d.speechEnd},
		{"MachineDetectionSilenceTimeout", 5000, 2000, 10000, 1000, &d.silence},
	} {
		n, bad := q.integer(p.name, p.def, p.low, p.high)
		if bad != nil {
			return nil, bad
		}
		*p.into = float64(n) / p.unit
	}
	if bad := checkURL("AsyncAmdStatusCallback", d.callback); bad != nil {
		return nil, bad
	}
	if d.callbackM, bad = q.method("AsyncAmdStatusCallbackMethod", http.MethodPost); bad != nil {
		return nil, bad
	}
	d.async, bad = q.boolean("AsyncAmd", false)
	return d, bad
}

// A detector listens to whoever answered. It judges by what it hears, as Twilio does: who says a word or two and then waits is a person, who
// talks on is a machine.
type detector struct {
	changed  chan struct{} // holds one
	speaking bool
	began    time.Time // the first sound; zero: none yet
	ceased   time.Time // the last end of speech
	words    int
	tone     string
}

func (d *detector) beginLocked() {
	d.speaking = true
	if d.began.IsZero() {
		d.began = time.Now()
	}
	d.wake()
}

func (d *detector) wordLocked(word string) {
	if isTone(word) {
		d.tone = word
	} else {
		d.words++
	}
	d.wake()
}

func (d *detector) ceaseLocked() {
	d.speaking, d.ceased = false, time.Now()
	d.wake()
}

func (d *detector) wake() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// detect listens to a call that was just answered, and answers what it takes it for; "" when ctx ended before.
func (s *Simulator) detect(ctx context.Context, c *voiceCall, rules *detection) string {
	d := &detector{changed: make(chan struct{}, 1)}
	s.mu.Lock()
	c.detector = d
	if c.line.speakingLocked() {
		d.beginLocked()
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.detector = nil
	}()
	begun, machine := time.Now(), false
	for {
		s.mu.Lock()
		found, at := s.judgeLocked(d, rules, begun, &machine)
		s.mu.Unlock()
		if found != "" {
			return found
		}
		t := time.NewTimer(time.Until(at))
		select {
		case <-d.changed:
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ""
		}
		t.Stop()
	}
}

// judgeLocked says what was found, or when to look again.
func (s *Simulator) judgeLocked(d *detector, rules *detection, begun time.Time, machine *bool) (found string, at time.Time) {
	due := func(from time.Time, seconds float64) bool {
		moment := from.Add(s.seconds(seconds))
		if at.IsZero() || moment.Before(at) {
			at = moment
		}
		return !time.Now().Before(moment)
	}
	if d.tone == FaxTone {
		return answeredByFax, at
	}
	if !*machine && (d.tone == Beep || float64(d.words)/wordsASecond >= rules.speech) {
		*machine = true
	}
	switch {
	case *machine && !rules.messageEnd:
		return answeredByMachineStart, at
	case d.tone == Beep:
		return answeredByMachineBeep, at
	case *machine && !d.speaking && due(d.ceased, rules.speechEnd):
		return answeredByMachineSilence, at
	case !*machine && d.began.IsZero() && due(begun, rules.silence):
		return answeredByUnknown, at
	case !*machine && !d.began.IsZero() && !d.speaking && due(d.ceased, rules.speechEnd):
		return answeredByHuman, at
	case due(begun, rules.timeout):
		if *machine {
			return answeredByMachineOther, at
		}
		return answeredByUnknown, at
	}
	return "", at
}

// whoAnswered detects before the call's TwiML is asked for, or, if it may, beside it.
func (s *Simulator) whoAnswered(ctx context.Context, c *voiceCall, rules *detection) {
	note := func(found string) {
		if found != "" {
			c.answeredBy = found
		}
	}
	if !rules.async {
		found := s.detect(ctx, c, rules)
		s.mu.Lock()
		defer s.mu.Unlock()
		note(found)
		return
	}
	s.goroutine(func() {
		begun := time.Now()
		found := s.detect(c.ctx, c, rules)
		s.mu.Lock()
		defer s.mu.Unlock()
		note(found)
		if found == "" || s.closing() {
			return
		}
		params := s.callParams(c)
		params.Set("MachineDetectionDuration", strconv.Itoa(int(1000*s.elapsed(begun))))
		s.sendLocked(hook{Method: rules.callbackM, URL: rules.callback, Params: params, Kind: kindDetection, Subject: c.sid, Account: c.account})
	})
}

// kindDetection is what the callbacks of asynchronous detection count as in Stats.
const kindDetection = "amd"
