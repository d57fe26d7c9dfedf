package core

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

// maxWithin bounds the more specific prefixes that an answer counts, and maxCovering the less
// specific ones that it lists.
const (
	maxWithin   = 10_000
	maxCovering = 10
)

// Answer returns the present state of the subject of q, with up to limit entries in each list. It
// changes nothing, and takes microseconds to a few milliseconds. Do not call it while Apply or
// CloseWindow runs.
func (d *Detector) Answer(q query.Question, limit int) query.Answer {
	limit = min(max(limit, 1), query.MaxLimit)
	out := query.Answer{
		What: q.Code, Kind: q.Kind, Dataset: d.cfg.Dataset, Source: query.SourceLive,
		Outages: []query.Outage{},
	}
	for _, f := range d.families {
		if f.left || q.Prefix.IsValid() && bgp.FamilyOf(q.Prefix) != f.family {
			continue
		}
		a := query.Family{Family: f.family.String(), Panel: f.panelNow()}
		if f.verdicts.minutes > 0 {
			at := time.Unix(f.verdicts.last+windowSeconds, 0).UTC()
			a.At = &at
		}
		t, ok := q.Type()
		key := outage.Key{Family: f.family, Type: t, Code: q.Code}
		switch {
		case q.Kind == query.KindWatch:
		case q.Prefix.IsValid():
			f.answerPrefix(&a, q, limit)
		case ok:
			f.answerEntity(&a, key, limit)
		}
		for _, o := range a.Open {
			if o.Entity.Type == t && o.Entity.Code == q.Code {
				out.Outages = append(out.Outages, o)
			}
		}
		out.Families = append(out.Families, a)
	}
	if q.Kind == query.KindWatch {
		out.Watch = d.answerWatch(q, limit)
		for i := range out.Watch {
			out.Outages = append(out.Outages, out.Watch[i].Open...)
		}
	}
	out.OutagesTotal = len(out.Outages)
	return out
}

// panelNow returns the panel of the last window.
func (f *familyState) panelNow() query.Panel {
	v := &f.verdicts
	p := query.Panel{
		Votes: v.votes, Verdicts: v.why == bgp.VerdictPossible && v.minutes > 0, NoVerdict: v.why,
		Table: f.panel.Knowledge(), PlacesNotJudged: f.judging.notJudged(),
	}
	if v.minutes == 0 {
		p.NoVerdict, p.Text = bgp.NoVerdictPeers, f.family.Title()+": no minute has been decided yet"
		return p
	}
	p.Text = v.why.Sentence(f.family, v.votes)
	return p
}

// answerPrefix answers for a prefix, or for the longest prefix that contains an address: its state,
// the prefixes above it and below it, and open events.
func (f *familyState) answerPrefix(a *query.Family, q query.Question, limit int) {
	above := f.above(q.Prefix)
	if q.Kind == query.KindAddress && len(above) > 0 {
		a.Prefix, above = f.describe(above[0], limit), above[1:]
	}
	if q.Kind == query.KindPrefix {
		_, k, looked := rib.KeyOf(q.Prefix)
		switch {
		case !looked:
			a.Prefix = &query.Prefix{
				Prefix: q.Code, State: query.NotCounted, Voters: f.panel.Voters().N,
				Why: fmt.Sprintf("%s prefixes shorter than /%d or longer than /%d are not looked at",
					f.family.Title(), f.family.MinLength(), f.family.MaxLength()),
			}
		default:
			a.Prefix = f.describe(k, limit)
			above = slices.DeleteFunc(above, func(o rib.Key) bool { return o == k })
			a.Within, a.WithinTotal, a.WithinCut = f.vis.Within(k, min(limit, maxCovering), maxWithin)
		}
	}
	for _, k := range above[:min(len(above), maxCovering)] {
		if b, ok := f.vis.Brief(k); ok {
			a.Covering = append(a.Covering, b)
		}
	}
	if a.Prefix != nil {
		a.Open = f.openAround(a.Prefix)
	}
}

// above lists the prefixes that contain p, p itself included, and that a peer holds or that get
// verdicts. The longest is first.
func (f *familyState) above(p netip.Prefix) []rib.Key {
	var out []rib.Key
	for n := min(p.Bits(), f.family.MaxLength()); n >= f.family.MinLength(); n-- {
		at, err := p.Addr().Prefix(n)
		if err != nil {
			continue
		}
		_, k, ok := rib.KeyOf(at)
		if !ok {
			continue
		}
		if _, there := f.vis.Brief(k); there {
			out = append(out, k)
		}
	}
	return out
}

// describe returns the state of a prefix among the voters, with the names of ASes.
func (f *familyState) describe(k rib.Key, limit int) *query.Prefix {
	out, ok := f.vis.Describe(k, limit)
	switch {
	case f.beacon(k):
		return &query.Prefix{
			Prefix: k.Prefix(f.family).String(), State: query.NotCounted, Voters: f.panel.Voters().N,
			Why: "it is a beacon: it comes and goes on purpose, so what is held of it is not followed",
		}
	case !ok:
		return &query.Prefix{
			Prefix: k.Prefix(f.family).String(), State: query.NeverSeen, Voters: f.panel.Voters().N,
		}
	}
	for _, list := range [][]query.Heard{out.Origins, out.Upstreams, out.LastOrigins, out.LastUpstreams} {
		for i := range list {
			list[i].Name = f.owners.name(list[i].ASN)
		}
	}
	for i := range out.UsualOrigins {
		out.UsualOrigins[i].Name = f.owners.name(out.UsualOrigins[i].ASN)
	}
	return &out
}

// openAround lists the open events of a prefix, of its origins and of its places.
func (f *familyState) openAround(p *query.Prefix) []query.Outage {
	out := f.engine.EventsOf(outage.Key{Family: f.family, Type: bgp.EntityPrefix, Code: p.Prefix})
	origins := p.UsualOrigins
	if len(origins) == 0 {
		for _, h := range append(slices.Clone(p.Origins), p.LastOrigins...) {
			origins = append(origins, h.AS)
		}
	}
	for _, o := range origins {
		out = append(out,
			f.engine.EventsOf(outage.Key{Family: f.family, Type: bgp.EntityAS, Code: o.ASN.String()})...)
	}
	for _, t := range [...]bgp.EntityType{bgp.EntityRegion, bgp.EntityCountry} {
		for _, code := range p.Places {
			out = append(out, f.engine.EventsOf(outage.Key{Family: f.family, Type: t, Code: code})...)
		}
	}
	return out
}

// answerEntity answers for an AS, a country or a region: its sums and its lost prefixes.
func (f *familyState) answerEntity(a *query.Family, k outage.Key, limit int) {
	a.Open = f.engine.EventsOf(k)
	s, ok := f.vis.Entity(k)
	if !ok {
		return
	}
	unit := f.family.UnitSpace()
	space, prefixes := f.engine.Usual(s)
	e := &query.Entity{
		Name: view{f}.Name(k), Moved: s.Moved, NotJudged: f.judging.withheld(k),
		Visible:     bgp.Size{Prefixes: s.Prefixes, Space: bgp.Hundredths(s.Space, unit, 1)},
		Known:       bgp.Size{Prefixes: s.KnownPrefixes, Space: bgp.Hundredths(s.KnownSpace, unit, 1)},
		Usual:       bgp.Size{Prefixes: prefixes, Space: bgp.Hundredths(space, unit, 1)},
		LossPercent: bgp.Hundredths(space-min(s.Space, space), space, 100),
	}
	e.LostPrefixes, e.LostPrefixesTotal, e.Cut = f.vis.LostOf(k, limit)
	if k.Type == bgp.EntityAS {
		e.Prefixes, e.PrefixesTotal = f.vis.PrefixesOf(k, limit)
	}
	a.Entity = e
}
