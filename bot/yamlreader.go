package bot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader reads YAML node by node, so that each fault can be told with its line. Aliases are not followed: a few lines of them can stand for
// more than a machine holds.
type reader struct{ faults []scriptFault }

// scriptFault is what is wrong in a line of a script.
type scriptFault struct {
	line   int
	detail string
}

func (f scriptFault) String() string {
	if f.line == 0 {
		return f.detail
	}
	return fmt.Sprintf("line %d: %s", f.line, f.detail)
}

func (r *reader) wrong(line int, format string, args ...any) {
	if len(r.faults) < 50 { // enough to begin with
		r.faults = append(r.faults, scriptFault{line, fmt.Sprintf(format, args...)})
	}
}

// entry is a key of a mapping, with its line, and the value.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

// entries are a mapping's, in their order, with no key twice.
func (r *reader) entries(n *yaml.Node, what string) []entry {
	if n == nil || n.Kind != yaml.MappingNode {
		r.wrong(lineOf(n), "%s: want names with values (name: …)", what)
		return nil
	}
	var all []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			r.wrong(key.Line, "%s: a name must be a plain word", what)
			continue
		}
		if seen[key.Value] {
			r.wrong(key.Line, "%s: %q is there twice", what, key.Value)
			continue
		}
		seen[key.Value] = true
		all = append(all, entry{key.Value, key.Line, n.Content[i+1]})
	}
	return all
}

// fields are those of a mapping whose names are known.
func (r *reader) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	fields := map[string]*yaml.Node{}
	for _, e := range r.entries(n, what) {
		if !slices.Contains(known, e.key) {
			r.wrong(e.line, "%s: there is no %q; known are %s", what, clip(e.key, 40), strings.Join(known, ", "))
			continue
		}
		fields[e.key] = e.value
	}
	return fields
}

func (r *reader) items(n *yaml.Node, what string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.wrong(n.Line, "%s: want a list", what)
		return nil
	}
	return n.Content
}

// str is a scalar's text; "" where there is none.
func (r *reader) str(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.wrong(n.Line, "%s: want a text", what)
		return ""
	}
	return strings.TrimSpace(n.Value)
}

func (r *reader) number(n *yaml.Node, what string, least, most int) int {
	text := r.str(n, what)
	if text == "" {
		return 0
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < least || v > most {
		r.wrong(lineOf(n), "%s: want a whole number from %d to %d", what, least, most)
		return 0
	}
	return v
}

func (r *reader) flag(n *yaml.Node, what string, fallback bool) bool {
	switch text := r.str(n, what); text {
	case "":
		return fallback
	case "true", "false":
		return text == "true"
	default:
		r.wrong(lineOf(n), "%s: want true or false", what)
		return fallback
	}
}

// phrases are a list, for every language, or a list for each of some.
func (r *reader) phrases(n *yaml.Node, what string) map[string][]string {
	if n == nil {
		return nil
	}
	all := map[string][]string{}
	if n.Kind == yaml.MappingNode {
		for _, e := range r.entries(n, what) {
			if !isLanguage(e.key) {
				r.wrong(e.line, "%s: %q is no language tag", what, clip(e.key, 40))
				continue
			}
			all[base(e.key)] = r.folded(e.value, what)
		}
		return all
	}
	all[""] = r.folded(n, what)
	return all
}

func (r *reader) folded(n *yaml.Node, what string) []string {
	var all []string
	for _, item := range r.items(n, what) {
		text := fold(r.str(item, what))
		if text == "" {
			r.wrong(lineOf(item), "%s: a phrase without a letter or digit can never be heard", what)
			continue
		}
		all = append(all, text)
	}
	return all
}

func lineOf(n *yaml.Node) int {
	if n == nil {
		return 0
	}
	return n.Line
}
