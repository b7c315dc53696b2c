package expression_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/simulator/expression"
)

const document = `{
	"type": "billing", "level": 7, "vip": true, "note": null, "languages": ["en", "es"], "name": "Alice Adams",
	"a": {"b": {"c": [10, {"d": "deep"}]}, "AND": 1},
	"task": {"lang": "es"}, "worker": {"languages": ["es", "fr"], "channel": {"voice": {"available_capacity_percentage": 100}}}
}`

func vars(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	return v
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]bool{
		`1==1`:                          true,
		`1 == 1.0`:                      true,
		`0 != 1`:                        true,
		`1 == 2`:                        false,
		`"apple" != 'orange'`:           true,
		`type == 'billing'`:             true,
		`type == "sales"`:               false,
		`type != "sales"`:               true,
		`level > 6.5`:                   true,
		`level >= 7`:                    true,
		`level < 7`:                     false,
		`level <= 7`:                    true,
		`level > -1`:                    true,
		`level == "7"`:                  false, // no comparison across types
		`level > "6"`:                   false,
		`level != "7"`:                  true,
		`name < "Bob"`:                  true,
		`name CONTAINS "Adams"`:         true,
		`name CONTAINS "adams"`:         false,
		`languages CONTAINS "en"`:       false, // a scalar operator on an array
		`level CONTAINS "7"`:            false,
		`languages HAS "es"`:            true,
		`languages HAS "de"`:            false,
		`type HAS "billing"`:            false, // an array operator on a scalar
		`"es" IN languages`:             true,
		`type IN ["sales", "billing"]`:  true,
		`type IN []`:                    false,
		`type IN type`:                  false,
		`type NOT IN ["sales"]`:         true,
		`type NOT IN ["billing"]`:       false,
		`type NOT IN "sales"`:           false,
		`task.lang IN worker.languages`: true,
		`a.b.c[0] == 10`:                true,
		`a.b.c[1].d == "deep"`:          true,
		`a.b.c[9] == NULL`:              true,
		`a.b.x.y == NULL`:               true,
		`a.AND == 1`:                    true,
		`languages[1] == "es"`:          true,
		`type[0] == NULL`:               true,
		`note == NULL`:                  true,
		`absent == NULL`:                true,
		`absent != NULL`:                false,
		`languages != NULL`:             true,
		`languages == NULL`:             false,
		`languages == languages`:        false,
		`absent == "x"`:                 false,
		`absent != "x"`:                 true,
		`absent > 1`:                    false,
		`vip`:                           true,
		`type`:                          false, // not a boolean
		`absent`:                        false,
		`vip == true AND level == 7`:    true,
		`vip == false OR level == 7`:    true,
		`false AND false OR true`:       true, // AND binds more tightly
		`true OR false AND false`:       true,
		`(true OR false) AND false`:     false,
		`NOT vip`:                       false,
		`NOT (type == "sales")`:         true,
		`'it\'s' == "it's"`:             true,
		`worker.channel.voice.available_capacity_percentage > 50`: true,
	} {
		t.Run(expr, func(t *testing.T) {
			t.Parallel()
			e, err := expression.Parse(expr)
			require.NoError(t, err)
			require.Equal(t, want, e.Match(vars(t, document)))
			require.Equal(t, expr, e.String())
		})
	}
}

func TestParseTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for expr, reason := range map[string]string{
		``:                                 "it is empty",
		`  `:                               "it is empty",
		`a-b == 1`:                         "no hyphens",
		`a -1`:                             "no hyphens",
		`a = 1`:                            "written ==",
		`a == `:                            "missing at the end",
		`a == 'x`:                          "not closed",
		`(a == 1`:                          `")" expected`,
		`a == 1)`:                          `unexpected ")"`,
		`a == 1 and b == 2`:                "in capitals",
		`a has 'x'`:                        "in capitals",
		`a NOT b`:                          "IN expected",
		`a[x] == 1`:                        "an index expected",
		`a[1.5] == 1`:                      "an index expected",
		`a[1 == 1`:                         `"]" expected`,
		`a. == 1`:                          "a name expected",
		`a IN ["x" "y"]`:                   `"," or "]" expected`,
		`a ~ 'x'`:                          "unexpected character",
		`1.2.3 == 1`:                       "not a number",
		`== 1`:                             "a value expected",
		`a == 1 == 2`:                      `unexpected "=="`,
		strings.Repeat("(", 9999):          "nested too deeply",
		strings.Repeat("[", 9999):          "nested too deeply",
		strings.Repeat("NOT ", 9999) + "a": "nested too deeply",
	} {
		t.Run(expr[:min(len(expr), 20)], func(t *testing.T) {
			t.Parallel()
			_, err := expression.Parse(expr)
			var syntax *expression.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Reason, reason)
			require.LessOrEqual(t, syntax.At, len(expr))
		})
	}
}

// A tree of random logic, written out and computed by hand at the same time.
func tree(t *rapid.T, depth int) (expr string, value bool) {
	choice := rapid.IntRange(0, 5).Draw(t, "choice")
	if depth == 0 {
		choice %= 3
	}
	switch choice {
	case 0:
		x, y := rapid.IntRange(-3, 3).Draw(t, "x"), rapid.IntRange(-3, 3).Draw(t, "y")
		op := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
		value = map[string]bool{"==": x == y, "!=": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[op]
		return fmt.Sprintf("%d %s %d", x, op, y), value
	case 1:
		list := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(t, "list")
		items := make([]string, len(list))
		for i, item := range list {
			items[i] = strconv.Quote(item)
		}
		in := rapid.SampledFrom([]string{"IN", "NOT IN"}).Draw(t, "in")
		return fmt.Sprintf("'b' %s [%s]", in, strings.Join(items, ", ")), slices.Contains(list, "b") == (in == "IN")
	case 2:
		value = rapid.Bool().Draw(t, "flag")
		return fmt.Sprintf("flags.%t", value), value
	case 3:
		inner, v := tree(t, depth-1)
		return "NOT (" + inner + ")", !v
	case 4:
		l, lv := tree(t, depth-1)
		r, rv := tree(t, depth-1)
		return "(" + l + ") AND (" + r + ")", lv && rv
	default:
		l, lv := tree(t, depth-1)
		r, rv := tree(t, depth-1)
		return "((" + l + ") OR (" + r + "))", lv || rv
	}
}

func TestLogicAgreesWithTheTreeItWasWrittenFrom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		expr, want := tree(t, 4)
		e, err := expression.Parse(expr)
		require.NoError(t, err)
		require.Equal(t, want, e.Match(map[string]any{"flags": map[string]any{"true": true, "false": false}}), expr)
	})
}

func TestParseSurvivesAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.OneOf(
			rapid.SampledFrom([]string{"a", ".", "[", "]", "(", ")", "1", "-", "'x'", "'", " ", "AND", " OR ", "NOT", " IN ", "==", "!", "NULL", ",", `\`}),
			rapid.String(),
		)).Draw(t, "parts")
		source := strings.Join(parts, "")
		if e, err := expression.Parse(source); err == nil {
			e.Match(map[string]any{"a": []any{1.0}})
		}
		if o, err := expression.ParseOrder(source); err == nil {
			require.Zero(t, o.Compare(nil, nil))
		}
	})
}

func TestOrderPutsTheLevelFirstAndTheUnknownLast(t *testing.T) {
	t.Parallel()
	agents := []string{`{"n":"none"}`, `{"n":"low","worker":{"level":1}}`, `{"n":"high","worker":{"level":9}}`, `{"n":"odd","worker":{"level":[1]}}`}
	for source, want := range map[string][]string{
		"worker.level DESC":        {"high", "low", "none", "odd"},
		"worker.level":             {"low", "high", "none", "odd"},
		"worker.level ASC, n DESC": {"low", "high", "odd", "none"},
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			o, err := expression.ParseOrder(source)
			require.NoError(t, err)
			var docs []map[string]any
			for _, a := range agents {
				docs = append(docs, vars(t, a))
			}
			slices.SortStableFunc(docs, o.Compare)
			var got []string
			for _, d := range docs {
				got = append(got, d["n"].(string))
			}
			require.Equal(t, want, got)
		})
	}
	for _, bad := range []string{"", "DESC DESC DESC", "1", "a,", "a b", "a DOWN"} {
		_, err := expression.ParseOrder(bad)
		require.Error(t, err, bad)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	doc := vars(t, document)
	require.Equal(t, "es", expression.Lookup("task.lang", doc))
	require.Equal(t, "deep", expression.Lookup("a.b.c[1].d", doc))
	for _, nothing := range []string{"", "task.missing", "1", "task.", "task.lang x", "task-lang"} {
		require.Nil(t, expression.Lookup(nothing, doc), nothing)
	}
}
