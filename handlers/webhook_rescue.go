package handlers

import (
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"holdfast/twiml"
)

// DefaultRescueAnnouncement is what a customer hears whose agent is gone without a word.
const DefaultRescueAnnouncement = "We have lost the connection to your agent. Please stay on the line: somebody will be with you in a moment."

// RescueWait is the address of what a customer hears whose agent is gone without a word, for whoever puts him on hold.
func RescueWait(public *url.URL) string {
	return strings.TrimSuffix(public.String(), "/") + PathRescueWait // music is fetched without overrides
}

// rescueWait answers what a customer hears who is on hold because his agent is gone: what happened, then music. It decides nothing, and is not kept.
func (w *Webhooks) rescueWait(c echo.Context, _ *webhookRequest) error {
	w.count(c.Request().Context(), "rescue-wait", "answered")
	return answerTwiML(c, twiml.Response{twiml.Say{Text: w.cfg.RescueAnnouncement}, twiml.Play{URL: w.cfg.QueueMusicURL, Loop: new(0)}})
}
