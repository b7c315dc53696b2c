package workflows

import "time"

// Skew sets the client's clock off by so much.
func (c *Client) Skew(by time.Duration) {
	c.now = func() time.Time { return time.Now().Add(by) }
}

// Mistake has the client believe that the engine's clock is off by so much.
func (c *Client) Mistake(by time.Duration) {
	now := c.now()
	c.engineTime.learn(now.Add(by), now)
}
