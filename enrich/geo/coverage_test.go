package geo

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/fetch"
)

// TestDefaultCoverage compares the default data with IPFire's table of October 2022, which is
// independent of both sources: almost all routed space has a country. Run it with -v for the
// figures in docs/enrichment.md.
func TestDefaultCoverage(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	read := func(name string) *layer {
		if _, _, err := b.read(File{Path: name, Kind: KindWhois}); err != nil {
			t.Fatal(err)
		}
		return b.whois[len(b.whois)-1]
	}
	item := func(i fetch.Item) (files []*layer) {
		dir, err := fetch.Dir("", i)
		if err != nil {
			datatest.Missing(t, fmt.Sprintf("%v: `darkmap fetch` brings it", err))
		}
		for _, f := range i.Files {
			files = append(files, read(filepath.Join(dir, f.Name)))
		}
		return files
	}
	truth := read(routedRows(t))
	seats, delegations := item(fetch.Country)[0], item(fetch.Delegations)
	for _, f := range bgp.Families {
		got := compare(b, *truth.of(f), *delegations[f-bgp.IPv4].of(f), *seats.of(f))
		world := got["world"]
		if p := part(world.both[none], world.total); p > 1.5 {
			t.Errorf("%v: %.2f %% of the routed space has no country", f, p)
		}
		if world.both[same] < world.seats[same] || world.both[none] > world.seats[none] {
			t.Errorf("%v: the delegations made it worse: %+v", f, world)
		}
		got.print(t, f)
	}
}

// The possible results of comparing an answer with the table.
const (
	none = iota
	same
	other
	answers
)

// coverage is the space of a country that is located by the origin's registration, by the
// delegations, and by both as in the default data. Units are IPv4 addresses and IPv6 prefixes.
type coverage struct {
	total                    uint64
	seats, delegations, both [answers]uint64
}

// coverages holds the coverage by the country in the table, and the total under "world".
type coverages map[string]*coverage

// compare walks the layers together.
func compare(b *builder, truth, delegations, seats []span) coverages {
	out := coverages{}
	at := 0
	merge([][]span{truth, delegations, seats}, func(first, last uint64, values []uint32) {
		if values[0] == 0 {
			return
		}
		for truth[at].last < first {
			at++
		}
		weight := last - first + 1
		if first > 1<<32 {
			if weight = 1; truth[at].first != first {
				return
			}
		}
		country := func(v uint32) string {
			if v == 0 {
				return ""
			}
			return b.places[v-1].Country
		}
		want := country(values[0])
		for _, name := range []string{want, "world"} {
			c := out[name]
			if c == nil {
				c = &coverage{}
				out[name] = c
			}
			c.total += weight
			count := func(counts *[answers]uint64, v uint32) {
				switch country(v) {
				case "":
					counts[none] += weight
				case want:
					counts[same] += weight
				default:
					counts[other] += weight
				}
			}
			count(&c.seats, values[2])
			count(&c.delegations, values[1])
			count(&c.both, b.register(values[1], 0, values[2]))
		}
	})
	return out
}

func part(n, of uint64) float64 { return 100 * float64(n) / float64(max(of, 1)) }

// print writes a row of the table in docs/enrichment.md for each country.
func (c coverages) print(t *testing.T, f bgp.Family) {
	t.Helper()
	names := make([]string, 0, len(c))
	for name := range c {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(c[b].total, c[a].total), cmp.Compare(a, b)) })
	for _, name := range names {
		x := c[name]
		row := fmt.Sprintf("%v | %s | %d", f, name, x.total)
		for _, counts := range [][answers]uint64{x.seats, x.delegations, x.both} {
			row += fmt.Sprintf(" | %.1f / %.1f / %.1f", part(counts[none], x.total), part(counts[same], x.total), part(counts[other], x.total))
		}
		t.Log(row)
	}
}

// routedRows writes the rows of IPFire's table that have an origin into a file.
func routedRows(t *testing.T) string {
	t.Helper()
	f, err := os.Open(datatest.Path(t, "enrich", "ipfire-20221029.prefix-asn-cc.tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for lines := bufio.NewScanner(z); lines.Scan(); {
		if row := strings.Split(lines.Text(), "\t"); len(row) > 2 && row[1] != "0" && bgp.CountryName(row[2]) != "" {
			rows.WriteString(lines.Text() + "\n")
		}
	}
	return write(t, filepath.Join(t.TempDir(), "routed.tsv"), rows.String())
}
