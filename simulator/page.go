package simulator

import (
	"net/http"
	"net/url"
	"strconv"
)

const (
	defaultPageSize = 50
	maxPageSize     = 1000
)

// A page is the part of a list that a request asked for. The token names the last item before the page, so that items which are
// added in front between two requests neither repeat nor hide others; when that item is gone the page number counts.
type page[T any] struct {
	items  []T
	number int
	size   int
	start  int
	token  string // asked with
	next   string // token of the next page, "" at the end
}

func cut[T any](q *request, items []T, id func(T) string) (page[T], *apiError) {
	var p page[T]
	var bad *apiError
	if p.size, bad = q.integer("PageSize", defaultPageSize, 1, 1<<31-1); bad != nil {
		return p, bad
	}
	p.size = min(p.size, maxPageSize)
	if p.number, bad = q.integer("Page", 0, 0, 1<<31-1); bad != nil {
		return p, bad
	}
	p.start = min(p.number*p.size, len(items))
	if p.token = q.str("PageToken"); p.token != "" {
		for i, item := range items {
			if p.token == "PA"+id(item) {
				p.start = i + 1
			}
		}
	}
	end := min(p.start+p.size, len(items))
	p.items = items[p.start:end]
	if end < len(items) {
		p.next = "PA" + id(items[end-1])
	}
	return p, nil
}

// query is the list's own filters with another page's coordinates.
func (p page[T]) query(q *request, number int, token string) string {
	v := url.Values{}
	for name, values := range q.Form {
		if name != "Page" && name != "PageToken" && name != "PageSize" {
			v[name] = values
		}
	}
	v.Set("PageSize", strconv.Itoa(p.size))
	v.Set("Page", strconv.Itoa(number))
	if token != "" {
		v.Set("PageToken", token)
	}
	return q.URL.EscapedPath() + "?" + v.Encode()
}

// addresses renders a page's four links by link; nil where there is none.
func (p page[T]) addresses(q *request, link func(pathAndQuery string) string) (first, previous, self, next any) {
	first, self = link(p.query(q, 0, "")), link(p.query(q, p.number, p.token))
	if p.number > 0 {
		previous = link(p.query(q, p.number-1, ""))
	}
	if p.next != "" {
		next = link(p.query(q, p.number+1, p.next))
	}
	return first, previous, self, next
}

// listV1 answers a list as TaskRouter does: the page under key, the coordinates under "meta".
func listV1[T any](q *request, key string, items []T, id func(T) string, render func(T) any) (int, any) {
	p, bad := cut(q, items, id)
	if bad != nil {
		return fail(bad)
	}
	first, previous, self, next := p.addresses(q, func(s string) string { return "https://" + q.host + s })
	return http.StatusOK, map[string]any{
		key: rendered(p.items, render),
		"meta": map[string]any{
			"first_page_url": first, "previous_page_url": previous, "url": self, "next_page_url": next,
			"key": key, "page": p.number, "page_size": p.size,
		},
	}
}

// list2010 answers a list as the 2010-04-01 API does: coordinates beside the page, links relative.
func list2010[T any](q *request, key string, items []T, id func(T) string, render func(T) any) (int, any) {
	p, bad := cut(q, items, id)
	if bad != nil {
		return fail(bad)
	}
	first, previous, self, next := p.addresses(q, func(s string) string { return s })
	return http.StatusOK, map[string]any{
		key:              rendered(p.items, render),
		"first_page_uri": first, "previous_page_uri": previous, "uri": self, "next_page_uri": next,
		"page": p.number, "page_size": p.size, "start": p.start, "end": max(p.start+len(p.items)-1, 0),
	}
}

func rendered[T any](items []T, render func(T) any) []any {
	out := make([]any, 0, len(items))
	for _, item := range items {
		out = append(out, render(item))
	}
	return out
}
