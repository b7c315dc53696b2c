package contract

import (
	"fmt"
	"net/url"
	"slices"
	"time"
)

// format checks a string against the formats of Twilio's documents that say something definite. The others pass.
func format(name, value string) error {
	switch name {
	case "date-time":
		if _, err := time.Parse(time.RFC3339, value); err != nil {
			return fmt.Errorf("%q is not a date as ISO 8601 writes it", value)
		}
	case "date-time-rfc-2822":
		if _, err := time.Parse(time.RFC1123Z, value); err != nil {
			return fmt.Errorf("%q is not a date as RFC 2822 writes it", value)
		}
	case "uri":
		if _, err := url.Parse(value); err != nil {
			return fmt.Errorf("%q is no address", value)
		}
	case "http-method":
		if !slices.Contains([]string{"HEAD", "GET", "POST", "PATCH", "PUT", "DELETE"}, value) {
			return fmt.Errorf("%q is no method of HTTP", value)
		}
	}
	return nil
}
