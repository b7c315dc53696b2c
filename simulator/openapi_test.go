package simulator

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// Twilio's own OpenAPI documents lie beside the module; the project keeps no copy. Without them these checks are skipped.
var specifications = map[string]func() (*openapi3.T, error){
	"taskrouter": sync.OnceValues(func() (*openapi3.T, error) { return readSpecification("twilio_taskrouter_v1.json") }),
	"api":        sync.OnceValues(func() (*openapi3.T, error) { return readSpecification("twilio_api_v2010.json") }),
}

func readSpecification(name string) (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromFile(filepath.Join("..", "..", "shared", "twilio-openapi", name))
}

// needSpecifications skips a test where Twilio's documents are absent.
func needSpecifications(t *testing.T) {
	t.Helper()
	if _, err := specifications["taskrouter"](); err != nil {
		t.Skip("Twilio's OpenAPI documents are not beside the module:", err)
	}
}

var pathVariable = regexp.MustCompile(`\\\{[^/]+?\\\}`)

// conforms checks an answer against Twilio's document for the product: a known route, a status that it has, a body of its schema, and no
// more and no fewer fields than the document names.
func conforms(t *testing.T, product, method, path string, status int, body any) {
	t.Helper()
	doc, err := specifications[product]()
	require.NoError(t, err)
	path, _, _ = strings.Cut(path, "?")
	var operation *openapi3.Operation
	best := -1
	for pattern, item := range doc.Paths.Map() {
		expr := "^" + pathVariable.ReplaceAllString(regexp.QuoteMeta(pattern), "[^/]+?") + "$"
		if literal := len(pathVariable.ReplaceAllString(regexp.QuoteMeta(pattern), "")); literal > best && regexp.MustCompile(expr).MatchString(path) {
			operation, best = item.GetOperation(method), literal
		}
	}
	require.NotNil(t, operation, "%s %s is not in Twilio's document", method, path)
	answer := operation.Responses.Value(strconv.Itoa(status))
	require.NotNil(t, answer, "%s %s does not answer %d", method, path, status)
	if status == http.StatusNoContent {
		require.Nil(t, body)
		return
	}
	schema := answer.Value.Content.Get("application/json").Schema.Value
	require.NoError(t, schema.VisitJSON(body), "%s %s", method, path)
	sameFields(t, fmt.Sprintf("%s %s", method, path), schema, body)
}

// sameFields compares the fields of a resource, or of each resource in a list, with the schema's.
func sameFields(t *testing.T, where string, schema *openapi3.Schema, body any) {
	t.Helper()
	given, ok := body.(map[string]any)
	require.True(t, ok, where)
	list := false
	for name, field := range schema.Properties {
		items, is := given[name].([]any)
		if !is || field.Value.Items == nil {
			continue
		}
		for _, item := range items {
			if len(field.Value.Items.Value.Properties) > 0 {
				list = true
				sameFields(t, where+" "+name, field.Value.Items.Value, item)
			}
		}
	}
	if list {
		return
	}
	var missing, unknown []string
	for name := range schema.Properties {
		if _, ok := given[name]; !ok {
			missing = append(missing, name)
		}
	}
	for name := range given {
		if schema.Properties[name] == nil {
			unknown = append(unknown, name)
		}
	}
	require.Empty(t, missing, "%s lacks fields", where)
	require.Empty(t, unknown, "%s has fields that Twilio's has not", where)
}
