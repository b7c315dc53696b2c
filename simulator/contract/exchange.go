package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// An Exchange is one request to Twilio's REST API and what came back.
type Exchange struct {
	Method string
	Host   string // as asked for: taskrouter.twilio.com, api.dublin.ie1.twilio.com
	URL    *url.URL
	Form   url.Values // of the request's body

	Status int
	Header http.Header
	Body   []byte
}

func (x *Exchange) String() string { return x.Method + " " + x.Host + x.URL.Path }

// operation is what the documents say about the exchange's route.
func (d *Documents) operation(x *Exchange) (*openapi3.Operation, []string, *path, error) {
	label, _, _ := strings.Cut(x.Host, ".")
	p := d.products[label]
	if p == nil {
		return nil, nil, nil, fmt.Errorf("%s: there is no document of this product", x)
	}
	at, variables := p.find(x.URL.EscapedPath())
	if at == nil {
		return nil, nil, nil, fmt.Errorf("%s is not in Twilio's document", x)
	}
	operation, err := p.operation(at, x.Method)
	if err == nil && operation == nil {
		err = fmt.Errorf("%s: Twilio's document does not have this method", x)
	}
	return operation, variables, at, err
}

// Request checks a request: its route, and that its parameters are known, complete and of their types.
func (d *Documents) Request(x *Exchange) error {
	operation, variables, at, err := d.operation(x)
	if err != nil {
		return err
	}
	var errs []error
	wrong := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: parameter %s: %w", x, name, err))
		}
	}
	for i, name := range at.names {
		if p := operation.Parameters.GetByInAndName(openapi3.ParameterInPath, name); p != nil && !nameAllowed(at.pattern, name) {
			text, err := url.PathUnescape(variables[i])
			wrong(name, errors.Join(err, parameter(p.Schema.Value, []string{text})))
		}
	}
	query := openapi3.Schemas{}
	var required []string
	for _, p := range operation.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			query[p.Value.Name] = p.Value.Schema
			if p.Value.Required {
				required = append(required, p.Value.Name)
			}
		}
	}
	parameters("query ", query, required, x.URL.Query(), wrong)

	form := &openapi3.Schema{}
	if operation.RequestBody != nil {
		if media := operation.RequestBody.Value.Content.Get("application/x-www-form-urlencoded"); media != nil {
			form = media.Schema.Value
		}
	}
	parameters("", form.Properties, form.Required, x.Form, wrong)
	return errors.Join(errs...)
}

func parameters(kind string, known openapi3.Schemas, required []string, given url.Values, wrong func(string, error)) {
	for _, name := range required {
		if !given.Has(name) {
			wrong(kind+name, errors.New("required, and missing"))
		}
	}
	for name, values := range given {
		schema := known[name]
		if schema == nil {
			wrong(kind+name, errors.New("not in Twilio's document"))
			continue
		}
		wrong(kind+name, parameter(schema.Value, values))
	}
}

var day = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// parameter checks a parameter's values. An empty one resets, whatever the type.
func parameter(schema *openapi3.Schema, values []string) error {
	if schema.Type.Is(openapi3.TypeArray) {
		for _, v := range values {
			// The documents type event lists as repeated keys; Twilio's own samples separate with commas and spaces too.
			for _, word := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
				if err := parameter(schema.Items.Value, []string{word}); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if len(values) != 1 {
		return fmt.Errorf("given %d times", len(values))
	}
	v := values[0]
	if v == "" {
		return nil
	}
	switch {
	case schema.Type.Is(openapi3.TypeBoolean):
		if lower := strings.ToLower(v); lower != "true" && lower != "false" {
			return fmt.Errorf("%q is not true or false", v)
		}
	case schema.Type.Is(openapi3.TypeInteger), schema.Type.Is(openapi3.TypeNumber):
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", v)
		}
		return visit(schema, n)
	case schema.Type.Is(openapi3.TypeString):
		plain := *schema
		plain.Format = ""
		if schema.Format == "date-time" && day.MatchString(v) {
			return visit(&plain, v) // filters by date take a day as well, their descriptions say
		}
		return errors.Join(visit(&plain, v), format(schema.Format, v))
	}
	return nil
}

// Answer checks an answer: its status, and that its body has the fields that the document names, all of them and no other, of their types.
// A refusal must have the shape of Twilio's errors.
func (d *Documents) Answer(x *Exchange) error {
	if x.Status >= http.StatusBadRequest {
		return refusal(x)
	}
	operation, _, at, err := d.operation(x)
	if err != nil {
		return err
	}
	answer := operation.Responses.Value(strconv.Itoa(x.Status))
	if answer == nil {
		return fmt.Errorf("%s answers %d, which Twilio's document does not have", x, x.Status)
	}
	media := answer.Value.Content.Get("application/json")
	if media == nil {
		if len(x.Body) > 0 {
			return fmt.Errorf("%s: an answer of status %d has no body", x, x.Status)
		}
		return nil
	}
	body, err := decode(x)
	if err != nil {
		return err
	}
	forgive(at.pattern, body)
	var errs []error
	if err := visit(media.Schema.Value, body); err != nil {
		errs = append(errs, fmt.Errorf("%s: answer: %w", x, err))
	}
	fields(x.String()+": answer", media.Schema.Value, body, func(err error) { errs = append(errs, err) })
	return errors.Join(errs...)
}

func decode(x *Exchange) (any, error) {
	if kind := x.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return nil, fmt.Errorf("%s: the answer's content type is %q", x, kind)
	}
	var body any
	if err := json.NewDecoder(bytes.NewReader(x.Body)).Decode(&body); err != nil {
		return nil, fmt.Errorf("%s: answer: %w", x, err)
	}
	return body, nil
}

// refusal checks an error's body, whose shape the documents leave out: https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions
func refusal(x *Exchange) error {
	body, err := decode(x)
	if err != nil {
		return err
	}
	object, _ := body.(map[string]any)
	code, isNumber := object["code"].(float64)
	message, _ := object["message"].(string)
	if !isNumber || message == "" || object["status"] != float64(x.Status) ||
		object["more_info"] != fmt.Sprintf("https://www.twilio.com/docs/errors/%.0f", code) {
		return fmt.Errorf("%s: an error of status %d has the body %s", x, x.Status, x.Body)
	}
	return nil
}

// visit is the library's check, without its dump of schema and value.
func visit(schema *openapi3.Schema, value any) error {
	err := schema.VisitJSON(value, openapi3.MultiErrors())
	if err == nil {
		return nil
	}
	var several openapi3.MultiError
	if !errors.As(err, &several) {
		several = openapi3.MultiError{err}
	}
	var errs []error
	for _, one := range several {
		if e, ok := errors.AsType[*openapi3.SchemaError](one); ok {
			one = fmt.Errorf("%s: %s", strings.Join(e.JSONPointer(), "/"), e.Reason)
		}
		errs = append(errs, one)
	}
	return errors.Join(errs...)
}

// fields compares the names of the fields with the schema's, all the way down, and checks the formats that the library leaves alone.
func fields(where string, schema *openapi3.Schema, value any, wrong func(error)) {
	switch value := value.(type) {
	case []any:
		if schema.Items != nil {
			for _, item := range value {
				fields(where, schema.Items.Value, item, wrong)
			}
		}
	case string:
		if err := format(schema.Format, value); err != nil {
			wrong(fmt.Errorf("%s: %w", where, err))
		}
	case map[string]any:
		if len(schema.Properties) == 0 {
			return
		}
		var missing, unknown []string
		for name, property := range schema.Properties {
			if field, there := value[name]; there {
				fields(where+" "+name, property.Value, field, wrong)
			} else {
				missing = append(missing, name)
			}
		}
		for name := range value {
			if schema.Properties[name] == nil {
				unknown = append(unknown, name)
			}
		}
		slices.Sort(missing)
		slices.Sort(unknown)
		if len(missing) > 0 {
			wrong(fmt.Errorf("%s lacks the fields %v", where, missing))
		}
		if len(unknown) > 0 {
			wrong(fmt.Errorf("%s has the fields %v, and Twilio's has not", where, unknown))
		}
	}
}
