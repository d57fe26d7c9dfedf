package past

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
)

const (
	// sample is the part of the span for which the updates of all collectors are looked up, to
	// estimate the size of each collector's updates.
	sample = time.Hour
	// sparePermille is the wanted number of voters, in thousandths of the number that a verdict
	// needs. Networks peer with several collectors, and have one vote.
	sparePermille = 1500
	// voterGuess is the assumed number of voters of a collector whose table has an unknown size.
	voterGuess = 5
	// mostNamed bounds the collectors that a sentence names.
	mostNamed = 8
)

// octetsPerRoute is the average size of a route in a table, by the extension of its file. Measured:
// 10 in RIS' bview.20020722.2337.gz, 4 in the beginning of RouteViews' rib.20140523.0600.bz2. The
// others are assumed.
var octetsPerRoute = []struct {
	ending string
	octets int64
}{{".gz", 10}, {".bz2", 4}, {".zst", 8}, {"", 60}}

// tableSizes gives the approximate number of routes of a full feed, IPv4 and IPv6 together, in the
// January of a year, from the CIDR Report.
var tableSizes = []struct{ year, routes int64 }{
	{1998, 50_000}, {2005, 155_000}, {2010, 310_000}, {2015, 540_000}, {2020, 890_000}, {2025, 1_200_000},
}

// routes estimates the number of routes of a full feed at a time.
func routes(t time.Time) int64 {
	at := float64(t.Year()) + float64(t.YearDay()-1)/366
	for i := 1; i < len(tableSizes); i++ {
		if a, b := tableSizes[i-1], tableSizes[i]; at < float64(b.year) || i == len(tableSizes)-1 {
			share := (at - float64(a.year)) / float64(b.year-a.year)
			return max(tableSizes[0].routes, a.routes+int64(share*float64(b.routes-a.routes)))
		}
	}
	return tableSizes[0].routes
}

// voters estimates the number of full feeds in a table from its size. It is 0 if the size is
// unknown.
func voters(table archive.File) int {
	name := base(table)
	for _, p := range octetsPerRoute {
		if strings.HasSuffix(name, p.ending) {
			return int(table.About() / (p.octets * routes(table.Begin)))
		}
	}
	return 0
}

// candidate is a collector that may be chosen.
type candidate struct {
	name   string
	voters int
	octets int64 // of its table and, estimated, of its updates; 0: unknown
}

// candidates returns the collectors to take: all that have a table in reach, or enough of them for
// a panel.
func (s *Selection) candidates(ctx context.Context) ([]string, error) {
	near := s.From.Add(reach)
	if near.After(s.Until) {
		near = s.Until
	}
	tables, err := s.finder.Find(ctx, archive.Every, archive.RIB, s.From.Add(-reach), near)
	if err != nil {
		return nil, err
	}
	until := s.From.Add(sample)
	if until.After(s.Until) {
		until = s.Until
	}
	updates, err := s.finder.Find(ctx, archive.Every, archive.Updates, s.From, until.Add(-time.Microsecond))
	if err != nil {
		return nil, err
	}
	byName, rates := map[string][]archive.File{}, map[string]int64{}
	for _, t := range tables {
		byName[t.Collector] = append(byName[t.Collector], t)
	}
	var without []string
	for _, f := range updates {
		if _, ok := byName[f.Collector]; !ok && !slices.Contains(without, f.Collector) {
			without = append(without, f.Collector)
		}
		rates[f.Collector] += f.About()
	}
	slices.Sort(without)
	switch {
	case len(byName) == 0: // Find notes for each that it has none
		return without, nil
	case len(without) > 0:
		s.note("left out, for they have no table from %s to %s: %s", minute(s.From.Add(-reach)), minute(near),
			some(without))
	}
	all := candidatesOf(byName, rates, func(t archive.File) float64 {
		return float64(s.Until.Sub(t.Begin)) / float64(until.Sub(s.From))
	}, s.From)
	if s.All {
		return names(all), nil
	}
	chosen := choose(all, s.Panel.Voters*sparePermille/1000, s.Panel.Collectors)
	if len(chosen) < len(all) {
		s.note("%d of %d collectors are taken, those with the least octets for a panel: "+
			"--collectors names others, --all-collectors takes all", len(chosen), len(all))
	}
	return names(chosen), nil
}

// candidatesOf returns the collectors with a table, by name. It includes those without updates in
// the sample only if no collector has any. spans returns how many times longer than the sample the
// updates to take are, for a collector that begins with a table.
func candidatesOf(
	tables map[string][]archive.File, rates map[string]int64, spans func(archive.File) float64,
	from time.Time,
) []candidate {
	var all []candidate
	for name, list := range tables {
		rate, some := rates[name]
		if !some && len(rates) > 0 {
			continue
		}
		t := list[start(list, from)]
		c := candidate{name: name, voters: voters(t)}
		if t.About() > 0 {
			c.octets = t.About() + int64(spans(t)*float64(rate))
		} else {
			c.voters = voterGuess
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b candidate) int { return strings.Compare(a.name, b.name) })
	return all
}

// choice is the cheapest set of collectors found so far with a given number of voters on a given
// number of collectors.
type choice struct {
	octets int64
	of     []int // indexes of candidates; nil: none
	found  bool
}

// choose returns the cheapest set of candidates, by octets, with at least the given number of
// voters and of collectors. If there is no such set, it returns all. A candidate with unknown
// octets counts as large as the largest.
func choose(all []candidate, voters, collectors int) []candidate {
	largest := int64(1)
	for _, c := range all {
		largest = max(largest, c.octets)
	}
	// by collectors and voters, each capped at the needed number
	best := make([][]choice, collectors+1)
	for k := range best {
		best[k] = make([]choice, voters+1)
	}
	best[0][0].found = true
	for i, c := range all {
		octets := c.octets
		if octets == 0 {
			octets = largest
		}
		for k := collectors; k >= 0; k-- {
			for v := voters; v >= 0; v-- {
				from := best[k][v]
				to := &best[min(k+1, collectors)][min(v+c.voters, voters)]
				if from.found && (!to.found || from.octets+octets < to.octets) {
					*to = choice{from.octets + octets, append(slices.Clone(from.of), i), true}
				}
			}
		}
	}
	end := best[collectors][voters]
	if !end.found {
		return all
	}
	var chosen []candidate
	for _, i := range end.of {
		chosen = append(chosen, all[i])
	}
	return chosen
}

func names(all []candidate) []string {
	var out []string
	for _, c := range all {
		out = append(out, c.name)
	}
	return out
}

// some lists names, at most mostNamed.
func some(names []string) string {
	if n := len(names) - mostNamed; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), n)
	}
	return strings.Join(names, ", ")
}
