package handlers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/schema"
)

// coreCodes are the codes of the core's reasons, as its sources have them: the constants CodeX that are strings.
func coreCodes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../call/*.go")
	require.NoError(t, err)
	var codes []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(source, func(n ast.Node) bool {
			c, ok := n.(*ast.ValueSpec)
			if !ok || len(c.Values) != 1 || !strings.HasPrefix(c.Names[0].Name, "Code") {
				return true
			}
			if value, ok := c.Values[0].(*ast.BasicLit); ok && value.Kind == token.STRING {
				code, err := strconv.Unquote(value.Value)
				require.NoError(t, err)
				codes = append(codes, code)
			}
			return true
		})
	}
	require.Contains(t, codes, call.CodeCallEnded)
	require.Contains(t, codes, call.CodeSupervisorLeg)
	return codes
}

func TestEveryReasonOfTheCoreIsInTheContract(t *testing.T) {
	t.Parallel()
	listed := map[int]string{}
	for _, row := range regexp.MustCompile("(?m)^ *\\| ([45][0-9]{2}) \\| (`.*) \\|$").FindAllStringSubmatch(string(schema.OpenAPI), -1) {
		status, err := strconv.Atoi(row[1])
		require.NoError(t, err)
		listed[status] = row[2]
	}
	require.NotEmpty(t, listed)
	for _, code := range coreCodes(t) {
		p := problemOf(notAllowed(&call.NotAllowed{Code: code, Message: "not now"}))
		require.Contains(t, listed[p.status], "`"+p.code+"`", "%s is answered with %d", code, p.status)
	}
	ends := regexp.MustCompile(`ended_by: .*description: "([^"]*)"`).FindStringSubmatch(string(schema.OpenAPI))
	require.Len(t, ends, 2)
	for _, who := range []string{"customer", RoleAgent, string(call.RoleExternal), RoleSupervisor, RoleAdmin, "taskrouter", "system"} {
		require.Contains(t, ends[1], who)
	}
}
