package workflows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// sealed lists the types of package call that have the marker method, from its source: the compiler cannot tell which a switch lacks.
func sealed(t *testing.T, file, marker string) []string {
	t.Helper()
	return sealedIn(t, "../call/"+file, marker)
}

func sealedIn(t *testing.T, path, marker string) []string {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	var types []string
	for _, d := range source.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != marker || f.Recv == nil {
			continue
		}
		if name, ok := f.Recv.List[0].Type.(*ast.Ident); ok {
			types = append(types, name.Name)
		}
	}
	require.NotEmpty(t, types)
	return types
}

func TestEveryCommandHasAnActivity(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("commands.go")
	require.NoError(t, err)
	for _, name := range sealed(t, "command.go", "command") {
		require.Regexp(t, `case call\.`+name+`:\n\t\treturn workflow\.ExecuteActivity\((within\(ctx, \w+\)|summarising\(ctx\)|handingOver\(ctx\)), a\.`+name+`, c\)`, string(source))
	}
}

func TestEveryCommandOfTheFloorHasAnActivity(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("workspace.go")
	require.NoError(t, err)
	for _, name := range sealedIn(t, "../floor/command.go", "command") {
		require.Regexp(t, `case floor\.`+name+`:\n\t\treturn workflow\.ExecuteActivity\(within\(ctx, \w+\), a\.`+name+`, c\)`, string(source))
	}
}

func TestEveryRequestNamesItsAction(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("requests.go")
	require.NoError(t, err)
	request := regexp.MustCompile(`Requested$`)
	for _, name := range sealed(t, "event.go", "event") {
		if request.MatchString(name) && name != "AssignmentRequested" && name != "CallRequested" {
			require.Contains(t, string(source), "case call."+name+":\n\t\treturn e.Action, true")
		}
	}
}
