package contract

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// files are the documents by product: the first label of the host that serves it.
var files = map[string]string{
	"api":        "twilio_api_v2010.json",
	"taskrouter": "twilio_taskrouter_v1.json",
}

// Documents are Twilio's OpenAPI documents of the products that are simulated. They are safe for use by many goroutines.
type Documents struct {
	products map[string]*product
}

// Load opens the documents in a folder. Where they are absent the error is an [fs.ErrNotExist].
//
// The documents are large and a test needs few of their paths, so each path is parsed when it is first asked for.
func Load(folder string) (*Documents, error) {
	d := &Documents{products: map[string]*product{}}
	for name, file := range files {
		p, err := readProduct(filepath.Join(folder, file))
		if err != nil {
			return nil, err
		}
		d.products[name] = p
	}
	return d, nil
}

// A product is one document, parsed as far as it was needed.
type product struct {
	version json.RawMessage
	paths   []*path
	schemas map[string]json.RawMessage

	mu sync.Mutex // guards the paths' items
}

type path struct {
	pattern  string
	names    []string // of its variables
	expr     *regexp.Regexp
	literals int
	source   json.RawMessage
	item     *openapi3.PathItem // nil until it is needed
}

func readProduct(file string) (*product, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the caller names the folder
	if err != nil {
		return nil, err
	}
	var document struct {
		OpenAPI    json.RawMessage            `json:"openapi"`
		Paths      map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	p := &product{version: document.OpenAPI, schemas: document.Components.Schemas}
	for pattern, source := range document.Paths {
		p.paths = append(p.paths, newPath(pattern, source))
	}
	return p, nil
}

var variable = regexp.MustCompile(`\{([^/{}]+)\}`)

func newPath(pattern string, source json.RawMessage) *path {
	p := &path{pattern: pattern, source: source, literals: len(variable.ReplaceAllString(pattern, ""))}
	expr, rest := "^", pattern
	for _, m := range variable.FindAllStringSubmatch(pattern, -1) {
		before, after, _ := strings.Cut(rest, m[0])
		expr += regexp.QuoteMeta(before) + "([^/]+?)"
		p.names = append(p.names, m[1])
		rest = after
	}
	p.expr = regexp.MustCompile(expr + regexp.QuoteMeta(rest) + "$")
	return p
}

// find is the path that serves an address, the one with most literal text where there are several; and its variables.
func (p *product) find(address string) (*path, []string) {
	var found *path
	var variables []string
	for _, candidate := range p.paths {
		if found != nil && candidate.literals <= found.literals {
			continue
		}
		if m := candidate.expr.FindStringSubmatch(address); m != nil {
			found, variables = candidate, m[1:]
		}
	}
	return found, variables
}

var reference = regexp.MustCompile(`"\$ref"\s*:\s*"#/components/schemas/([^"]+)"`)

// operation parses what the document says of a method of a path; nil if it has no such method.
func (p *product) operation(at *path, method string) (*openapi3.Operation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.item == nil {
		schemas := map[string]json.RawMessage{}
		p.collect(at.source, schemas)
		small, err := json.Marshal(map[string]any{
			"openapi": p.version, "info": map[string]string{"title": at.pattern, "version": "1"},
			"paths": map[string]any{at.pattern: at.source}, "components": map[string]any{"schemas": schemas},
		})
		if err != nil {
			return nil, fmt.Errorf("document of %s: %w", at.pattern, err)
		}
		document, err := openapi3.NewLoader().LoadFromData(small)
		if err != nil {
			return nil, fmt.Errorf("document of %s: %w", at.pattern, err)
		}
		at.item = document.Paths.Value(at.pattern)
	}
	return at.item.GetOperation(method), nil
}

// collect gathers the schemas that source refers to, and those that they refer to.
func (p *product) collect(source json.RawMessage, into map[string]json.RawMessage) {
	for _, m := range reference.FindAllSubmatch(source, -1) {
		name := string(m[1])
		if _, there := into[name]; there {
			continue
		}
		into[name] = p.schemas[name]
		p.collect(p.schemas[name], into)
	}
}
