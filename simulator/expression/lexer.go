package expression

import (
	"fmt"
	"strconv"
	"strings"
)

type kind int

const (
	end kind = iota
	name
	number
	text
	symbol  // operators of signs, brackets, comma, dot
	keyword // AND OR NOT IN HAS CONTAINS NULL true false
)

type token struct {
	kind  kind
	text  string
	value any // of number and text
	at    int // byte offset
}

var keywords = map[string]bool{
	"AND": true, "OR": true, "NOT": true, "IN": true, "HAS": true, "CONTAINS": true, "NULL": true, "true": true, "false": true,
}

// A SyntaxError tells what is wrong in an expression and where.
type SyntaxError struct {
	Expression string
	At         int // byte offset, from 0
	Reason     string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid expression %q at character %d: %s", e.Expression, e.At+1, e.Reason)
}

func lex(src string) ([]token, error) {
	var tokens []token
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case isLetter(c):
			start := i
			for i < len(src) && (isLetter(src[i]) || isDigit(src[i])) {
				i++
			}
			word := src[start:i]
			k := name
			if keywords[word] {
				k = keyword
			}
			tokens = append(tokens, token{kind: k, text: word, at: start})
		case isDigit(c) || (c == '-' && i+1 < len(src) && isDigit(src[i+1]) && !endsOperand(tokens)):
			start := i
			i++
			for i < len(src) && (isDigit(src[i]) || src[i] == '.') {
				i++
			}
			value, err := strconv.ParseFloat(src[start:i], 64)
			if err != nil {
				return nil, &SyntaxError{src, start, "not a number: " + src[start:i]}
			}
			tokens = append(tokens, token{kind: number, text: src[start:i], value: value, at: start})
		case c == '\'' || c == '"':
			value, next, ok := quoted(src, i)
			if !ok {
				return nil, &SyntaxError{src, i, "the string is not closed"}
			}
			tokens = append(tokens, token{kind: text, text: src[i:next], value: value, at: i})
			i = next
		default:
			sign := signAt(src[i:])
			if sign == "" {
				return nil, &SyntaxError{src, i, unexpected(src[i:])}
			}
			tokens = append(tokens, token{kind: symbol, text: sign, at: i})
			i += len(sign)
		}
	}
	return append(tokens, token{kind: end, at: len(src)}), nil
}

// endsOperand reports whether a minus after these tokens would follow a value: then it is an operator, which the language lacks.
func endsOperand(tokens []token) bool {
	if len(tokens) == 0 {
		return false
	}
	last := tokens[len(tokens)-1]
	return last.kind == name || last.kind == number || last.kind == text || last.text == "]" || last.text == ")"
}

func signAt(s string) string {
	for _, sign := range []string{"==", "!=", ">=", "<=", ">", "<", "(", ")", "[", "]", ",", "."} {
		if strings.HasPrefix(s, sign) {
			return sign
		}
	}
	return ""
}

func unexpected(s string) string {
	switch s[0] {
	case '-':
		return "names have no hyphens, and there is no minus"
	case '=':
		return "equality is written =="
	default:
		return "unexpected character " + strconv.QuoteRune([]rune(s)[0])
	}
}

// quoted reads a string that begins at start; a backslash takes the next character as it is.
func quoted(src string, start int) (value string, next int, ok bool) {
	var b strings.Builder
	for i := start + 1; i < len(src); i++ {
		switch {
		case src[i] == src[start]:
			return b.String(), i + 1, true
		case src[i] == '\\' && i+1 < len(src):
			i++
			b.WriteByte(src[i])
		default:
			b.WriteByte(src[i])
		}
	}
	return "", 0, false
}

func isLetter(c byte) bool {
	return c == '_' || c == '$' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
