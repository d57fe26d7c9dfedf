package outageview

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// summary names the incidents and their folded outages.
func summary(all []Incident) (out []string) {
	for _, in := range all {
		out = append(out, in.Entity.Code+" "+in.Includes())
	}
	return out
}

func TestFold(t *testing.T) {
	t.Parallel()
	dark := exampleOutages(t)[1]
	with := func(o bgp.Outage, change ...func(*bgp.Outage)) bgp.Outage {
		for _, c := range change {
			c(&o)
		}
		return o
	}
	names := func(p bgp.Outage, percent bgp.Decimal) func(*bgp.Outage) {
		return func(o *bgp.Outage) {
			o.Parents = append(slices.Clone(o.Parents), bgp.Parent{Type: p.Entity.Type, Code: p.Entity.Code, ID: p.ID, SharePercent: 100 * percent})
		}
	}
	toYY := func(o *bgp.Outage) {
		o.ID, o.Entity = "country-YY", bgp.Entity{Type: bgp.EntityCountry, Code: "YY"}
	}
	later := func(d time.Duration) func(*bgp.Outage) {
		return func(o *bgp.Outage) { o.Start = o.Start.Add(d) }
	}
	ends := func(d time.Duration) func(*bgp.Outage) {
		return func(o *bgp.Outage) { end := o.End.Add(d); o.End = &end }
	}
	open := func(o *bgp.Outage) { o.End, o.State, o.EndReason = nil, bgp.StateOpen, bgp.NotEnded }
	other := "203.0.113.0/24"
	region := part(dark, bgp.Entity{Type: bgp.EntityRegion, Code: "ZZ-01"}, 64496, "192.0.2.0/24")
	foreign := part(dark, bgp.Entity{Type: bgp.EntityAS, Code: "AS64497"}, 64497, "192.0.2.0/24", other)
	cutShort := with(dark, func(o *bgp.Outage) { o.LostPrefixesTotal = 100; o.Origins = append(o.Origins, bgp.AS{ASN: 64497}) })
	for name, tt := range map[string]struct {
		outages []bgp.Outage
		want    []string
	}{
		"prefixes, AS and country":             {family(dark), []string{"ZZ +1 AS, +2 prefixes"}},
		"prefixes and AS":                      {family(dark)[:3], []string{"AS64496 +2 prefixes"}},
		"prefixes and country":                 {[]bgp.Outage{dark, family(dark)[0]}, []string{"ZZ +1 prefix"}},
		"a region, once under its AS's":        {append(family(dark), region), []string{"ZZ +1 region, +1 AS, +2 prefixes"}},
		"a prefix of the AS that it lists not": {[]bgp.Outage{exampleAS(dark), examplePrefix(dark, other)}, []string{"AS64496 +1 prefix"}},
		"a prefix that the country lists not":  {[]bgp.Outage{dark, examplePrefix(dark, other)}, []string{"ZZ ", other + " "}},
		"an AS with half elsewhere":            {[]bgp.Outage{dark, foreign}, []string{"ZZ ", "AS64497 "}},
		"the same, of a list cut short":        {[]bgp.Outage{cutShort, foreign}, []string{"ZZ +1 AS"}},
		"other family":                         {[]bgp.Outage{dark, with(exampleAS(dark), func(o *bgp.Outage) { o.Family = "ipv6" })}, []string{"ZZ ", "AS64496 "}},
		"other dataset":                        {[]bgp.Outage{dark, with(exampleAS(dark), func(o *bgp.Outage) { o.Dataset = "x" })}, []string{"ZZ ", "AS64496 "}},
		"moved":                                {[]bgp.Outage{dark, with(exampleAS(dark), func(o *bgp.Outage) { o.Kind = bgp.KindMoved })}, []string{"ZZ ", "AS64496 "}},
		"a blip":                               {[]bgp.Outage{dark, with(exampleAS(dark), func(o *bgp.Outage) { o.Blip = true })}, []string{"ZZ ", "AS64496 "}},
		"flapping within":                      {[]bgp.Outage{dark, with(exampleAS(dark), func(o *bgp.Outage) { o.Kind = bgp.KindIntermittent })}, []string{"ZZ +1 AS"}},
		"20 min before":                        {[]bgp.Outage{with(exampleAS(dark), later(-20*time.Minute)), dark}, []string{"ZZ +1 AS"}},
		"21 min before":                        {[]bgp.Outage{with(exampleAS(dark), later(-21*time.Minute)), dark}, []string{"AS64496 ", "ZZ "}},
		"in the middle":                        {[]bgp.Outage{dark, with(exampleAS(dark), later(3*time.Hour))}, []string{"ZZ +1 AS"}},
		"after the end":                        {[]bgp.Outage{dark, with(exampleAS(dark), later(10*time.Hour))}, []string{"ZZ ", "AS64496 "}},
		"ends 20 min later":                    {[]bgp.Outage{dark, with(exampleAS(dark), ends(20*time.Minute))}, []string{"ZZ +1 AS"}},
		"ends 21 min later":                    {[]bgp.Outage{dark, with(exampleAS(dark), ends(21*time.Minute))}, []string{"ZZ ", "AS64496 "}},
		"goes on":                              {[]bgp.Outage{dark, with(exampleAS(dark), open)}, []string{"ZZ ", "AS64496 "}},
		"both go on":                           {[]bgp.Outage{with(dark, open), with(exampleAS(dark), open)}, []string{"ZZ +1 AS"}},
		"closed, the country's goes on":        {[]bgp.Outage{with(dark, open), exampleAS(dark)}, []string{"ZZ +1 AS"}},
		"40 min before, and names it":          {[]bgp.Outage{with(exampleAS(dark), later(-40*time.Minute), names(dark, 100)), dark}, []string{"ZZ +1 AS"}},
		"half elsewhere, and names it":         {[]bgp.Outage{dark, with(foreign, names(dark, 50))}, []string{"ZZ +1 AS"}},
		"more elsewhere, and names it":         {[]bgp.Outage{dark, with(exampleAS(dark), names(dark, 49))}, []string{"ZZ ", "AS64496 "}},
		"names it, ends 21 min later":          {[]bgp.Outage{dark, with(exampleAS(dark), ends(21*time.Minute), names(dark, 100))}, []string{"ZZ ", "AS64496 "}},
		"names it, goes on":                    {[]bgp.Outage{dark, with(exampleAS(dark), open, names(dark, 100))}, []string{"ZZ ", "AS64496 "}},
		"names it, retracted":                  {[]bgp.Outage{dark, with(exampleAS(dark), names(dark, 100), func(o *bgp.Outage) { o.State = bgp.StateRetracted })}, []string{"ZZ ", "AS64496 "}},
		"names another":                        {[]bgp.Outage{dark, with(exampleAS(dark), names(with(dark, func(o *bgp.Outage) { o.ID = "other" }), 100))}, []string{"ZZ ", "AS64496 "}},
		"names the world and a list alone":     {[]bgp.Outage{dark, with(exampleAS(dark), names(part(dark, bgp.Entity{Type: bgp.EntityWorld, Code: "world"}, 1), 1), names(part(dark, bgp.Entity{Type: bgp.EntityWatch, Code: "w"}, 1), 1))}, []string{"ZZ +1 AS"}},
		"names two countries":                  {[]bgp.Outage{dark, with(dark, toYY), with(exampleAS(dark), names(dark, 40), names(with(dark, toYY), 60))}, []string{"ZZ ", "YY +1 AS"}},
		"names country and region":             {[]bgp.Outage{dark, region, with(exampleAS(dark), names(region, 10), names(dark, 100))}, []string{"ZZ +1 region, +1 AS"}},
		"the world folds nothing":              {[]bgp.Outage{part(dark, bgp.Entity{Type: bgp.EntityWorld, Code: "world"}, 64496, "192.0.2.0/24"), dark}, []string{"world ", "ZZ "}},
	} {
		if diff := cmp.Diff(tt.want, summary(Fold(tt.outages))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestFoldLosesNothing checks that each outage occurs once after folding, and that the incidents
// are the same for any order of the input.
func TestFoldLosesNothing(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	var all []bgp.Outage
	for _, o := range exampleOutages(t) {
		for _, x := range family(o) {
			x.ID, x.Start = x.ID+x.Entity.Code, x.Start.Add(time.Duration(rng.IntN(40)-20)*time.Minute)
			all = append(all, x)
		}
	}
	var want []string
	for n := range 100 {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		incidents, ids, roots := Fold(all), []string{}, []string{}
		for _, in := range incidents {
			roots, ids = append(roots, in.ID), append(ids, in.ID)
			for _, o := range in.Folded {
				ids = append(ids, o.ID)
			}
		}
		slices.Sort(ids)
		slices.Sort(roots)
		if len(slices.Compact(ids)) != len(all) {
			t.Fatalf("shuffle %d: got %d outages of %d", n, len(ids), len(all))
		}
		if n == 0 {
			want = roots
		} else if diff := cmp.Diff(want, roots); diff != "" {
			t.Fatalf("shuffle %d (-first +now):\n%s", n, diff)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	dark := exampleOutages(t)[1]
	for want, all := range map[string][]Incident{
		"0 outages":             nil,
		"1 outage":              Fold([]bgp.Outage{dark}),
		"4 outages":             Unfolded(family(dark)),
		"1 incident, 4 outages": Fold(family(dark)),
	} {
		if got := Count(all); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
