package people

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (f *fakeHoldfast) stream(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	next, err := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	f.mu.Lock()
	if err != nil {
		next = len(f.entries)
	}
	f.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		_ = http.NewResponseController(w).Flush()
		f.mu.Lock()
		fresh, changed := f.entries[next:], f.changed
		f.mu.Unlock()
		for _, e := range fresh {
			next++
			if key == "supervisor" || strings.Contains(e, `"`+key+`"`) {
				_, _ = fmt.Fprintf(w, "id: %d\nevent: timeline\ndata: %s\n\n", next, e)
			}
		}
		if len(fresh) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (c *fakeCall) json() map[string]any {
	legs := []map[string]any{}
	for _, l := range c.legs {
		state := "ringing"
		if l.joined {
			state = "joined"
		}
		if l.left {
			state = "left"
		}
		legs = append(legs, map[string]any{"call_sid": l.sid, "role": l.role, "state": state, "hold": l.held, "muted": l.muted})
	}
	return map[string]any{
		"id": c.id, "state": c.state, "outcome": c.outcome, "from": c.from, "to": c.to, "legs": legs,
		"agent": map[string]string{"sid": c.agent},
	}
}

func (f *fakeHoldfast) show(w http.ResponseWriter, id string, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.calls[id]
	if c == nil {
		status = http.StatusNotFound
	}
	w.WriteHeader(status)
	if c != nil {
		_ = json.NewEncoder(w).Encode(c.json())
	}
}

func (f *fakeHoldfast) list(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := []any{}
	for _, c := range f.calls {
		if slices.Contains(r.URL.Query()["state"], c.state) && c.agent == r.URL.Query().Get("agent") {
			calls = append(calls, c.json())
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"calls": calls})
}

// leg holds, mutes, or takes out a leg, and answers when Twilio has confirmed it.
func (f *fakeHoldfast) leg(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	c := f.calls[r.PathValue("call")]
	var l *fakeLeg
	cf := ""
	if c != nil && c.state != "ended" && c.state != "wrapping" && len(c.legs) > 1 {
		if l = c.legs[0]; r.PathValue("leg") == "me" {
			l = c.legs[len(c.legs)-1]
		}
		cf = c.cf
	}
	f.mu.Unlock()
	if l == nil {
		f.show(w, r.PathValue("call"), http.StatusConflict)
		return
	}
	path := "/2010-04-01/Accounts/" + f.sim.AccountSID() + "/Conferences/" + cf + "/Participants/" + l.sid + ".json"
	action := r.PathValue("action")
	method, form := http.MethodPost, url.Values{}
	var done func() bool
	switch action {
	case "hold", "unhold":
		form.Set("Hold", strconv.FormatBool(action == "hold"))
		done = func() bool { return l.held == (action == "hold") }
		if f.liesAboutHold {
			f.update(func() { l.held = action == "hold" })
			f.show(w, c.id, http.StatusOK)
			return
		}
	case "mute", "unmute":
		form.Set("Muted", strconv.FormatBool(action == "mute"))
		done = func() bool { return l.muted == (action == "mute") }
	case "leave":
		method = http.MethodDelete
		done = func() bool { return l.left }
	}
	f.do(r.Context(), "api.twilio.com", method, path, form)
	f.answer(w, r, c, done)
}

// answer waits until what was asked for is confirmed: 200; or 202.
func (f *fakeHoldfast) answer(w http.ResponseWriter, r *http.Request, c *fakeCall, done func() bool) {
	late := time.After(2 * time.Second)
	for {
		f.mu.Lock()
		ok, changed := done(), f.changed
		f.mu.Unlock()
		if ok {
			f.show(w, c.id, http.StatusOK)
			return
		}
		select {
		case <-changed:
		case <-late:
			f.show(w, c.id, http.StatusAccepted)
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (f *fakeHoldfast) end(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	c := f.calls[r.PathValue("call")]
	f.mu.Unlock()
	f.endCall(r.Context(), c)
	f.answer(w, r, c, func() bool {
		return !slices.ContainsFunc(c.legs, func(l *fakeLeg) bool { return !l.left })
	})
}

func (f *fakeHoldfast) endCall(ctx context.Context, c *fakeCall) {
	f.do(ctx, "api.twilio.com", http.MethodPost, "/2010-04-01/Accounts/"+f.sim.AccountSID()+"/Calls/"+c.id+".json", url.Values{"Status": {"completed"}})
}

func (f *fakeHoldfast) wrapUp(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	c := f.calls[r.PathValue("call")]
	wrapping, task := c != nil && c.state == "wrapping", ""
	if wrapping {
		task = c.task
	}
	f.mu.Unlock()
	if !wrapping {
		f.show(w, r.PathValue("call"), http.StatusConflict)
		return
	}
	f.do(r.Context(), "taskrouter.twilio.com", http.MethodPost, "/v1/Workspaces/"+f.centre.WorkspaceSID+"/Tasks/"+task,
		url.Values{"AssignmentStatus": {"completed"}, "Reason": {"wrapped up"}})
	f.answer(w, r, c, func() bool { return c.state == "ended" })
}

// do asks Twilio; that something is gone or over by now is not this fake's problem.
func (f *fakeHoldfast) do(ctx context.Context, host, method, path string, form url.Values) {
	want := http.StatusOK
	if method == http.MethodDelete {
		want = http.StatusNoContent
	}
	if err := f.twilio.request(ctx, method, host, path, form, want, nil); err != nil {
		f.t.Logf("twilio: %v", err)
	}
}
