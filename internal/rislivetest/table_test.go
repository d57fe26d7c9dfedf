package rislivetest_test

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/rislivetest"
)

// TestDumps checks the routes in a collector's tables at the start, while a network is gone, and
// after its return.
func TestDumps(t *testing.T) {
	t.Parallel()
	start := time.Date(2015, 1, 5, 0, 0, 0, 0, time.UTC)
	gone := netip.MustParsePrefix("175.45.176.0/24")
	world, err := simulate.Build(simulate.Scenario{
		Name: "dumps", Seed: 3, Start: start, End: start.Add(3 * time.Hour),
		Losses: []simulate.Loss{{Origin: 131279, Prefixes: []netip.Prefix{gone}, Start: start.Add(20 * time.Minute), End: start.Add(90 * time.Minute)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := world.Export(dir); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(dir, "amsterdam.rib.mrt.gz")
	sched, err := rislivetest.ReadEach(map[string][]string{"rrc00": {first, filepath.Join(dir, "amsterdam.updates.mrt.gz")}})
	if err != nil {
		t.Fatal(err)
	}
	sched = sched.Beside(rislivetest.Quiet([]string{"rrc00"}, 3*time.Hour))
	sched.DumpEvery = time.Hour
	index, err := sched.WriteArchives(t.TempDir(), start, 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	want := holders(t, first)
	var dumps []map[netip.Prefix]map[bgp.Peer]string
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); f[1] == "rib" {
			dumps = append(dumps, holders(t, f[4]))
		}
	}
	if len(dumps) != 3 {
		t.Fatalf("%d dumps, want one an hour", len(dumps))
	}
	for i, d := range dumps {
		if i == 1 {
			if len(d[gone]) > 1 { // one keeps a stuck route
				t.Errorf("%d peers hold %v while it is gone", len(d[gone]), gone)
			}
			continue
		}
		if len(d[gone]) < 3 || len(d) != len(want) {
			t.Errorf("dump %d: %d prefixes, %v at %d peers; want %d and all", i, len(d), gone, len(d[gone]), len(want))
		}
		for p, peers := range want {
			for peer, path := range peers {
				if d[p][peer] != path {
					t.Errorf("dump %d: %v at AS%v by %q, want %q", i, p, peer.ASN, d[p][peer], path)
				}
			}
		}
	}
}

// holders reads a dump and returns the AS path of each prefix at each peer.
func holders(t *testing.T, path string) map[netip.Prefix]map[bgp.Peer]string {
	t.Helper()
	r, err := capture.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // only read
	var d wire.Decoder
	all := map[netip.Prefix]map[bgp.Peer]string{}
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if it.Kind != capture.RIB {
			continue
		}
		all[it.Prefix] = map[bgp.Peer]string{}
		for _, e := range it.Entries {
			u, err := d.DecodeAttributes(e.Attributes, wire.Options{ASOctets: e.ASOctets})
			if err != nil {
				t.Fatal(err)
			}
			all[it.Prefix][e.Peer] = u.Attributes.Path.String()
		}
	}
}
