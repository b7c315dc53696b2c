package expression

import "strconv"

// An Order is a parsed order_by: which of two agents goes first.
type Order []orderTerm

type orderTerm struct {
	path       path
	descending bool
}

// ParseOrder reads "worker.level DESC, worker.since". ASC is the default. The error is a *SyntaxError.
func ParseOrder(source string) (Order, error) {
	p, err := newParser(source)
	if err != nil {
		return nil, err
	}
	var out Order
	for {
		t := p.next()
		if t.kind != name {
			return nil, p.wrong(t, "an attribute's name expected, not "+strconv.Quote(t.text))
		}
		by, err := p.path(t)
		if err != nil {
			return nil, err
		}
		term := orderTerm{path: by}
		if t := p.peek(); t.kind == name && (t.text == "ASC" || t.text == "DESC") {
			p.next()
			term.descending = t.text == "DESC"
		}
		out = append(out, term)
		if !p.take(",") {
			return out, p.expectEnd()
		}
	}
}

// Compare is negative when a goes before b, positive when after, 0 when the order does not tell. Who lacks an attribute, or has one that
// cannot be compared, goes last, whichever the direction.
func (o Order) Compare(a, b map[string]any) int {
	for _, term := range o {
		x, y := term.path.eval(a), term.path.eval(b)
		switch c, ok := order(x, y); {
		case ok && c != 0 && term.descending:
			return -c
		case ok && c != 0:
			return c
		case !ok:
			if hasX, hasY := sortable(x), sortable(y); hasX != hasY {
				if hasX {
					return -1
				}
				return 1
			}
		}
	}
	return 0
}

func sortable(v any) bool {
	switch v.(type) {
	case float64, string:
		return true
	default:
		return false
	}
}

// Lookup is the value of a path ("task.agent") in a document, nil when it is missing or no path.
func Lookup(source string, vars map[string]any) any {
	p, err := newParser(source)
	if err != nil {
		return nil
	}
	first := p.next()
	if first.kind != name {
		return nil
	}
	steps, err := p.path(first)
	if err != nil || p.expectEnd() != nil {
		return nil
	}
	return steps.eval(vars)
}
