package darkmap_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gopackages "golang.org/x/tools/go/packages"
)

// TestContracts holds two rules outside of the files that own the contracts.
//
//   - word: a constant expression of a typed string of internal/bgp is one of the type's named
//     constants there.
//   - lane: only internal/bgp/lane.go takes lanes apart. Only that file and tests write lanes.
func TestContracts(t *testing.T) {
	t.Parallel()
	for _, f := range brokenContracts(t, "./...") {
		t.Error(f)
	}
}

// TestContractsBroken checks that the rules find the lines that break them, and no others.
func TestContractsBroken(t *testing.T) {
	t.Parallel()
	const dir = "./testdata/contracts"
	var got []string
	for _, f := range brokenContracts(t, dir) {
		got = append(got, fmt.Sprintf("%d: %s", f.at.Line, f.rule))
	}
	var want []string
	broken := regexp.MustCompile(`// broken: (\w+)$`)
	for i, line := range readLines(t, filepath.Join(dir, "violations.go")) {
		if m := broken.FindStringSubmatch(line); m != nil {
			want = append(want, fmt.Sprintf("%d: %s", i+1, m[1]))
		}
	}
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// readLines returns the lines of a file.
func readLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// finding is a line that breaks a rule.
type finding struct {
	at   token.Position
	rule string
	expr string
}

func (f finding) String() string {
	why := map[string]string{
		"word": "is no named constant of internal/bgp",
		"lane": "takes a lane apart, or writes one: internal/bgp/lane.go does",
	}[f.rule]
	return fmt.Sprintf("%s:%d: %s %s", f.at.Filename, f.at.Line, f.expr, why)
}

// brokenContracts checks packages and their tests. The findings are in order, one a line and rule.
func brokenContracts(t *testing.T, pattern string) []finding {
	t.Helper()
	mode := gopackages.NeedName | gopackages.NeedFiles | gopackages.NeedSyntax | gopackages.NeedTypes | gopackages.NeedTypesInfo | gopackages.NeedImports
	pkgs, err := gopackages.Load(&gopackages.Config{Context: t.Context(), Mode: mode, Tests: true, BuildFlags: []string{"-tags=embedded,synctests"}}, pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all []finding
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Fatalf("loading %s: %v", p.ID, e)
		}
		c := contracts{pkg: p, lanes: map[types.Object]bool{}}
		c.follow()
		for _, file := range p.Syntax {
			all = append(all, c.check(file)...)
		}
	}
	slices.SortFunc(all, func(a, b finding) int { return strings.Compare(a.key(), b.key()) })
	return slices.CompactFunc(all, func(a, b finding) bool { return a.key() == b.key() })
}

func (f finding) key() string { return fmt.Sprintf("%s:%6d:%s", f.at.Filename, f.at.Line, f.rule) }

// contracts checks one package.
type contracts struct {
	pkg   *gopackages.Package
	lanes map[types.Object]bool // variables of type string that hold a lane
	found []finding
	test  bool // the file is a test
}

const domain = module + "/internal/bgp"

// check returns the lines of a file that break the rules.
func (c *contracts) check(file *ast.File) []finding {
	name := c.pkg.Fset.Position(file.Pos()).Filename
	c.found, c.test = nil, strings.HasSuffix(name, "_test.go")
	if c.pkg.PkgPath == domain || c.pkg.PkgPath == domain+"_test" {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && c.isWord(e) {
			c.add("word", e)
			return false
		}
		c.lane(n)
		return true
	})
	return c.found
}

func (c *contracts) add(rule string, e ast.Expr) {
	c.found = append(c.found, finding{c.pkg.Fset.Position(e.Pos()), rule, types.ExprString(e)})
}

// isWord reports whether e is a constant of a typed string and is not written as a named constant
// of internal/bgp. In a test, a lane may be such a constant.
func (c *contracts) isWord(e ast.Expr) bool {
	tv := c.pkg.TypesInfo.Types[e]
	if tv.Value == nil || !tv.IsValue() {
		return false
	}
	name, ok := ofDomain(tv.Type)
	return ok && (!c.test || name != "Lane") && !c.isNamed(e)
}

// ofDomain returns the name of a typed string of internal/bgp.
func ofDomain(t types.Type) (string, bool) {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil || n.Obj().Pkg().Path() != domain {
		return "", false
	}
	b, ok := n.Underlying().(*types.Basic)
	return n.Obj().Name(), ok && b.Kind() == types.String
}

// isNamed reports whether e is the name of a constant of internal/bgp.
func (c *contracts) isNamed(e ast.Expr) bool {
	e = ast.Unparen(e)
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	if !ok {
		return false
	}
	k, ok := c.pkg.TypesInfo.Uses[id].(*types.Const)
	return ok && k.Pkg() != nil && k.Pkg().Path() == domain
}

// follow finds the variables that are assigned a lane.
func (c *contracts) follow() {
	for before := -1; before != len(c.lanes); {
		before = len(c.lanes)
		for _, file := range c.pkg.Syntax {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					c.give(n.Lhs, n.Rhs)
				case *ast.ValueSpec:
					var names []ast.Expr
					for _, id := range n.Names {
						names = append(names, id)
					}
					c.give(names, n.Values)
				}
				return true
			})
		}
	}
}

func (c *contracts) give(to, from []ast.Expr) {
	if len(to) != len(from) {
		return
	}
	for i := range to {
		if id, ok := to[i].(*ast.Ident); ok && c.isLane(from[i]) {
			if o := c.pkg.TypesInfo.ObjectOf(id); o != nil {
				c.lanes[o] = true
			}
		}
	}
}

// isLane reports whether e is a lane: an expression of type Lane, a result of GetLane, a field
// named Lane, or a variable that was assigned a lane.
func (c *contracts) isLane(e ast.Expr) bool {
	e = ast.Unparen(e)
	if name, ok := ofDomain(c.pkg.TypesInfo.TypeOf(e)); ok && name == "Lane" {
		return true
	}
	if b, ok := c.pkg.TypesInfo.TypeOf(e).(*types.Basic); !ok || b.Kind() != types.String {
		return false
	}
	switch e := e.(type) {
	case *ast.Ident:
		return c.lanes[c.pkg.TypesInfo.ObjectOf(e)]
	case *ast.SelectorExpr:
		return e.Sel.Name == "Lane"
	case *ast.CallExpr:
		if c.pkg.TypesInfo.Types[e.Fun].IsType() {
			return c.isLane(e.Args[0])
		}
		s, ok := e.Fun.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "GetLane"
	}
	return false
}

// lane finds expressions that take a lane apart and, outside of tests, those that write one.
func (c *contracts) lane(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if c.isStrings(n.Fun) && len(n.Args) > 0 && c.isLane(n.Args[0]) {
			c.add("lane", n)
		}
		if name, ok := ofDomain(c.pkg.TypesInfo.TypeOf(n)); ok && name == "Lane" && c.pkg.TypesInfo.Types[n.Fun].IsType() {
			c.written(n.Args[0])
		}
	case *ast.SliceExpr:
		if c.isLane(n.X) {
			c.add("lane", n)
		}
	case *ast.IndexExpr:
		if c.isLane(n.X) {
			c.add("lane", n)
		}
	case *ast.BinaryExpr:
		if (n.Op == token.EQL || n.Op == token.NEQ) && (c.isLane(n.X) || c.isLane(n.Y)) {
			c.written(n.X)
			c.written(n.Y)
		}
	case *ast.KeyValueExpr:
		if id, ok := n.Key.(*ast.Ident); ok && id.Name == "Lane" {
			c.written(n.Value)
		}
	}
}

// isStrings reports whether fun is a function of package strings other than Clone, which does not
// take a lane apart.
func (c *contracts) isStrings(fun ast.Expr) bool {
	s, ok := ast.Unparen(fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	o, ok := c.pkg.TypesInfo.Uses[s.Sel].(*types.Func)
	return ok && o.Pkg() != nil && o.Pkg().Path() == "strings" && o.Name() != "Clone"
}

// written finds, outside of tests, the string literals that a lane is made of. It ignores the empty
// string.
func (c *contracts) written(e ast.Expr) {
	if c.test {
		return
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING && e.Value != `""` {
			c.add("lane", e)
		}
	case *ast.BinaryExpr:
		c.written(e.X)
		c.written(e.Y)
	}
}
