// Package darkmap_test holds the rules of the house: who may import whom, and that every package says what it is.
package darkmap_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go/parser"
	"go/token"
)

const module = "github.com/darkmap/darkmap"

// rules says what a package may import from this module, by path below the module; the first prefix that fits decides.
// A rule ending in / is about everything below; "test:" imports are those that only test files may have.
var rules = []struct {
	pkg     string
	allowed []string
}{
	{"schemas", []string{"schemas"}},
	{"internal/bgp/wire", []string{"internal/bgp", "internal/bgp/wire"}},
	{"internal/bgp", nil},
	{"internal/datatest", nil},
	{"internal/config", []string{"schemas", "internal/bgp"}},
	{"internal/telemetry", []string{"schemas", "internal/bgp", "internal/config"}},
	{"internal/kafka", []string{"schemas", "internal/bgp", "internal/config", "internal/telemetry"}},
	{"internal/runner", []string{"schemas", "internal/bgp", "internal/config", "internal/telemetry", "internal/kafka"}},
	{"internal/codec", []string{"schemas", "internal/bgp"}},
	{"internal/capture", []string{"internal/bgp"}},
	{"internal/", []string{"schemas", "internal/"}},
	{"ingest", []string{"schemas", "internal/", "ingest"}},
	{"enrich", []string{"schemas", "internal/", "enrich"}},
	{"detect", []string{"schemas", "internal/", "detect"}},
	{"sink", []string{"schemas", "internal/", "sink"}},
	{"eval", []string{"schemas", "internal/", "detect", "eval"}},
	{"cmd/darkmap", []string{"schemas", "internal/", "ingest", "enrich", "detect", "sink", "eval"}},
}

type goPackage struct {
	ImportPath, Dir                    string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports                            []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports", "./...")
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

// within reports whether path is prefix or below it; "internal/" holds everything below internal.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
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
			case !slices.ContainsFunc(rules[i].allowed, func(a string) bool { return within(imported, a) }):
				t.Errorf("%s imports %s: allowed are %v", path, imported, rules[i].allowed)
			}
		}
	}
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

// TestClients keeps each kind of client in the one package that builds it.
func TestClients(t *testing.T) {
	t.Parallel()
	homes := map[string][]string{
		"github.com/twmb/franz-go/pkg/kfake":                      {"internal/kafka"},
		"github.com/ClickHouse/clickhouse-go/v2":                  {"internal/clickhouse", "sink", "cmd/darkmap"},
		"github.com/oschwald/maxminddb-golang/v2":                 {"enrich/geo", "enrich/asn", "enrich"},
		"github.com/osrg/gobgp/v4/pkg/packet/bgp":                 {"internal/bgp/wire"},
		"github.com/ebitengine/purego":                            {"internal/clickhouse"},
		"github.com/alecthomas/kong":                              {"cmd/darkmap"},
		"go.yaml.in/yaml/v3":                                      {"internal/config"},
		"github.com/valyala/fastjson":                             {"internal/bgp/wire"},
		"github.com/cosnicolaou/pbzip2":                           {"internal/capture"},
		"github.com/prometheus/client_golang/prometheus/promhttp": {"internal/telemetry"},
	}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, imp := range p.Imports {
			if allowed, ok := homes[imp]; ok && !slices.ContainsFunc(allowed, func(a string) bool { return within(path, a) }) {
				t.Errorf("%s imports %s, whose home is %v", path, imp, allowed)
			}
		}
	}
}
