package twiml

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Enqueue puts the caller into a queue: one of TaskRouter's by WorkflowSID, which makes a task, or a plain one by Queue.
//
// https://www.twilio.com/docs/voice/twiml/enqueue
type Enqueue struct {
	Action        string  `xml:"action,attr,omitempty"`        // asked when the caller leaves the queue, with QueueResult
	Method        string  `xml:"method,attr,omitempty"`        // of Action; default POST
	MaxQueueSize  int     `xml:"maxQueueSize,attr,omitempty"`  // default 1000
	WaitURL       *string `xml:"waitUrl,attr"`                 // TwiML to wait to, asked again when it is over; nil: Twilio's music; "": silence
	WaitURLMethod string  `xml:"waitUrlMethod,attr,omitempty"` // default POST
	WorkflowSID   string  `xml:"workflowSid,attr,omitempty"`   // WW…, a TaskRouter Workflow
	Queue         string  `xml:",chardata"`                    // a plain queue's name
	Task          *Task   // only with WorkflowSID
}

// Task is the task that an [Enqueue] makes.
//
// https://www.twilio.com/docs/taskrouter/twiml-queue-calls
type Task struct {
	Priority       *int   `xml:"priority,attr"` // nil: 0
	TimeoutSeconds int    `xml:"timeout,attr,omitempty"`
	Attributes     string `xml:",chardata"` // a JSON object; Twilio adds call_sid, from, to and the like
}

// Leave takes the caller out of the queue; it is for a wait URL's TwiML.
//
// https://www.twilio.com/docs/voice/twiml/leave
type Leave struct{}

func (Enqueue) verb() {}
func (Leave) verb()   {}

func (Enqueue) element() string { return "Enqueue" }
func (Leave) element() string   { return "Leave" }

func (q Enqueue) check() error {
	if (q.WorkflowSID == "") == (q.Queue == "") {
		return errors.New("either a workflow or a queue must be named")
	}
	if err := notNegative(&q.MaxQueueSize, "maxQueueSize"); err != nil {
		return err
	}
	if q.Task == nil {
		return nil
	}
	if q.WorkflowSID == "" {
		return errors.New("a task needs a workflow")
	}
	if err := q.Task.check(); err != nil {
		return fmt.Errorf("<Task>: %w", err)
	}
	return nil
}

func (Leave) check() error { return nil }

func (t Task) check() error {
	if t.Attributes != "" {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(t.Attributes), &object); err != nil || object == nil {
			return errors.New("the attributes are not a JSON object")
		}
	}
	return errors.Join(notNegative(t.Priority, "priority"), notNegative(&t.TimeoutSeconds, "timeout"))
}
