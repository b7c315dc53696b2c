package people

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Entrances: how a call comes in, other than by the application's own voice URL and assignment.
const (
	entranceStudio = "studio"
	entranceFlex   = "flex"
	entrancePair   = "pair"
	// An agent hears who calls before he meets him; one agent alone serves what this number leads to.
	entranceAnnounce = "announce"
	entranceSolo     = "solo"
	// Supervisors dial it to listen; no caller does.
	entranceSupervise = "supervise"
	// A bot answers.
	entranceBot      = "bot"
	entranceBotTime  = "bot-time"
	entranceBotSlow  = "bot-slow"
	entranceBotCap   = "bot-cap"
	entranceBotModel = "bot-model"
)

// MusicPath is where [ForeignVoice] has music for holds.
const MusicPath = "/music"

// SlowPath is where [ForeignVoice] knows what is in stock, and takes its time: as long as the query's "for" says, 10 s at most.
const SlowPath = "/slow"

func slow(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil {
		http.Error(w, "no time", http.StatusBadRequest)
		return
	}
	sleep(r.Context(), min(d, 10*time.Second))
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"pieces":12}`)) // who does not wait reads nothing
}

// ForeignVoice is somebody else's voice URL, such as a Studio flow's: it enqueues every caller to the routing workflow that its query names
// ("?workflow=WW…"), with attributes of its own and none of the application's, and knows nothing of the application.
func ForeignVoice() http.Handler {
	type task struct {
		Attributes string `xml:",chardata"`
	}
	type enqueue struct {
		Workflow string `xml:"workflowSid,attr"`
		Task     task   `xml:"Task"`
	}
	type response struct {
		XMLName xml.Name `xml:"Response"`
		Enqueue enqueue  `xml:"Enqueue"`
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == SlowPath {
			slow(w, r)
			return
		}
		if r.URL.Path == ModelPath+"/chat/completions" {
			model(w, r)
			return
		}
		if r.URL.Path == MusicPath {
			w.Header().Set("Content-Type", "audio/mpeg")
			_, _ = w.Write([]byte("no simulated line carries sound")) // who hung up hears nothing
			return
		}
		workflow := r.URL.Query().Get("workflow")
		if workflow == "" {
			http.Error(w, "no workflow", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		_ = xml.NewEncoder(w).Encode(response{Enqueue: enqueue{workflow, task{`{"channel":"studio"}`}}}) // a caller who is gone reads nothing
	})
}

// An offer is a call offered to an agent whose desktop is to accept it.
type offer struct{ call, reservation string }

// answerOffer presses accept or reject on the desktop, or has Flex accept in its own way: by an instruction that tells the application nothing.
func (a *agent) answerOffer(ctx context.Context, o offer) {
	c := a.r.called(o.call)
	if c == nil {
		c = a.r.stranger("somebody")
	}
	if !a.r.pause(ctx, nil, c.answerAfter/2) {
		return
	}
	switch {
	case c.declines():
		a.r.tell(AgentRejects, a.entry.Name, o.call, "rejects the offer on the desktop")
		a.decide(ctx, o, "reject")
	case c.ownInstruction:
		form := url.Values{
			"Instruction": {"conference"}, "From": {c.number.Number}, "EndConferenceOnExit": {"true"}, "EndConferenceOnCustomerExit": {"true"},
			"Timeout": {"20"},
		}
		path := "/v1/Workspaces/" + a.r.centre.WorkspaceSID + "/Workers/" + a.sid + "/Reservations/" + o.reservation
		// It may be gone by now, as its caller may: what Twilio says of it is nothing to the agent.
		_ = a.r.twilio(ctx, path, form)
	default:
		a.decide(ctx, o, "accept")
	}
}

// decide asks Holdfast for it. A 409 says that the offer is gone, or that the phone rang in vain. So does a 403 where things go wrong: an offer that
// has run out, or of which no event came yet, makes the call nobody's of this agent. Other refusals are wrong.
func (a *agent) decide(ctx context.Context, o offer, what string) {
	got := a.api.act(ctx, "/v1/calls/"+o.call+"/reservations/me/"+what, a.nextKey(o.call, what))
	if ctx.Err() != nil || got.status == 0 {
		return
	}
	switch {
	case got.status == http.StatusOK, got.status == http.StatusAccepted, got.status == http.StatusConflict,
		got.status == http.StatusForbidden && a.r.cfg.Faulty:
		a.r.book.action(what, got)
	default:
		a.r.violation(o.call, "%s cannot %s an offer: %s", a.entry.Name, what, got)
	}
}

// cancelTask is an administrator who cancels a waiting caller's task, as soon as Holdfast shows it: it may be catching up.
func (r *run) cancelTask(ctx context.Context, id string) {
	var got answer
	var err error
	for late := time.Now().Add(r.limits.end / 2); ; {
		if got, err = r.reader.call(ctx, id); err == nil && got.call.TaskSID == "" {
			err = fmt.Errorf("no task: %s", got)
		}
		if err == nil || time.Now().After(late) || !sleep(ctx, 100*time.Millisecond) {
			break
		}
	}
	if err == nil {
		path := "/v1/Workspaces/" + r.centre.WorkspaceSID + "/Tasks/" + got.call.TaskSID
		err = r.twilio(ctx, path, url.Values{"AssignmentStatus": {"canceled"}, "Reason": {"closing time"}})
	}
	if err != nil && ctx.Err() == nil {
		r.violation(id, "the task cannot be canceled: %v", err)
	}
}

// twilio posts to TaskRouter.
func (r *run) twilio(ctx context.Context, path string, form url.Values) error {
	b := &builder{handler: r.sim, account: r.sim.AccountSID(), token: r.sim.AuthToken()}
	return b.taskRouter(ctx, http.MethodPost, path, form, http.StatusOK, nil)
}
