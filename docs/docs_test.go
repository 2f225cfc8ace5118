// Package docs has no code, only tests: what the guides say must be true.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// packageDirs are where the packages are, by name.
var packageDirs = map[string]string{
	"bpfx": "../bpfx", "structops": "../bpfx/structops", "tailcall": "../bpfx/tailcall",
	"iter": "../bpfx/iter", "testpkt": "../bpfx/testpkt",
}

// code is what Markdown shows as code.
var code = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`")

// documents returns the Markdown files of the repository, by path from here.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := make(map[string]string)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		docs[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// TestLinks follows the links from one file to another.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)`)
	for path, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to what isn't there: %v", path, err)
			}
		}
	}
}

// TestNames looks up every name of bpfx's packages that the documents use.
func TestNames(t *testing.T) {
	packages := make(map[string]names)
	for name, dir := range packageDirs {
		packages[name] = namesOf(t, dir)
	}
	use := regexp.MustCompile(`\b(bpfx|structops|tailcall|iter|testpkt)\.([A-Z]\w*(?:\.[A-Z]\w*)?)`)
	checked := 0
	for path, text := range documents(t) {
		for _, span := range code.FindAllString(text, -1) {
			for _, m := range use.FindAllStringSubmatch(span, -1) {
				checked++
				if packages[m[1]][m[2]] == 0 {
					t.Errorf("%s: there is no %s.%s", path, m[1], m[2])
				}
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d names found: is the expression wrong?", checked)
	}
}

// TestExcerpts looks for each piece of Go or C in a guide: it must be in a file
// beside it, which is compiled and run.
func TestExcerpts(t *testing.T) {
	guides, err := filepath.Glob("*/README.md")
	if err != nil || len(guides) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	block := regexp.MustCompile("(?ms)^```(go|c)\n(.*?)^```$")
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		blocks := block.FindAllSubmatch(text, -1)
		if len(blocks) == 0 {
			t.Errorf("%s shows no code", guide)
		}
		for _, m := range blocks {
			if !inFile(t, filepath.Join(filepath.Dir(guide), "*."+string(m[1])), string(m[2])) {
				t.Errorf("%s shows what no .%s file beside it has:\n%s", guide, m[1], m[2])
			}
		}
	}
}

// inFile returns whether a file that pattern matches has the excerpt.
func inFile(t *testing.T, pattern, excerpt string) bool {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), excerpt) {
			return true
		}
	}
	return false
}

// names are what a package exports: "Name", and "Type.Member" for methods and
// fields.
type names map[string]kind

type kind int

const (
	function kind = iota + 1 // or method
	abstract                 // method of an interface
	other
)

// namesOf reads the Go files of a directory, whatever they are built for.
func namesOf(t *testing.T, dir string) names {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	all := make(names)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			all.declare(decl)
		}
	}
	return all
}

// declare adds what a declaration exports.
func (n names) declare(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			n[d.Name.Name] = function
		} else {
			n[receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = function
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					n[name.Name] = other
				}
			case *ast.TypeSpec:
				n[s.Name.Name] = other
				n.members(s)
			}
		}
	}
}

// members adds the fields of a struct and the methods of an interface.
func (n names) members(s *ast.TypeSpec) {
	fields, what := &ast.FieldList{}, other
	switch typ := s.Type.(type) {
	case *ast.StructType:
		fields = typ.Fields
	case *ast.InterfaceType:
		fields, what = typ.Methods, abstract
	}
	for _, f := range fields.List {
		for _, name := range f.Names {
			n[s.Name.Name+"."+name.Name] = what
		}
		embedded, ok := f.Type.(*ast.StarExpr)
		if len(f.Names) > 0 || !ok {
			continue
		}
		if sel, ok := embedded.X.(*ast.SelectorExpr); ok {
			for _, member := range promoted(sel.Sel.Name) {
				n[s.Name.Name+"."+member] = other
			}
		}
	}
}

// promoted returns the methods and fields of a type of cilium/ebpf that one of
// ours embeds.
func promoted(name string) (members []string) {
	typ, ok := map[string]reflect.Type{
		"Program":    reflect.TypeFor[*ebpf.Program](),
		"Collection": reflect.TypeFor[*ebpf.Collection](),
	}[name]
	if !ok {
		return nil
	}
	for i := range typ.NumMethod() {
		members = append(members, typ.Method(i).Name)
	}
	for _, f := range reflect.VisibleFields(typ.Elem()) {
		members = append(members, f.Name)
	}
	return members
}

// receiver returns the name of a receiver's type.
func receiver(typ ast.Expr) string {
	switch x := typ.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}
