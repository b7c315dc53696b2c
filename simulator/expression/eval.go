package expression

import "strings"

// A node is a part of a parsed expression.
type node interface {
	eval(vars map[string]any) any
}

type literal struct{ value any }

func (l literal) eval(map[string]any) any { return l.value }

type array []node

func (a array) eval(vars map[string]any) any {
	out := make([]any, len(a))
	for i, item := range a {
		out[i] = item.eval(vars)
	}
	return out
}

// A path's steps are names (string) and indices (int).
type path []any

func (p path) eval(vars map[string]any) any {
	var at any = vars
	for _, step := range p {
		switch step := step.(type) {
		case string:
			object, ok := at.(map[string]any)
			if !ok {
				return nil
			}
			at = object[step]
		case int:
			list, ok := at.([]any)
			if !ok || step >= len(list) {
				return nil
			}
			at = list[step]
		}
	}
	return at
}

type logic struct {
	left, right node
	either      bool
}

func (l logic) eval(vars map[string]any) any {
	left, _ := l.left.eval(vars).(bool)
	if left == l.either {
		return left
	}
	right, _ := l.right.eval(vars).(bool)
	return right
}

type negation struct{ inner node }

func (n negation) eval(vars map[string]any) any {
	inner, _ := n.inner.eval(vars).(bool)
	return !inner
}

type comparison struct {
	left, right node
	holds       func(left, right any) bool
}

func (c comparison) eval(vars map[string]any) any {
	return c.holds(c.left.eval(vars), c.right.eval(vars))
}

var comparisons = map[string]func(left, right any) bool{
	"==":       equal,
	"!=":       different,
	">":        func(l, r any) bool { c, ok := order(l, r); return ok && c > 0 },
	">=":       func(l, r any) bool { c, ok := order(l, r); return ok && c >= 0 },
	"<":        func(l, r any) bool { c, ok := order(l, r); return ok && c < 0 },
	"<=":       func(l, r any) bool { c, ok := order(l, r); return ok && c <= 0 },
	"CONTAINS": contains,
	"HAS":      func(l, r any) bool { return member(r, l) },
	"IN":       member,
	"NOT IN": func(l, r any) bool {
		_, list := r.([]any)
		return list && scalar(l) && !member(l, r)
	},
}

func scalar(v any) bool {
	switch v.(type) {
	case nil, bool, float64, string:
		return true
	default:
		return false
	}
}

func equal(l, r any) bool { return scalar(l) && scalar(r) && l == r }

// different is false for arrays and objects, which no scalar operator compares; but they are not NULL.
func different(l, r any) bool {
	if scalar(l) && scalar(r) {
		return l != r
	}
	return (l == nil) != (r == nil)
}

// order compares two numbers or two strings; nothing else has an order.
func order(l, r any) (c int, ok bool) {
	switch l := l.(type) {
	case float64:
		r, ok := r.(float64)
		switch {
		case l < r:
			return -1, ok
		case l > r:
			return 1, ok
		}
		return 0, ok
	case string:
		r, ok := r.(string)
		return strings.Compare(l, r), ok
	default:
		return 0, false
	}
}

func contains(l, r any) bool {
	whole, ok := l.(string)
	part, also := r.(string)
	return ok && also && strings.Contains(whole, part)
}

func member(item, list any) bool {
	items, ok := list.([]any)
	if !ok {
		return false
	}
	for _, i := range items {
		if equal(i, item) {
			return true
		}
	}
	return false
}
