package people

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Range is a duration that varies: seconds of simulated time, both ends included. In YAML it is a number or "5-20".
type Range struct {
	Min, Max float64
}

// ParseRange reads "5", "0.5" or "5-20".
func ParseRange(s string) (Range, error) {
	low, high, isRange := strings.Cut(strings.TrimSpace(s), "-")
	if !isRange {
		high = low
	}
	least, err := parseSeconds(low)
	if err != nil {
		return Range{}, fmt.Errorf("range %q: %w", s, err)
	}
	most, err := parseSeconds(high)
	if err != nil {
		return Range{}, fmt.Errorf("range %q: %w", s, err)
	}
	if most < least {
		return Range{}, fmt.Errorf("range %q ends before it begins", s)
	}
	return Range{Min: least, Max: most}, nil
}

// longest keeps a slip of the keyboard from becoming a call that never ends.
const longest = 24 * 60 * 60

func parseSeconds(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return 0, fmt.Errorf("want seconds (5) or a range of them (5-20)")
	}
	if !(n >= 0 && n <= longest) { // so NaN is refused too
		return 0, fmt.Errorf("seconds must be from 0 to %d", longest)
	}
	return n, nil
}

// String is the form that ParseRange reads.
func (r Range) String() string {
	least := strconv.FormatFloat(r.Min, 'f', -1, 64)
	if r.Min == r.Max {
		return least
	}
	return least + "-" + strconv.FormatFloat(r.Max, 'f', -1, 64)
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (r *Range) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: want seconds (5) or a range of them (5-20)", node.Line)
	}
	parsed, err := ParseRange(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	*r = parsed
	return nil
}

// MarshalYAML implements yaml.Marshaler.
func (r Range) MarshalYAML() (any, error) { return r.String(), nil }

// draw is one value of the range.
func (r Range) draw(rng *rand.Rand) float64 { return r.Min + rng.Float64()*(r.Max-r.Min) }

// or is the range, or the default when it was left out.
func (r Range) or(least, most float64) Range {
	if r == (Range{}) {
		return Range{Min: least, Max: most}
	}
	return r
}
