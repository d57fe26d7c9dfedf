package main

import (
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const lifeDocument = "../../docs/life-of-a-message.md"

// lifeLink is a Markdown link to a file. Its text is in backquotes if it names a declaration.
var lifeLink = regexp.MustCompile("\\[(`?)([^\\]`]+)`?\\]\\(([^)#:]+)\\)")

// TestLifeIsAsTold checks docs/life-of-a-message.md: its links lead to existing files, these
// declare the names in the links, and its figures are those of the test.
func TestLifeIsAsTold(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(lifeDocument)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]map[string]bool{}
	named := 0
	for _, link := range lifeLink.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\n", " "), -1) {
		path := filepath.Join(filepath.Dir(lifeDocument), link[3])
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", link[0], err)
			continue
		}
		if link[1] == "" {
			continue
		}
		named++
		if declared[path] == nil {
			declared[path] = declarations(t, path)
		}
		if !declared[path][link[2]] {
			t.Errorf("%s does not declare %s", path, link[2])
		}
	}
	if named < 40 {
		t.Errorf("got %d links to declarations, want those of all steps", named)
	}
	inputs, message := lifeFiles(t)
	_, followed := lifeIngest(t, inputs, message)
	packed := strings.Join(strings.Fields(string(text)), "")
	for _, want := range []string{
		hex.EncodeToString(message),
		fmt.Sprintf("lane%s,epoch%d,sequence%d", followed.Lane, followed.Epoch, followed.Sequence),
		"event_id='" + followed.EventID() + "'",
	} {
		if !strings.Contains(packed, want) {
			t.Errorf("it does not say %s", want)
		}
	}
}

// declarations returns the functions, methods and types of a Go file, as package.Name and
// package.Type.Method.
func declarations(t *testing.T, path string) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := f.Name.Name + "."
			if d.Recv != nil {
				name += receiver(d.Recv.List[0].Type) + "."
			}
			all[name+d.Name.Name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					all[f.Name.Name+"."+s.Name.Name] = true
				}
			}
		}
	}
	return all
}

func receiver(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
