package bot

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
	"text/template/parse"

	"go.yaml.in/yaml/v3"
)

// text is what a script says: a template over slots, for every language or for each of some.
type text struct {
	line      int
	templates map[string]*template.Template // by base language; "" is for every other
	first     *template.Template            // for a language that has none
	names     []string                      // of slots that it tells
}

// empty says whether nothing is to be said.
func (t text) empty() bool { return t.first == nil }

var functions = template.FuncMap{
	"upper": strings.ToUpper,
	"lower": strings.ToLower,
	// spell has letters and digits said one by one.
	"spell": func(s string) string {
		var b strings.Builder
		for _, r := range s {
			if r == ' ' {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteRune(r)
		}
		return b.String()
	},
}

// text reads one.
func (r *reader) text(n *yaml.Node, what string) text {
	if n == nil {
		return text{}
	}
	t := text{line: n.Line, templates: map[string]*template.Template{}}
	add := func(language string, n *yaml.Node) {
		source := r.str(n, what)
		if source == "" {
			return
		}
		if len([]rune(source)) > phraseMost {
			r.wrong(n.Line, "%s: longer than %d characters", what, phraseMost)
			return
		}
		parsed, err := template.New("").Option("missingkey=zero").Funcs(functions).Parse(source)
		if err == nil && parsed.Tree != nil {
			err = t.allow(parsed.Root)
		}
		if err != nil {
			r.wrong(n.Line, "%s: %s", what, strings.TrimPrefix(err.Error(), "template: "))
			return
		}
		t.templates[language] = parsed
		if t.first == nil || language == "" {
			t.first = parsed
		}
	}
	if n.Kind != yaml.MappingNode {
		add("", n)
		return t
	}
	for _, e := range r.entries(n, what) {
		if !isLanguage(e.key) {
			r.wrong(e.line, "%s: %q is no language tag", what, clip(e.key, 40))
			continue
		}
		add(base(e.key), e.value)
	}
	return t
}

var errTemplate = errors.New("only texts, slots, functions and if and with are understood")

// allow walks a template: it can say what is remembered, but neither loop nor call others.
func (t *text) allow(n parse.Node) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, inner := range n.Nodes {
			if err := t.allow(inner); err != nil {
				return err
			}
		}
	case *parse.TextNode, *parse.CommentNode:
	case *parse.ActionNode:
		t.note(n.Pipe)
	case *parse.IfNode:
		t.note(n.Pipe)
		return errors.Join(t.allow(n.List), t.allow(n.ElseList))
	case *parse.WithNode:
		t.note(n.Pipe)
		return errors.Join(t.allow(n.List), t.allow(n.ElseList))
	default:
		return fmt.Errorf("%w, not {{%s}}", errTemplate, clip(strings.Trim(n.String(), "{}"), 40))
	}
	return nil
}

func (t *text) note(pipe *parse.PipeNode) {
	for _, command := range pipe.Cmds {
		for _, arg := range command.Args {
			switch arg := arg.(type) {
			case *parse.FieldNode:
				t.names = append(t.names, arg.Ident[0])
			case *parse.PipeNode:
				t.note(arg)
			}
		}
	}
}

// render says the text with these slots.
func (t text) render(language string, slots map[string]string) (string, error) {
	chosen := t.templates[base(language)]
	if chosen == nil {
		chosen = t.templates[""]
	}
	if chosen == nil {
		chosen = t.first
	}
	if chosen == nil {
		return "", nil
	}
	var out limited
	if err := chosen.Execute(&out, slots); err != nil {
		return "", fmt.Errorf("say line %d of the script: %w", t.line, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// limited is a text that does not grow without end.
type limited struct{ strings.Builder }

var errLong = errors.New("too long")

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > 4*spokenMost {
		return 0, errLong
	}
	return l.Builder.Write(b)
}
