package store

import "strings"

// plain is text as PostgreSQL takes it: valid UTF-8 without NUL. What Twilio hands on from the world, such as the name of a SIP caller,
// need not be, and a row that can never be written would hold up all that wait behind it.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// plainArgs makes the texts among a statement's arguments plain.
func plainArgs(args ...any) []any {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = plain(arg)
		case []string:
			some := make([]string, len(arg))
			for j, s := range arg {
				some[j] = plain(s)
			}
			args[i] = some
		}
	}
	return args
}
