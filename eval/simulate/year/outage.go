package year

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// outage is an outage as it was, and the detector's findings about it.
type outage struct {
	kind   bgp.Kind
	entity bgp.Entity
	family int // 0 is IPv4
	// start and end are seconds since 1970. If end is after the end of the year, no record has it.
	start, end int64
	reason     bgp.EndReason
	id         string
	// before is the event that this one continues. after is the event that continues this one.
	before, after *outage
	// again is the time at which the outage began again after a first end, or 0.
	again int64
	// suspected: a suspected record comes before the outage opens. takenBack: the outage never
	// opens.
	suspected, takenBack bool
	blip                 bool

	country, region int   // the location; -1 is everywhere
	origins         []int // ASes that originate the lost prefixes, those with most of them first
	upstreams       []int
	lost, usual     int // prefixes
	sample          []int
	parents         []*outage
	movedTo         []int
	watch           []bgp.WatchMember
	unexpected      []bgp.UnexpectedRoute
	// hidden: the outage takes nothing from the space of wider entities, since an outage around it
	// takes it already.
	hidden bool
	// quiet: no space is lost.
	quiet bool
	// routes: the route changes contain withdrawals and announcements of the sample.
	routes bool
}

// percent returns the lost share, in hundredths of a percent.
func (o *outage) percent() bgp.Decimal {
	if o.usual == 0 {
		return 0
	}
	return bgp.Decimal(min(o.lost, o.usual) * 10_000 / o.usual)
}

func (o *outage) bgpFamily() bgp.Family { return bgp.Families[o.family] }

// severity grades the loss as the detector does. An outage of kind moved loses no space.
func (o *outage) severity() bgp.Severity {
	if o.kind == bgp.KindMoved {
		return bgp.SeverityMinor
	}
	return bgp.GradeLoss(o.kind, o.percent(), o.usual, o.lost >= o.usual)
}

// maxSample bounds the prefixes that an outage names.
const maxSample = 12

// ofAS returns an outage of an AS that loses some of its prefixes.
func (w *world) ofAS(i, family, lost int, start, lasts int64) *outage {
	a := &w.ases[i]
	o := &outage{
		kind:   bgp.KindOutage,
		entity: bgp.Entity{Type: bgp.EntityAS, Code: asn(i).String(), Name: w.owner(i)},
		family: family, start: start, end: start + lasts,
		reason: bgp.EndRecovered, country: a.country, region: a.region, origins: []int{i},
		upstreams: []int{a.upstreams[0]}, lost: lost, usual: a.prefixes[family],
	}
	for n := range min(lost, maxSample) {
		o.sample = append(o.sample, a.first[family]+n)
	}
	return o
}

// ofPrefix returns an outage of the n-th prefix of an AS.
func (w *world) ofPrefix(i, family, n int, start, lasts int64) *outage {
	o := w.ofAS(i, family, 1, start, lasts)
	o.sample, o.usual = []int{w.ases[i].first[family] + n}, 1
	o.entity = bgp.Entity{Type: bgp.EntityPrefix, Code: prefix(family, o.sample[0]).String(), Name: w.owner(i)}
	return o
}

// ofPlace returns an outage of a country, or of one of its regions if region is not -1. It loses
// the given percentage of its prefixes.
func (w *world) ofPlace(of, region, family, percent int, start, lasts int64) *outage {
	c := &w.countries[of]
	o := &outage{
		kind:   bgp.KindOutage,
		entity: bgp.Entity{Type: bgp.EntityCountry, Code: c.code, Name: c.name}, family: family,
		start: start, end: start + lasts,
		reason: bgp.EndRecovered, country: of, region: region, usual: c.prefixes[family],
		upstreams: []int{w.ases[c.from].upstreams[0], w.ases[c.from].upstreams[1]},
	}
	if region >= 0 {
		o.entity = bgp.Entity{Type: bgp.EntityRegion, Code: c.regions[region].code, Name: c.regions[region].code}
		o.usual = c.regions[region].prefixes[family]
	}
	o.lost = max(1, o.usual*percent/100)
	for _, i := range w.biggest(c, 40) {
		a := &w.ases[i]
		if a.prefixes[family] == 0 || region >= 0 && a.region != region {
			continue
		}
		o.origins = append(o.origins, i)
		for n := 0; n < a.prefixes[family] && len(o.sample) < maxSample; n++ {
			o.sample = append(o.sample, a.first[family]+n)
		}
		if len(o.origins) == 10 {
			break
		}
	}
	return o
}

// sortOutages sorts outages by start, then by entity and family.
func sortOutages(all []*outage) {
	slices.SortStableFunc(all, func(a, b *outage) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.entity.Type, b.entity.Type),
			cmp.Compare(a.entity.Code, b.entity.Code), cmp.Compare(a.family, b.family))
	})
}
