package darkmap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestRaceless checks that the packages that the Makefile tests without the race detector start no
// goroutine, parallel tests aside, and share no data between goroutines that needs a lock.
func TestRaceless(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^RACELESS := ((?:.*\\\n)*.*)$`).FindSubmatch(makefile)
	if list == nil {
		t.Fatal("the Makefile has no RACELESS")
	}
	names := strings.Fields(strings.ReplaceAll(string(list[1]), "\\\n", " "))
	all := packages(t)
	for _, name := range names {
		i := slices.IndexFunc(all, func(p goPackage) bool { return p.ImportPath == strings.TrimSuffix(module+"/"+name, "/.") })
		if i < 0 {
			t.Errorf("RACELESS names %s, which is no package", name)
			continue
		}
		for _, file := range slices.Concat(all[i].GoFiles, all[i].TestGoFiles, all[i].XTestGoFiles) {
			path := filepath.Join(all[i].Dir, file)
			for _, what := range concurrent(t, path, nil) {
				t.Errorf("%s %s: take %s out of RACELESS in the Makefile", path, what, name)
			}
		}
	}
	const bad = `package x; import "sync"; func f() { go f(); g.Go(f); time.AfterFunc(0, f) }`
	if got := concurrent(t, "bad.go", bad); len(got) != 4 {
		t.Errorf("got %q, want an import and three calls", got)
	}
}

// concurrent describes the uses of goroutines in a file. text is the source; nil reads the file.
func concurrent(t *testing.T, path string, text any) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value) // the parser has read it
		if slices.Contains([]string{"sync", "sync/atomic", "golang.org/x/sync/errgroup", "net/http/httptest", "testing/synctest"}, name) {
			found = append(found, "imports "+name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, "has a go statement")
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Go" || sel.Sel.Name == "AfterFunc") {
				found = append(found, "calls "+sel.Sel.Name)
			}
		}
		return true
	})
	return found
}
