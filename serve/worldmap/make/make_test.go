package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/fetch"
)

// TestWorldIsCurrent checks that the committed map is the output of this program.
func TestWorldIsCurrent(t *testing.T) {
	t.Parallel()
	dir, err := fetch.Dir("", worldAtlas)
	if err != nil {
		datatest.Missing(t, "world-atlas is not in the cache: run `make deps` or `make map`")
	}
	got, err := generate(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../world.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("serve/worldmap/world.json is another map: run `make map` and commit it")
	}
}

// file writes a TopoJSON file with the geometries. Its arcs are the two halves of a square.
func file(t *testing.T, geometries string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "countries.json")
	text := `{"type":"Topology","transform":{"scale":[0.5,2],"translate":[-10,20]},"arcs":[[[0,0],[4,0],[0,1]],[[0,0],[0,1],[4,0]]],
		"objects":{"countries":{"type":"GeometryCollection","geometries":[` + geometries + `]}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadTopology(t *testing.T) {
	t.Parallel()
	got, err := readTopology(file(t, `{"type":"Polygon","arcs":[[0,-2]],"id":"408","properties":{"name":"North Korea"}},
		{"type":"MultiPolygon","arcs":[[[1,-1]],[[0,-2]]],"properties":{"name":"Kosovo"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.geometries) != 2 || got.geometries[0].id != "408" || got.geometries[1].name != "Kosovo" || len(got.geometries[1].polygons) != 2 {
		t.Fatalf("got %+v", got.geometries)
	}
	drawn, err := polygon(got.geometries[0].polygons[0], got.arcs)
	want := orb.Polygon{{{-10, 20}, {-8, 20}, {-8, 22}, {-10, 22}, {-10, 20}}}
	if err != nil || !cmp.Equal(drawn, want) {
		t.Errorf("got %v, %v, want %v", drawn, err, want)
	}
	if _, err := polygon([][]int{{0, 1}}, got.arcs); !errors.Is(err, errTorn) {
		t.Errorf("arcs that do not meet: got %v", err)
	}
}

func TestReadTopologyErrors(t *testing.T) {
	t.Parallel()
	for geometries, says := range map[string]string{
		``: "it has no countries",
		`{"type":"Polygon","arcs":[[0,-4]],"id":"408","properties":{"name":"North Korea"}}`: "there is no arc",
		`{"type":"Point","id":"408","properties":{"name":"North Korea"}}`:                   "type Point",
		`{"type":"Polygon","arcs":[0],"id":"408","properties":{"name":"North Korea"}}`:      "reading North Korea",
	} {
		if _, err := readTopology(file(t, geometries)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", geometries, err, says)
		}
	}
}

// TestCodeOf checks that a shape with neither a number nor a place in the table is an error with
// its name, and never left out.
func TestCodeOf(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   geometryObject
		want string
		says string
	}{
		"number":       {geometryObject{id: "408", name: "North Korea"}, "KP", ""},
		"number of AF": {geometryObject{id: "004", name: "Afghanistan"}, "AF", ""},
		"name":         {geometryObject{name: "Kosovo"}, "XK", ""},
		"no code":      {geometryObject{name: "Siachen Glacier"}, "", ""},
		"a new name":   {geometryObject{name: "Atlantis"}, "", `"Atlantis" has no number`},
		"no country":   {geometryObject{id: "150", name: "Europe"}, "", "is no country"},
		"no number":    {geometryObject{id: "KP", name: "North Korea"}, "", "North Korea"},
	} {
		got, err := codeOf(tt.in)
		if got != tt.want || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %q, %v, want %q, %q", name, got, err, tt.want, tt.says)
		}
	}
}
