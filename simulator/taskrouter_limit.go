package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"holdfast/simulator/expression"
)

// evaluatedPerSecond is how many lists filtered by an expression Twilio answers in a second of real time; the rest get 429. The parameters
// are EvaluateTaskAttributes and TargetWorkersExpression (https://www.twilio.com/docs/taskrouter/limits).
const evaluatedPerSecond = 3

var errTooMany = &apiError{http.StatusTooManyRequests, 20429, "Too many requests"}

// conditionLocked reads a list's filter by expression, nil when there is none, and counts it. Twilio's documents name the two headers of the
// answer, without their values; there is no Retry-After.
func (s *Simulator) conditionLocked(q *request, name string) (*expression.Expression, *apiError) {
	text := q.str(name)
	if text == "" {
		return nil, nil
	}
	now := time.Now()
	s.tr.evaluated = slices.DeleteFunc(s.tr.evaluated, func(t time.Time) bool { return now.Sub(t) >= time.Second })
	q.setHeader("X-Rate-Limit-Limit", strconv.Itoa(evaluatedPerSecond))
	q.setHeader("X-Rate-Limit-Remaining", strconv.Itoa(max(0, evaluatedPerSecond-len(s.tr.evaluated)-1)))
	if len(s.tr.evaluated) >= evaluatedPerSecond {
		return nil, errTooMany
	}
	s.tr.evaluated = append(s.tr.evaluated, now)
	parsed, err := expression.Parse(text)
	if err != nil {
		return nil, errInvalid("%s: %v", name, err)
	}
	return parsed, nil
}
