package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	gotoken "go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/config"
)

// TestEveryKeyIsRead: every key is read by code other than its config.go and the Faults of its
// section. Otherwise it would be accepted and ignored.
func TestEveryKeyIsRead(t *testing.T) {
	t.Parallel()
	fields := map[string]string{} // the key by its field's position in the source
	program := loadProgram(t)
	for _, k := range config.Keys(defaultConfiguration()) {
		fields[program.place(t, k.Parent, k.Field.Name)] = k.Name
	}
	read := map[string]bool{}
	for _, p := range program.packages {
		readFields(program.fset, p.info, p.files, read)
	}
	for place, key := range fields {
		if !read[place] {
			t.Errorf("%s (%s) is read by nothing but its config.go", key, place)
		}
	}
}

// TestUnreadIsFound: writing a field, and reading it in config.go or in Faults, does not count as
// reading.
func TestUnreadIsFound(t *testing.T) {
	t.Parallel()
	fset, info := gotoken.NewFileSet(), &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	var files []*ast.File
	for name, src := range map[string]string{
		"config.go": "package p\ntype Config struct {\nRead int\nWritten int\nChecked int\nJudged int\n}\nfunc check(c Config) bool { return c.Checked > 0 }",
		"use.go":    "package p\nfunc use(c Config) int { c.Written = 1; return c.Read }\nfunc (c Config) Faults() bool { return c.Judged > 0 }",
	} {
		f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if _, err := (&types.Config{}).Check("p", fset, files, info); err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	readFields(fset, info, files, read)
	if len(read) != 1 || !read["config.go:3"] {
		t.Errorf("got %v, want the field in line 3 alone", read)
	}
}

// readFields records the positions of the fields that the files read, except in config.go and in
// functions named Faults.
func readFields(fset *gotoken.FileSet, info *types.Info, files []*ast.File, read map[string]bool) {
	for _, f := range files {
		if filepath.Base(fset.Position(f.Pos()).Filename) == "config.go" && !isProgram(f) {
			continue
		}
		written := map[ast.Node]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return n.Name.Name != "Faults"
			case *ast.AssignStmt:
				for _, l := range n.Lhs {
					written[l] = n.Tok == gotoken.ASSIGN
				}
			case *ast.SelectorExpr:
				if s := info.Selections[n]; s != nil && s.Kind() == types.FieldVal && !written[n] {
					read[placeOf(fset, s.Obj())] = true
				}
			}
			return true
		})
	}
}

// isProgram reports whether a file belongs to cmd/darkmap, whose config.go also uses the values
// that it reads.
func isProgram(f *ast.File) bool { return f.Name.Name == "main" }

// placeOf returns file and line. They are the same for an object from the source and from export
// data.
func placeOf(fset *gotoken.FileSet, o types.Object) string {
	p := fset.Position(o.Pos())
	dir, file := filepath.Split(p.Filename)
	return filepath.Join(filepath.Base(dir), fmt.Sprintf("%s:%d", file, p.Line))
}

// program is this module, type-checked.
type program struct {
	fset     *gotoken.FileSet
	packages map[string]*checked
}

type checked struct {
	pkg   *types.Package
	info  *types.Info
	files []*ast.File
}

// place is the position of a struct's field.
func (p *program) place(t *testing.T, typ reflect.Type, field string) string {
	t.Helper()
	path := typ.PkgPath()
	if path == "main" {
		path = modulePath + "cmd/darkmap"
	}
	s, ok := p.packages[path].pkg.Scope().Lookup(typ.Name()).Type().Underlying().(*types.Struct)
	if !ok {
		t.Fatalf("%v is no struct", typ)
	}
	for f := range s.Fields() {
		if f.Name() == field {
			return placeOf(p.fset, f)
		}
	}
	t.Fatalf("%v has no %s", typ, field)
	return ""
}

// loadProgram type-checks this module's packages. Others are loaded from export data.
func loadProgram(t *testing.T) *program {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", "embedded", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./cmd/darkmap")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	p := &program{gotoken.NewFileSet(), map[string]*checked{}}
	export := map[string]string{}
	imports := importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
		}
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return p
		} else if err != nil {
			t.Fatal(err)
		}
		export[l.ImportPath] = l.Export
		if !strings.HasPrefix(l.ImportPath, modulePath) {
			continue
		}
		c := &checked{info: &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}}
		for _, name := range l.GoFiles {
			f, err := parser.ParseFile(p.fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			c.files = append(c.files, f)
		}
		if c.pkg, err = (&types.Config{Importer: imports}).Check(l.ImportPath, p.fset, c.files, c.info); err != nil {
			t.Fatal(err)
		}
		p.packages[l.ImportPath] = c
	}
}
