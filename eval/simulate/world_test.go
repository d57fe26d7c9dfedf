package simulate

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/datatest"
)

func world(t *testing.T, cfg Config) *World {
	t.Helper()
	w, err := December2014(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func export(t *testing.T, w *World) (dir string, files []File) {
	t.Helper()
	dir = t.TempDir()
	files, err := w.Export(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, files
}

func TestWorldIsLargeEnough(t *testing.T) {
	t.Parallel()
	w := world(t, Config{})
	countries := map[string]bool{}
	for _, n := range w.Networks() {
		countries[n.Country] = true
		if bgp.CountryName(n.Country) == "" {
			t.Errorf("%v: nobody knows the country %q", n.ASN, n.Country)
		}
	}
	if all, full := w.Peers(); all < 40 || full < 40 {
		t.Errorf("got %d peers, %d full feeds, want at least 40", all, full)
	}
	if n := len(w.Collectors()); n != 12 {
		t.Errorf("got %d collectors, want 12", n)
	}
	if len(countries) < 40 || len(w.Networks()) < 200 {
		t.Errorf("got %d networks in %d countries, want 200 in 40", len(w.Networks()), len(countries))
	}
	asns := map[bgp.ASN]bool{}
	addresses := map[netip.Addr]bool{}
	for _, p := range w.peers {
		if asns[p.asn] {
			t.Errorf("%v peers twice", p.asn)
		}
		asns[p.asn] = true
		for _, s := range p.sessions {
			if addresses[s.address] {
				t.Errorf("two sessions have the address %v", s.address)
			}
			addresses[s.address] = true
		}
	}
}

func TestNetworksShareNothing(t *testing.T) {
	t.Parallel()
	type owned struct {
		prefix netip.Prefix
		asn    bgp.ASN
	}
	var all []owned
	for _, n := range world(t, Config{}).Networks() {
		for _, p := range n.Prefixes {
			if f := bgp.FamilyOf(p); p.Bits() < f.MinLength() || p.Bits() > f.MaxLength() {
				t.Errorf("%v: %v is too short or too long to count", n.ASN, p)
			}
			all = append(all, owned{p, n.ASN})
		}
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if a.prefix == b.prefix || a.asn != b.asn && a.prefix.Overlaps(b.prefix) {
				t.Errorf("%v of %v and %v of %v overlap", a.prefix, a.asn, b.prefix, b.asn)
			}
		}
	}
}

func TestNorthKorea(t *testing.T) {
	t.Parallel()
	w := world(t, Config{})
	for i, p := range w.peers {
		if p.partial {
			continue
		}
		path := w.path(i, w.topo.node[131279], 0)
		if n := len(path); n < 3 || path[n-1] != 131279 || path[n-2] != 4837 || path[0] != p.asn {
			t.Errorf("%v reaches it by %v, want %v ... 4837 131279", p.asn, path, p.asn)
		}
	}
	want := []string{"intermittent 22 00:00-16:15", "outage 22 16:15-01:46", "outage 23 08:00-08:10", "outage 23 15:41-16:12", "outage 27 10:30-12:30", "outage 28 04:00-05:00"}
	var got []string
	for _, e := range w.Truth() {
		if e.Country != "KP" {
			if e.Kind != "blip" {
				t.Errorf("%s has an event of kind %s", e.Country, e.Kind)
			}
			continue
		}
		got = append(got, e.Kind+e.Start.Format(" 02 15:04")+e.End.Format("-15:04"))
		if len(e.Prefixes) != 4 || e.Kind == "intermittent" && e.Losses < 60 {
			t.Errorf("%s: %d prefixes, %d losses", e.Kind, len(e.Prefixes), e.Losses)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestScheduleSaysWhatIsAssumed(t *testing.T) {
	t.Parallel()
	schedule, err := Schedule()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range schedule {
		for _, b := range []string{r.StartBasis, r.EndBasis} {
			if b != "published" && b != "assumed" {
				t.Errorf("%v: basis %q", r.Start, b)
			}
		}
		if r.Source == "" || r.Note == "" || !r.End.After(r.Start) {
			t.Errorf("row %+v lacks something", r)
		}
	}
}

func TestSeedsDrawDifferentCountries(t *testing.T) {
	t.Parallel()
	seen := map[string]uint64{}
	for seed := uint64(1); seed <= 20; seed++ {
		w := world(t, Config{Seed: seed})
		if before, twice := seen[w.Country()]; twice {
			t.Errorf("seeds %d and %d both draw %s", before, seed, w.Country())
		}
		seen[w.Country()] = seed
		if w.Start().Equal(period[0]) {
			t.Errorf("seed %d does not shift times", seed)
		}
		if w.End().Sub(w.Start()) != 9*24*time.Hour {
			t.Errorf("seed %d lasts %v, want 9 days", seed, w.End().Sub(w.Start()))
		}
	}
}

func TestExportIsDeterministic(t *testing.T) {
	t.Parallel()
	sum := func() string {
		dir, files := export(t, world(t, Config{Seed: 3}))
		h := sha256.New()
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(dir, f.Name))
			if err != nil {
				t.Fatal(err)
			}
			h.Write(fmt.Appendf(nil, "%s %d\n", f.Name, len(b)))
			h.Write(b)
		}
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	if a, b := sum(), sum(); a != b {
		t.Errorf("two exports differ: %s, %s", a, b)
	}
}

func TestLateAndEarlyCollectors(t *testing.T) {
	t.Parallel()
	w := world(t, Config{Late: "tokyo", Early: "london"})
	dir, files := export(t, w)
	n := &naive{t: t}
	for _, f := range files {
		if f.Collector == "" {
			continue
		}
		records := n.read(filepath.Join(dir, f.Name))
		first, last := records[0].at, records[len(records)-1].at
		wantFirst, wantLast := w.start, w.end
		if f.Collector == "tokyo" {
			wantFirst += LateBy.Microseconds()
		}
		if f.Collector == "london" {
			wantLast -= EarlyBy.Microseconds()
		}
		if first < wantFirst || first > wantFirst+30*minute {
			t.Errorf("%s begins %v after its time", f.Name, time.Duration(first-wantFirst)*time.Microsecond)
		}
		if strings.Contains(f.Name, "updates") && (last >= wantLast || last < wantLast-30*minute) {
			t.Errorf("%s ends %v before its time", f.Name, time.Duration(wantLast-last)*time.Microsecond)
		}
	}
	if _, err := December2014(Config{Late: "nowhere"}); err == nil {
		t.Error("a collector that does not exist may be late")
	}
}

func TestBgpdumpReadsTheExport(t *testing.T) {
	t.Parallel()
	bgpdump, err := exec.LookPath("bgpdump")
	if err != nil {
		datatest.Missing(t, "bgpdump is not installed: apt-get install bgpdump")
	}
	w := world(t, Config{})
	dir, files := export(t, w)
	for _, f := range files {
		if f.Collector != "amsterdam" && f.Collector != "ashburn" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), bgpdump, "-m", filepath.Join(dir, f.Name)).Output()
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		got := map[string]int{}
		for line := range strings.Lines(string(out)) {
			got[strings.Split(line, "|")[2]]++
		}
		if want := w.lines(f); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: bgpdump prints %v, want %v", f.Name, got, want)
		}
	}
}

// lines returns the number of lines that bgpdump should print for a file, by kind.
func (w *World) lines(f File) map[string]int {
	out := map[string]int{}
	r := w.record(f.Collector)
	if strings.Contains(f.Name, ".rib.") {
		for _, g := range r.table {
			for _, p := range g {
				out["B"] += len(p)
			}
		}
		return out
	}
	for _, r := range r.records {
		kind := "A"
		switch {
		case r.to != 0:
			kind = "STATE"
		case r.endOfRIB != 0:
			continue
		case r.path == withdrawn:
			kind = "W"
		}
		for n := range w.groups[r.group].prefixes {
			if r.to == 0 && r.mask&(1<<n) != 0 {
				out[kind]++
			}
		}
		if r.to != 0 {
			out[kind]++
		}
	}
	return out
}

func TestTruthIsInTheMessages(t *testing.T) {
	t.Parallel()
	seeds := []uint64{0, 8} // 8 draws a country with IPv6
	if !raceDetector && !testing.Short() {
		for seed := range uint64(21) {
			seeds = append(seeds, seed)
		}
		slices.Sort(seeds)
		seeds = slices.Compact(seeds)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := world(t, Config{Seed: seed})
			dir, files := export(t, w)
			n := readNaive(t, dir, files, w.start, w.end)
			if len(n.records) < 100_000 || len(n.records) > 250_000 {
				t.Errorf("got %d records, want 100,000 to 250,000", len(n.records))
			}
			checkTruth(t, w, n)
		})
	}
}

// checkTruth compares the minutes in which less than half of the peers held a prefix with the
// world's truth.
func checkTruth(t *testing.T, w *World, n *naive) {
	t.Helper()
	dark := map[netip.Prefix]bool{}
	for _, e := range w.Truth() {
		for _, p := range e.Prefixes {
			dark[p] = dark[p] || e.Kind != "blip"
			switch e.Kind {
			case "outage":
				checkOutage(t, w, n, e, p)
			case "intermittent":
				checkFlaps(t, w, n, e, p)
			case "blip":
				if m := longest(n.low[n.prefix(p)]); m > 4 || m == 0 {
					t.Errorf("blip of %v: %d minutes, want 1 to 4", p, m)
				}
			}
		}
	}
	for _, p := range n.all {
		if moved := slices.ContainsFunc(w.Truth(), func(e Event) bool { return e.Kind == "moved" && slices.Contains(e.Prefixes, p) }); moved && len(n.low[n.prefix(p)]) > 0 {
			t.Errorf("%v moves and is dark for %d minutes", p, len(n.low[n.prefix(p)]))
		}
		if m := longest(n.some[n.prefix(p)]); m >= 10 {
			t.Errorf("%v is partly visible for %d minutes", p, m)
		}
		if !dark[p] && longest(n.low[n.prefix(p)]) >= 5 {
			t.Errorf("%v is dark for %d minutes, and nothing is the matter", p, longest(n.low[n.prefix(p)]))
		}
	}
	if len(n.all) < 1000 {
		t.Errorf("got %d prefixes, want at least 1,000", len(n.all))
	}
}

// checkOutage requires that the prefix is dark in every minute from the start, or the one after, to
// the end.
func checkOutage(t *testing.T, w *World, n *naive, e Event, p netip.Prefix) {
	t.Helper()
	from, to := int((e.Start.UnixMicro()-w.start)/minute), int((w.until(e.End)-w.start)/minute)
	to = min(to, n.minutes)
	low := map[int]bool{}
	for _, m := range n.low[n.prefix(p)] {
		low[m] = true
	}
	for m := from + 1; m < to; m++ {
		if !low[m] {
			t.Errorf("%v is visible in minute %d of an outage from %d to %d", p, m, from, to)
			return
		}
	}
	if low[from-1] || low[to+1] {
		t.Errorf("%v is dark before minute %d or after minute %d", p, from, to)
	}
}

// checkFlaps requires as many dark runs of minutes as there are losses, each shorter than five
// minutes.
func checkFlaps(t *testing.T, w *World, n *naive, e Event, p netip.Prefix) {
	t.Helper()
	from, to := int((e.Start.UnixMicro()-w.start)/minute), int((e.End.UnixMicro()-w.start)/minute)
	var within []int
	stretches := 0
	for _, m := range n.low[n.prefix(p)] {
		if m >= from && m < to {
			if len(within) == 0 || within[len(within)-1] != m-1 {
				stretches++
			}
			within = append(within, m)
		}
	}
	if stretches != e.Losses || longest(within) >= 5 {
		t.Errorf("%v flaps %d times, at most %d minutes, want %d times and less than 5", p, stretches, longest(within), e.Losses)
	}
}
