// Package darkmap_test checks the rules of the repository: which package may import which, and that
// every package has a comment.
package darkmap_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/darkmap/darkmap"

// rules lists the packages of this module that a package may import, by path below the module. The
// first prefix that matches decides. A path that ends in / means all packages below it. An allowed
// path includes the packages below it; =PATH is that package alone. Test files may import any
// package.
var rules = []struct {
	pkg     string
	allowed []string
}{
	{"schemas", []string{"schemas"}},
	{"internal/bgp/wire", []string{"internal/bgp", "internal/bgp/wire"}},
	{"internal/bgp", nil},
	{"internal/datatest", nil},
	{"internal/config", []string{"schemas", "internal/bgp", "internal/nearest"}},
	{"internal/telemetry", []string{"schemas", "internal/bgp", "internal/config"}},
	{"internal/atomicfile", nil},
	{"internal/memlimit", nil},
	{"internal/plaintext", nil},
	{"internal/retry", nil},
	{"internal/drain", []string{"internal/retry"}},
	{"internal/kafka", []string{"schemas", "internal/atomicfile", "internal/bgp", "internal/config", "internal/drain", "internal/telemetry", "internal/retry"}},
	{"internal/runner", []string{"schemas", "internal/bgp", "internal/config", "internal/telemetry", "internal/retry", "internal/kafka"}},
	{"internal/codec", []string{"schemas", "internal/bgp"}},
	{"internal/bzip2", nil},
	{"internal/capture", []string{"internal/bgp", "internal/bzip2"}},
	{"internal/querydoor", []string{"internal/query", "internal/telemetry"}},
	{"internal/query", []string{"internal/bgp"}},
	{"internal/", []string{"schemas", "internal/"}},
	{"ingest", []string{"schemas", "internal/", "ingest"}},
	{"enrich", []string{"schemas", "internal/", "enrich"}},
	{"detect/checkpoint", []string{"schemas", "internal/", "detect/snapshot"}},
	{"detect/core", append([]string{"detect/clock", "detect/rib", "detect/panel", "detect/visibility", "detect/outage", "detect/watchlist"}, pure...)},
	{"detect/visibility", append([]string{"detect/rib", "detect/panel", "detect/outage", "detect/watchlist"}, pure...)},
	{"detect/clock", pure},
	{"detect/rib", pure},
	{"detect/panel", pure},
	{"detect/outage", pure},
	{"detect/watchlist", pure},
	{"detect/snapshot", []string{"internal/bgp", "detect/snapshot"}},
	{"detect", []string{"schemas", "internal/", "detect"}},
	{"sink", []string{"schemas", "internal/", "sink"}},
	{"notify/target/text", []string{"internal/plaintext"}},
	{"notify/target/", []string{"schemas", "internal/", "=notify/target", "notify/target/text", "notify/target/httpclient"}},
	{"notify/target", []string{"schemas", "internal/"}},
	{"notify/incident", []string{"schemas", "internal/", "notify/incident", "=notify/target", "notify/target/text"}},
	{"notify", []string{"schemas", "internal/", "notify"}},
	{"serve/access", []string{"internal/telemetry"}},
	{"serve/live", []string{"schemas", "internal/", "serve/live"}},
	{"serve/history", []string{"schemas", "internal/", "serve/live"}},
	{"serve/api", []string{"schemas", "internal/", "serve"}},
	{"serve/page", []string{"schemas", "internal/", "serve"}},
	{"serve/worldmap/geometry", nil},
	{"serve/worldmap/make", []string{"internal/", "serve/worldmap"}},
	{"serve/worldmap", []string{"internal/bgp", "internal/plaintext", "serve/worldmap/geometry"}},
	{"serve", []string{"schemas", "internal/", "serve"}},
	{"eval", []string{"schemas", "internal/", "detect", "eval"}},
	{"examples", nil},
	{"deploy", nil},
	{"tools", []string{"schemas", "internal/"}},
	{"cmd/darkmap", []string{"schemas", "internal/", "ingest", "enrich", "detect", "sink", "notify", "serve", "eval"}},
}

// pure lists the packages of this module that the detector's packages may import: types, not
// clients. internal/config is for their config.go.
var pure = []string{"schemas", "internal/bgp", "internal/codec", "internal/config", "internal/plaintext", "internal/query", "detect/snapshot"}

// unlinked lists packages and the import paths that they must not link, directly or not.
var unlinked = []struct{ pkg, without string }{
	{"detect/core", "github.com/twmb/franz-go"},
	{"detect/core", "github.com/prometheus"},
	{"detect/core", "net/http"},
}

type goPackage struct {
	ImportPath, Dir                    string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports                            []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", "embedded", "-json=ImportPath,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var all []goPackage
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// within reports whether path is prefix or below it. "internal/" means all packages below internal.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

// permits reports whether an entry of allowed permits the import of a package.
func permits(allowed, imported string) bool {
	if one, ok := strings.CutPrefix(allowed, "="); ok {
		return imported == one
	}
	return within(imported, allowed)
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if path == "" {
			continue
		}
		i := slices.IndexFunc(rules, func(r struct {
			pkg     string
			allowed []string
		},
		) bool {
			return within(path, r.pkg)
		})
		if i < 0 {
			t.Errorf("%s has no place in the tree: name it in rules and in docs/architecture.md", path)
			continue
		}
		for _, imp := range p.Imports {
			imported, ours := strings.CutPrefix(imp, module+"/")
			switch {
			case !ours:
			case strings.HasSuffix(imported, "test") && !strings.HasSuffix(path, "test"):
				t.Errorf("%s imports the test helper %s", path, imported)
			case !slices.ContainsFunc(rules[i].allowed, func(a string) bool { return permits(a, imported) }):
				t.Errorf("%s imports %s: allowed are %v", path, imported, rules[i].allowed)
			}
		}
	}
}

// TestUnlinked checks that pure packages link none of the forbidden packages, directly or not.
func TestUnlinked(t *testing.T) {
	t.Parallel()
	for _, tt := range unlinked {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+tt.pkg).Output()
		if err != nil {
			t.Fatalf("listing what %s links: %v", tt.pkg, err)
		}
		if bad := linked(string(out), tt.without); len(bad) > 0 {
			t.Errorf("%s links %v", tt.pkg, bad)
		}
	}
	if bad := linked("fmt\ngithub.com/prometheus/client_golang/prometheus\n", "github.com/prometheus"); len(bad) != 1 {
		t.Errorf("a package that links Prometheus passes: got %v", bad)
	}
}

// linked returns the packages of a list, one a line, that are prefix or below it.
func linked(list, prefix string) []string {
	return slices.DeleteFunc(strings.Fields(list), func(pkg string) bool { return !within(pkg, prefix) })
}

func TestPackageComments(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 || strings.HasSuffix(p.ImportPath, "/schemas/darkmapv1") {
			continue
		}
		commented := false
		for _, f := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			commented = commented || file.Doc != nil
		}
		if !commented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// homes lists the packages of this module that may import a library. An empty list means tests
// only.
var homes = map[string][]string{
	"github.com/twmb/franz-go/pkg/kfake":                      {"internal/kafka", "internal/kafkatest"},
	"github.com/ClickHouse/clickhouse-go/v2":                  {"internal/clickhouse", "sink"},
	"github.com/ClickHouse/ch-go":                             {"internal/clickhouse", "sink"},
	"github.com/oschwald/maxminddb-golang/v2":                 {"enrich/geo"},
	"github.com/gaissmai/bart":                                {"enrich"},
	"github.com/osrg/gobgp/v4/pkg/packet/bgp":                 {},
	"golang.org/x/tools/go/packages":                          {},
	"github.com/ebitengine/purego":                            {"internal/clickhouse"},
	"github.com/alecthomas/kong":                              {"cmd/darkmap", "internal/completion"},
	"go.yaml.in/yaml/v3":                                      {"internal/config", "internal/datatest", "ingest/watch/draft"},
	"github.com/valyala/fastjson":                             {"internal/bgp/wire"},
	"github.com/coder/websocket":                              {"ingest/rislive", "internal/rislivetest"},
	"github.com/miekg/dns":                                    {"ingest/watch/hosts", "internal/dnstest"},
	"github.com/cenkalti/backoff/v4":                          {"internal/retry"},
	"github.com/prometheus/client_golang/prometheus/promhttp": {"internal/telemetry"},
	"github.com/wneessen/go-mail":                             {"notify/target/mail"},
	"github.com/emersion/go-smtp":                             {},
	"github.com/nicholas-fedor/shoutrrr/pkg/router":           {"notify/target/shoutrrr"},
	"github.com/paulmach/orb":                                 {"serve/worldmap"},
}

// builders lists constructors, and the only packages that may call each.
var builders = map[string][]string{
	"kgo.NewClient":               {"internal/kafka", "examples"},
	"kgo.NewGroupTransactSession": {"internal/kafka"},
	"prometheus.NewRegistry":      {"internal/telemetry"},
	"prometheus.NewDesc":          {}, // metrics are made with promauto, which registers them
	"prometheus.NewCounter":       {},
	"prometheus.NewCounterVec":    {},
	"prometheus.NewCounterFunc":   {},
	"prometheus.NewGauge":         {},
	"prometheus.NewGaugeVec":      {},
	"prometheus.NewGaugeFunc":     {},
	"prometheus.NewHistogram":     {},
	"prometheus.NewHistogramVec":  {},
	"prometheus.NewSummary":       {},
	"prometheus.NewSummaryVec":    {},
	"prometheus.NewUntypedFunc":   {},
	"ch.Dial":                     {"internal/clickhouse"},
	"context.Background":          {"cmd/darkmap", "examples", "serve/worldmap/make", "tools/kafka", "tools/plainwords"},
}

// TestHomes checks that each library and each constructor is used in its own packages only.
func TestHomes(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, imp := range p.Imports {
			if allowed, ok := homes[imp]; ok && !isWithin(path, allowed) {
				t.Errorf("%s imports %s, whose home is %v", path, imp, allowed)
			}
		}
		if strings.HasSuffix(path, "test") {
			continue
		}
		for _, f := range p.GoFiles {
			for _, call := range calls(t, filepath.Join(p.Dir, f)) {
				if allowed, ok := builders[call]; ok && !isWithin(path, allowed) {
					t.Errorf("%s/%s calls %s, which %v may", path, f, call, allowed)
				}
			}
		}
	}
}

func isWithin(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return within(path, p) })
}

// calls lists the functions of other packages that a file calls, as they are written there.
func calls(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok {
					all = append(all, pkg.Name+"."+sel.Sel.Name)
				}
			}
		}
		return true
	})
	return all
}
