package simulator

import (
	"fmt"
	"net/http"
)

// An apiError is a refused REST request in Twilio's shape. The more_info address is made from the code.
type apiError struct {
	Status  int
	Code    int
	Message string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("status %d, code %d: %s", e.Status, e.Code, e.Message)
}

// MarshalJSON renders the body that Twilio sends.
func (e *apiError) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"code":%d,"message":%s,"more_info":"https://www.twilio.com/docs/errors/%d","status":%d}`,
		e.Code, jsonString(e.Message), e.Code, e.Status), nil
}

var (
	errAuthenticate = &apiError{http.StatusUnauthorized, 20003, "Authenticate"}
	errMethod       = &apiError{http.StatusMethodNotAllowed, 20004, "Method not allowed"}
	// Twilio documents the status alone; the code is a guess.
	errPrecondition = &apiError{http.StatusPreconditionFailed, 20412, "The resource was changed: the If-Match version is not the current one"}
)

// errNotFound is what a resource that does not exist, or not any more, answers; path as requested.
func errNotFound(path string) *apiError {
	return &apiError{http.StatusNotFound, 20404, "The requested resource " + path + " was not found"}
}

// gone is errNotFound for the request at hand.
func (q *request) gone() (int, any) { return fail(errNotFound(q.URL.Path)) }

// errInvalid is Twilio's general refusal of parameters and of illegal states.
func errInvalid(format string, args ...any) *apiError {
	return errCode(20001, format, args...)
}

// errCode is a refusal (HTTP 400) with a code of its own.
func errCode(code int, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// errMissing names a required parameter that was not sent.
func errMissing(name string) *apiError {
	return errInvalid("Missing required parameter %s in the post body", name)
}
