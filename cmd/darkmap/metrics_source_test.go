package main

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// metricHomes lists packages whose metrics have another prefix than the path gives. An empty prefix
// is the caller's.
var metricHomes = map[string]string{
	"ingest/stream":       "darkmap_ingest_",
	"ingest/backlog":      "darkmap_ingest_",
	"internal/clickhouse": "darkmap_store_",
	"internal/telemetry":  "darkmap_",
	"internal/kafka":      "",
}

// TestMetricsAreMade checks that everyMetric makes every metric that the source names, with the
// prefix of its package. layout_test.go keeps other ways to make metrics out of the source.
func TestMetricsAreMade(t *testing.T) {
	t.Parallel()
	all := everyMetric(t)
	named := map[string]bool{}
	for _, o := range metricOptions(t) {
		prefix, other := metricHomes[o.pkg]
		if !other {
			prefix = "darkmap_" + strings.ReplaceAll(o.pkg, "/", "_") + "_"
		}
		known := false
		for name := range all {
			if name == o.name || prefix == "" && strings.HasSuffix(name, "_"+o.name) {
				named[name], known = true, true
			}
		}
		switch {
		case !known:
			t.Errorf("%s: everyMetric does not make %q", o.place, o.name)
		case !strings.HasPrefix(o.name, prefix):
			t.Errorf("%s: %s does not begin with %s", o.place, o.name, prefix)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !named[name] {
			t.Errorf("%s is made, and no source file names it", name)
		}
	}
}

// metricOption is the name in a literal of a metric's options, or "" if it is no string literal.
type metricOption struct{ pkg, place, name string }

// metricOptions finds the options of metrics in all source files.
func metricOptions(t *testing.T) []metricOption {
	t.Helper()
	var all []metricOption
	for _, path := range sourceFiles(t) {
		fset := gotoken.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		pkg := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), filepath.FromSlash("../../")))
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok && isMetricOptions(lit.Type) {
				all = append(all, metricOption{pkg, fset.Position(lit.Pos()).String(), optionName(lit)})
			}
			return true
		})
	}
	return all
}

// sourceFiles returns this module's Go files, without tests and test helpers.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	const root = "../.."
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case d.IsDir() && path != root && (strings.HasPrefix(name, ".") || strings.HasSuffix(name, "test") || name == "testdata"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// isMetricOptions reports whether a type is one of prometheus' options: CounterOpts, GaugeOpts,
// HistogramOpts, SummaryOpts, Opts.
func isMetricOptions(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "prometheus" && strings.HasSuffix(s.Sel.Name, "Opts")
}

// optionName returns the literal of the field Name.
func optionName(lit *ast.CompositeLit) string {
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, _ := kv.Key.(*ast.Ident)
		value, ok := kv.Value.(*ast.BasicLit)
		if ok && key != nil && key.Name == "Name" {
			name, err := strconv.Unquote(value.Value)
			if err == nil {
				return name
			}
		}
	}
	return ""
}
