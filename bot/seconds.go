package bot

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Seconds is a duration that JSON has as a number of seconds, whole or not: 5, 1.5.
type Seconds time.Duration

// longest keeps what is read from overflowing.
const longest = 366 * 24 * time.Hour

// Duration is s as the standard library has it.
func (s Seconds) Duration() time.Duration { return time.Duration(s) }

// MarshalJSON writes s as a number of seconds, with milliseconds at the finest.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Round(time.Millisecond).Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON reads a number of seconds. A year is the longest.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var n float64
	if json.Unmarshal(b, &n) != nil || math.Abs(n) > longest.Seconds() {
		return fmt.Errorf("want a number of seconds, not %.40s", b)
	}
	*s = Seconds(math.Round(n*1000)) * Seconds(time.Millisecond)
	return nil
}
