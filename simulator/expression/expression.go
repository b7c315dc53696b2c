package expression

import (
	"strconv"
	"strings"
)

// An Expression is a parsed condition. It may be evaluated from many goroutines.
type Expression struct {
	source string
	root   node
}

// Parse reads a condition. The error is a *SyntaxError; the names in it are not checked, as TaskRouter does not either.
func Parse(source string) (*Expression, error) {
	p, err := newParser(source)
	if err != nil {
		return nil, err
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if err := p.expectEnd(); err != nil {
		return nil, err
	}
	return &Expression{source: source, root: root}, nil
}

// String is the expression as it was written.
func (e *Expression) String() string { return e.source }

// Match evaluates the condition. vars is a JSON document as encoding/json decodes it: nil, bool, float64, string, []any, map[string]any.
// A value that is not a boolean does not match.
func (e *Expression) Match(vars map[string]any) bool {
	matched, ok := e.root.eval(vars).(bool)
	return ok && matched
}

// maxDepth bounds nesting, so that no input exhausts the stack.
const maxDepth = 200

type parser struct {
	source string
	tokens []token
	depth  int
}

func newParser(source string) (*parser, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 1 {
		return nil, &SyntaxError{source, 0, "it is empty"}
	}
	return &parser{source: source, tokens: tokens}, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// take consumes the next token if it is this symbol or keyword.
func (p *parser) take(what string) bool {
	t := p.peek()
	if (t.kind != symbol && t.kind != keyword) || t.text != what {
		return false
	}
	p.next()
	return true
}

func (p *parser) expectEnd() error {
	if t := p.peek(); t.kind != end {
		return p.wrong(t, "unexpected "+strconv.Quote(t.text)+hint(t))
	}
	return nil
}

// hint explains the commonest slip: an operator in small letters.
func hint(t token) string {
	if upper := strings.ToUpper(t.text); t.kind == name && keywords[upper] {
		return ": operators are written in capitals"
	}
	return ""
}

func (p *parser) wrong(t token, reason string) error { return &SyntaxError{p.source, t.at, reason} }

func (p *parser) or() (node, error) {
	left, err := p.and()
	for err == nil && p.take("OR") {
		var right node
		right, err = p.and()
		left = logic{left, right, true}
	}
	return left, err
}

func (p *parser) and() (node, error) {
	left, err := p.not()
	for err == nil && p.take("AND") {
		var right node
		right, err = p.not()
		left = logic{left, right, false}
	}
	return left, err
}

func (p *parser) not() (node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, p.wrong(p.peek(), "it is nested too deeply")
	}
	if p.take("NOT") {
		inner, err := p.not()
		return negation{inner}, err
	}
	return p.comparison()
}

func (p *parser) comparison() (node, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	operator := t.text
	switch {
	case t.kind == symbol && comparisons[operator] != nil:
		p.next()
	case t.kind == keyword && operator == "NOT":
		p.next()
		if !p.take("IN") {
			return nil, p.wrong(p.peek(), "IN expected after NOT")
		}
		operator = "NOT IN"
	case t.kind == keyword && comparisons[operator] != nil:
		p.next()
	default:
		return left, nil
	}
	right, err := p.operand()
	return comparison{left, right, comparisons[operator]}, err
}

func (p *parser) operand() (node, error) {
	t := p.next()
	switch {
	case t.kind == number || t.kind == text:
		return literal{t.value}, nil
	case t.kind == keyword && (t.text == "true" || t.text == "false"):
		return literal{t.text == "true"}, nil
	case t.kind == keyword && t.text == "NULL":
		return literal{nil}, nil
	case t.kind == name:
		return p.path(t)
	case t.kind == symbol && t.text == "(":
		inner, err := p.or()
		if err == nil && !p.take(")") {
			err = p.wrong(p.peek(), `")" expected`)
		}
		return inner, err
	case t.kind == symbol && t.text == "[":
		return p.array()
	case t.kind == end:
		return nil, p.wrong(t, "a value is missing at the end")
	default:
		return nil, p.wrong(t, "a value expected, not "+strconv.Quote(t.text))
	}
}

// array reads what follows an opening bracket.
func (p *parser) array() (node, error) {
	var items array
	for !p.take("]") {
		if len(items) > 0 && !p.take(",") {
			return nil, p.wrong(p.peek(), `"," or "]" expected`)
		}
		item, err := p.not()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// path reads a name and what hangs on it: ".more" and "[3]".
func (p *parser) path(first token) (path, error) {
	steps := path{first.text}
	for {
		switch {
		case p.take("."):
			t := p.next()
			if t.kind != name && t.kind != keyword {
				return nil, p.wrong(t, `a name expected after "."`)
			}
			steps = append(steps, t.text)
		case p.take("["):
			t := p.next()
			i, err := strconv.Atoi(t.text)
			if err != nil || i < 0 {
				return nil, p.wrong(t, "an index expected")
			}
			if !p.take("]") {
				return nil, p.wrong(p.peek(), `"]" expected`)
			}
			steps = append(steps, i)
		default:
			return steps, nil
		}
	}
}
