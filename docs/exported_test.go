package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestExported looks for each exported function and method of the packages in
// tests and examples: what none of them calls, nobody has seen work. Methods may
// be called through an interface, as Unwrap is by errors.Is.
func TestExported(t *testing.T) {
	used := usedNames(t)
	for _, dir := range packageDirs {
		all := namesOf(t, dir)
		through := map[string]bool{"Unwrap": true}
		for name, kind := range all {
			if kind == abstract {
				through[name[strings.Index(name, ".")+1:]] = true
			}
		}
		for name, kind := range all {
			last := name[strings.LastIndex(name, ".")+1:]
			if kind == function && ast.IsExported(name) && ast.IsExported(last) && !through[last] && !used[last] {
				t.Errorf("no test and no example uses %s of %s", name, dir)
			}
		}
	}
}

// usedNames are the identifiers in the tests, examples and guides.
func usedNames(t *testing.T) map[string]bool {
	t.Helper()
	used := make(map[string]bool)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		if !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "../examples/") && !strings.HasPrefix(path, "../docs/") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				used[id.Name] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return used
}
