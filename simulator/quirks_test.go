package simulator

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// literals are the strings in each test function of the packages under this one: names of subtests are among them.
func literals(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, folder := range []string{".", "expression", "contract"} {
		names, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		require.NoError(t, err)
		require.NotEmpty(t, names, folder)
		for _, name := range names {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			for _, declaration := range file.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
					continue
				}
				test := f.Name.Name
				if folder != "." {
					test = folder + "." + test
				}
				found[test] = []string{}
				ast.Inspect(f.Body, func(n ast.Node) bool {
					if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
						text, err := strconv.Unquote(l.Value)
						require.NoError(t, err)
						found[test] = append(found[test], text)
					}
					return true
				})
			}
		}
	}
	return found
}

var quirkTest = regexp.MustCompile("`((?:[a-z]+\\.)?Test[^`]+)`")

func TestEachQuirkHasTheTestThatItNames(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("QUIRKS.md")
	require.NoError(t, err)
	there := literals(t)
	quirks := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Twilio |") {
			continue
		}
		quirks++
		named := quirkTest.FindAllStringSubmatch(line, -1)
		require.NotEmpty(t, named, "a quirk without a test: %s", line)
		for _, m := range named {
			test, sub, nested := strings.Cut(m[1], "/")
			require.Contains(t, there, test, "a test that is not: %s", line)
			if nested {
				require.Contains(t, there[test], sub, "%s has no such subtest", test)
			}
		}
	}
	require.Greater(t, quirks, 50)
}
