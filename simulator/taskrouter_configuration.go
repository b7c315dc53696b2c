package simulator

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"holdfast/simulator/expression"
)

// maxConfiguration is the largest configuration of a routing workflow, in bytes, as Twilio prints it.
const maxConfiguration = 1038576

// A routingConfig is a routing workflow's configuration, ready to use
// (https://www.twilio.com/docs/taskrouter/workflow-configuration).
type routingConfig struct {
	filters       []*routingFilter
	defaultFilter *routingFilter // of one target; nil for none
}

type routingFilter struct {
	name       string
	expression *expression.Expression
	targets    []*routingTarget
}

type routingTarget struct {
	queue      *taskQueue // nil keeps the one before
	expression *expression.Expression
	priority   *int
	timeout    *int // seconds; nil: for as long as it takes
	orderBy    expression.Order
	skipIf     *expression.Expression
	// Names of task attributes that tell the agent's SID or name.
	knownSID, knownName string
}

// The configuration as it is written. Numbers come as numbers and as strings.
type configDocument struct {
	TaskRouting *struct {
		Filters       []configFilter `json:"filters"`
		DefaultFilter *configTarget  `json:"default_filter"`
	} `json:"task_routing"`
}

type configFilter struct {
	Name       string         `json:"filter_friendly_name"`
	OldName    string         `json:"friendly_name"`
	Expression string         `json:"expression"`
	Targets    []configTarget `json:"targets"`
}

type configTarget struct {
	Queue      string          `json:"queue"`
	Expression string          `json:"expression"`
	Priority   json.RawMessage `json:"priority"`
	Timeout    json.RawMessage `json:"timeout"`
	OrderBy    string          `json:"order_by"`
	SkipIf     string          `json:"skip_if"`
	KnownSID   string          `json:"known_worker_sid"`
	KnownName  string          `json:"known_worker_friendly_name"`
}

// parseConfiguration reads and checks a configuration; queues must exist in the workspace, expressions must be well formed.
func (ws *workspace) parseConfiguration(text string) (*routingConfig, *apiError) {
	if len(text) > maxConfiguration {
		return nil, errInvalid("Configuration is larger than %d bytes", maxConfiguration)
	}
	var doc configDocument
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&doc); err != nil {
		return nil, errInvalid("Configuration is not valid: %v", err)
	}
	if doc.TaskRouting == nil {
		return nil, errInvalid("Configuration lacks task_routing")
	}
	out := &routingConfig{}
	for i, f := range doc.TaskRouting.Filters {
		filter, bad := ws.parseFilter(f)
		if bad != nil {
			return nil, errInvalid("Configuration, filter %d: %s", i+1, bad.Message)
		}
		out.filters = append(out.filters, filter)
	}
	if d := doc.TaskRouting.DefaultFilter; d != nil {
		target, bad := ws.parseTarget(*d)
		if bad != nil {
			return nil, errInvalid("Configuration, default_filter: %s", bad.Message)
		}
		if target.queue == nil {
			return nil, errInvalid("Configuration, default_filter: it has no queue")
		}
		out.defaultFilter = &routingFilter{name: "default_filter", targets: []*routingTarget{target}}
	}
	if len(out.filters) == 0 && out.defaultFilter == nil {
		return nil, errInvalid("Configuration has neither filters nor default_filter")
	}
	return out, nil
}

func (ws *workspace) parseFilter(f configFilter) (*routingFilter, *apiError) {
	out := &routingFilter{name: f.Name}
	if out.name == "" {
		out.name = f.OldName
	}
	var err error
	if out.expression, err = expression.Parse(f.Expression); err != nil {
		return nil, errInvalid("%v", err)
	}
	if len(f.Targets) == 0 {
		return nil, errInvalid("it has no targets")
	}
	for i, t := range f.Targets {
		target, bad := ws.parseTarget(t)
		if bad != nil {
			return nil, errInvalid("target %d: %s", i+1, bad.Message)
		}
		if i == 0 && target.queue == nil {
			return nil, errInvalid("the first target has no queue")
		}
		out.targets = append(out.targets, target)
	}
	return out, nil
}

func (ws *workspace) parseTarget(t configTarget) (*routingTarget, *apiError) {
	out := &routingTarget{knownSID: t.KnownSID, knownName: t.KnownName}
	if t.Queue != "" {
		queue, ok := ws.queues.get(t.Queue)
		if !ok {
			return nil, errInvalid("queue %q does not exist", t.Queue)
		}
		out.queue = queue
	}
	var err error
	if t.Expression != "" {
		if out.expression, err = expression.Parse(t.Expression); err != nil {
			return nil, errInvalid("%v", err)
		}
	}
	if t.SkipIf != "" {
		if out.skipIf, err = expression.Parse(t.SkipIf); err != nil {
			return nil, errInvalid("skip_if: %v", err)
		}
	}
	if t.OrderBy != "" {
		if out.orderBy, err = expression.ParseOrder(t.OrderBy); err != nil {
			return nil, errInvalid("order_by: %v", err)
		}
	}
	var bad *apiError
	if out.priority, bad = looseInteger("priority", t.Priority); bad != nil {
		return nil, bad
	}
	out.timeout, bad = looseInteger("timeout", t.Timeout)
	return out, bad
}

// looseInteger reads 10 and "10"; nil for nothing, null and "".
func looseInteger(name string, raw json.RawMessage) (*int, *apiError) {
	text := strings.TrimSpace(strings.Trim(string(raw), `"`))
	if text == "" || text == "null" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, errInvalid("%s is not a whole number: %s", name, text)
	}
	return &n, nil
}

// uses reports whether any target names the queue.
func (c *routingConfig) uses(queue *taskQueue) bool {
	filters := c.filters
	if c.defaultFilter != nil {
		filters = append(slices.Clip(filters), c.defaultFilter)
	}
	for _, f := range filters {
		for _, t := range f.targets {
			if t.queue == queue {
				return true
			}
		}
	}
	return false
}
