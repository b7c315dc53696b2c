package people

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"

	"holdfast/simulator"
)

// fakeHoldfast is a small call control in memory, of the same HTTP face as Holdfast's: enough to be called by people, and easy
// to corrupt in a test that wants to see them notice.
type fakeHoldfast struct {
	t      *testing.T
	sim    *simulator.Simulator
	centre *Centre
	server *httptest.Server
	twilio *builder

	liesAboutHold bool // says that holds are verified, and does nothing
	neverEnds     bool // leaves every call as it is when its caller goes
	strandsPeople bool // does not end what an agent has left

	mu      sync.Mutex
	calls   map[string]*fakeCall
	entries []string // data of the live events; the ID is the index and one
	changed chan struct{}
	early   map[string]bool // calls that were over before they were known
	keys    int
}

type fakeCall struct {
	id, from, to          string
	agent                 string
	task, reservation, cf string
	legs                  []*fakeLeg
	gone, talked          bool // the customer; ever
	wasWrapping, complete bool
	state, outcome        string
}

type fakeLeg struct {
	sid, role   string
	held, muted bool
	joined      bool
	left        bool
}

func startFake(t *testing.T, sim *simulator.Simulator) *fakeHoldfast {
	t.Helper()
	f := &fakeHoldfast{
		t: t, sim: sim, calls: map[string]*fakeCall{}, early: map[string]bool{}, changed: make(chan struct{}),
		twilio: &builder{handler: sim, account: sim.AccountSID(), token: sim.AuthToken()},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /voice", f.voice)
	mux.HandleFunc("POST /wait", func(w http.ResponseWriter, _ *http.Request) {
		twiml(w, `<Response><Gather input="dtmf speech" numDigits="1" timeout="30" action="/keys"><Say>One moment.</Say></Gather></Response>`)
	})
	mux.HandleFunc("POST /keys", func(w http.ResponseWriter, _ *http.Request) {
		f.update(func() { f.keys++ })
		twiml(w, `<Response><Pause length="10"/></Response>`)
	})
	mux.HandleFunc("POST /status", f.status)
	mux.HandleFunc("POST /assignment", f.assignment)
	mux.HandleFunc("POST /events", f.events)
	mux.HandleFunc("POST /conference", f.conference)
	mux.HandleFunc("GET /v1/stream", f.stream)
	mux.HandleFunc("GET /v1/calls", f.list)
	mux.HandleFunc("GET /v1/calls/{call}", func(w http.ResponseWriter, r *http.Request) { f.show(w, r.PathValue("call"), http.StatusOK) })
	mux.HandleFunc("POST /v1/calls/{call}/legs/{leg}/{action}", f.leg)
	mux.HandleFunc("POST /v1/calls/{call}/end", f.end)
	mux.HandleFunc("POST /v1/calls/{call}/wrap-up/complete", f.wrapUp)
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

func (f *fakeHoldfast) urls() URLs {
	base := f.server.URL
	return URLs{
		Voice:        func(NumberScript) string { return base + "/voice" },
		NumberStatus: func(NumberScript) string { return base + "/status" },
		Assignment:   base + "/assignment", Events: base + "/events",
		EventsFilter: []string{"reservation.canceled", "reservation.timeout", "reservation.rejected", "reservation.failed", "task.wrapup", "task.completed", "task.canceled"},
	}
}

func twiml(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(w, text)
}

// update changes calls and sends what changed.
func (f *fakeHoldfast) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// settle gives the call its state and writes an entry of this kind.
func (f *fakeHoldfast) settle(c *fakeCall, kind, leg string) {
	in, away := 0, 0
	held := false
	var customer, agent *fakeLeg
	for _, l := range c.legs {
		if l.joined && !l.left {
			in++
		}
		if l.left {
			away++
		}
		held = held || (l.held && !l.left)
		if l.role == "customer" {
			customer = l
		} else {
			agent = l
		}
	}
	c.talked = c.talked || (in == 2 && customer != nil)
	switch {
	case c.state == "ended":
	case f.neverEnds && c.gone:
	case c.gone && away == len(c.legs) && (!c.talked || c.complete):
		c.state, c.outcome = "ended", "abandoned"
		if c.talked {
			c.outcome = "completed"
		}
	case c.gone && c.wasWrapping:
		c.state = "wrapping"
	case in == 2 && held:
		c.state = "held"
	case in == 2:
		c.state = "talking"
	case agent != nil && !c.talked:
		c.state = "connecting"
	case c.agent != "" && !c.talked:
		c.state = "reserved"
	case !c.talked:
		c.state = "queued"
	}
	data, err := json.Marshal(map[string]any{
		"call": c.id, "kind": kind, "state": c.state, "outcome": c.outcome, "agent_sids": []string{c.agent},
		"data": map[string]string{"call_sid": leg},
	})
	if err != nil {
		f.t.Error(err)
	}
	f.entries = append(f.entries, string(data))
}

func (f *fakeHoldfast) voice(w http.ResponseWriter, r *http.Request) {
	c := &fakeCall{id: r.FormValue("CallSid"), from: r.FormValue("From"), to: r.FormValue("To")}
	c.legs = []*fakeLeg{{sid: c.id, role: "customer"}}
	f.update(func() {
		f.calls[c.id] = c
		c.gone, c.legs[0].left = f.early[c.id], f.early[c.id]
		f.settle(c, "CallReceived", "")
	})
	twiml(w, `<Response><Enqueue workflowSid="`+f.centre.RoutingWorkflows["Inbound"]+`" waitUrl="/wait"><Task>{}</Task></Enqueue></Response>`)
}

func (f *fakeHoldfast) status(w http.ResponseWriter, r *http.Request) {
	f.update(func() {
		c := f.calls[r.FormValue("CallSid")]
		if c == nil {
			f.early[r.FormValue("CallSid")] = true
			return
		}
		c.gone, c.legs[0].left = true, true
		f.settle(c, "CallEnded", "")
	})
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeHoldfast) callOf(attributes string) *fakeCall {
	var a struct {
		CallSID string `json:"call_sid"`
	}
	if err := json.Unmarshal([]byte(attributes), &a); err != nil {
		f.t.Errorf("task attributes: %v", err)
	}
	return f.calls[a.CallSID]
}

func (f *fakeHoldfast) assignment(w http.ResponseWriter, r *http.Request) {
	var c *fakeCall
	f.update(func() {
		if c = f.callOf(r.FormValue("TaskAttributes")); c != nil {
			c.agent, c.task, c.reservation = r.FormValue("WorkerSid"), r.FormValue("TaskSid"), r.FormValue("ReservationSid")
			f.settle(c, "ReservationCreated", "")
		}
	})
	if c == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(w).Encode(map[string]any{
		"instruction": "conference", "timeout": 8, "from": c.to,
		"end_conference_on_exit": false, "end_conference_on_customer_exit": true,
		"conference_status_callback":       f.server.URL + "/conference?call=" + c.id,
		"conference_status_callback_event": "start,end,join,leave,mute,hold,modify",
	})
	if err != nil {
		f.t.Error(err)
	}
}

func (f *fakeHoldfast) events(w http.ResponseWriter, r *http.Request) {
	missed := ""
	f.update(func() {
		c := f.callOf(r.FormValue("TaskAttributes"))
		if c == nil {
			return
		}
		switch kind := r.FormValue("EventType"); kind {
		case "task.wrapup":
			c.wasWrapping = true
			f.settle(c, "TaskWrapping", "")
		case "task.completed", "task.canceled":
			c.complete = true
			f.settle(c, "TaskOver", "")
		default:
			if r.FormValue("ReservationSid") != c.reservation {
				return
			}
			if !c.gone && kind != "reservation.timeout" {
				missed = c.agent
			}
			c.agent = ""
			f.settle(c, "ReservationGone", "")
		}
	})
	if missed != "" {
		f.do(r.Context(), "taskrouter.twilio.com", http.MethodPost, "/v1/Workspaces/"+f.centre.WorkspaceSID+"/Workers/"+missed,
			url.Values{"ActivitySid": {f.centre.Availabilities["Not answering"]}})
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeHoldfast) conference(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("call")
	var alone *fakeCall
	f.update(func() {
		c := f.calls[id]
		c.cf = r.FormValue("ConferenceSid")
		sid := r.FormValue("CallSid")
		i := slices.IndexFunc(c.legs, func(l *fakeLeg) bool { return l.sid == sid })
		if i < 0 && sid != "" {
			c.legs = append(c.legs, &fakeLeg{sid: sid, role: "agent"})
			i = len(c.legs) - 1
		}
		switch r.FormValue("StatusCallbackEvent") {
		case "participant-join":
			c.legs[i].joined = true
			f.settle(c, "ParticipantJoined", sid)
		case "participant-leave":
			c.legs[i].left = true
			f.settle(c, "ParticipantLeft", sid)
			if sid != id && !c.gone && !f.strandsPeople {
				alone = c
			}
		case "participant-hold", "participant-unhold", "participant-mute", "participant-unmute":
			c.legs[i].held, c.legs[i].muted = r.FormValue("Hold") == "true", r.FormValue("Muted") == "true"
			f.settle(c, "ParticipantChanged", sid)
		case "conference-end":
			for _, l := range c.legs[1:] {
				l.left = true
			}
			f.settle(c, "ConferenceEnded", "")
		}
	})
	if alone != nil {
		f.endCall(r.Context(), alone)
	}
	w.WriteHeader(http.StatusNoContent)
}
