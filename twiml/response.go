package twiml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// Response is a TwiML document: what Twilio is to do with a call, one verb after the other. A call that has nothing more to do is hung
// up, so an empty one ends it.
//
// https://www.twilio.com/docs/voice/twiml#twilio-markup-language
type Response []Verb

// Verb is what a [Response] is made of.
type Verb interface {
	part
	verb()
}

// part is an element: it knows its name, and what is wrong with it.
type part interface {
	element() string
	check() error
}

// Bytes is the document as XML in UTF-8. It is an error if Twilio would not take it: what a verb needs is missing, or two things exclude
// each other. Characters that XML cannot carry become U+FFFD.
func (r Response) Bytes() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	if err := errors.Join(encode(e, r), e.Close()); err != nil {
		return nil, fmt.Errorf("twiml: %w", err)
	}
	return b.Bytes(), nil
}

// String is the document for logs and tests; one that cannot be written is its error.
func (r Response) String() string {
	b, err := r.Bytes()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func encode(e *xml.Encoder, r Response) error {
	root := xml.StartElement{Name: xml.Name{Local: "Response"}}
	if err := e.EncodeToken(root); err != nil {
		return err
	}
	if err := encodeParts(e, r); err != nil {
		return err
	}
	return e.EncodeToken(root.End())
}

// encodeParts checks and writes elements under their own names.
func encodeParts[P part](e *xml.Encoder, parts []P) error {
	for i, p := range parts {
		if any(p) == nil {
			return fmt.Errorf("element %d is nil", i+1)
		}
		if err := p.check(); err != nil {
			return fmt.Errorf("<%s>: %w", p.element(), err)
		}
		if err := e.EncodeElement(p, xml.StartElement{Name: xml.Name{Local: p.element()}}); err != nil {
			return err
		}
	}
	return nil
}

// Events are the events that a callback is wanted for, separated by spaces on the wire.
type Events []string

// MarshalXMLAttr writes the events as one attribute.
func (v Events) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	if len(v) == 0 {
		return xml.Attr{}, nil
	}
	return xml.Attr{Name: name, Value: strings.Join(v, " ")}, nil
}
