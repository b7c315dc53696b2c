package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// codecBody is how many bytes may be asked to be decrypted at once: a page of a history.
const codecBody = 16 << 20

// mountCodec serves a codec by Temporal's protocol (https://docs.temporal.io/codec-server), for the engine's command line and for tools:
// they can send a key. Who may decrypt reads everything, so it takes an administrator's. No page of a browser is let in: the
// engine's web UI has an endpoint of its own, on loopback.
func (s *Server) mountCodec(codec http.Handler) {
	answer := func(c echo.Context) error {
		key, err := s.cfg.Keys.authenticate(c.Request())
		if err != nil {
			return err
		}
		if key.Role != RoleAdmin {
			return problem(http.StatusForbidden, codeForbidden, "decrypting what calls keep in the engine takes the key of an administrator")
		}
		r := c.Request().WithContext(withKey(c.Request().Context(), key))
		c.SetRequest(r)
		r.Body = http.MaxBytesReader(c.Response(), r.Body, codecBody)
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		codec.ServeHTTP(c.Response(), r)
		return nil
	}
	s.echo.POST("/codec/encode", answer)
	s.echo.POST("/codec/decode", answer)
}
