package core

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/visibility"
	"github.com/darkmap/darkmap/detect/watchlist"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

const (
	// maxMembersLooked bounds the members that an answer judges, and maxMembersTold the members of
	// all lists that it lists.
	maxMembersLooked = 1 << 17
	maxMembersTold   = 2000
	// maxHostRoutes bounds the addresses of a host that an answer lists.
	maxHostRoutes = 16
	// maxHeardOfMember bounds the upstreams and the origins that are listed of a member's route.
	maxHeardOfMember = 5
)

// answerWatch answers for all watch lists, or for the list in q, with up to limit members of each.
func (d *Detector) answerWatch(q query.Question, limit int) []query.WatchList {
	lists := d.watch.Lists()
	if name, ok := strings.CutPrefix(q.Code, query.WatchCode+"/"); ok {
		lists = nil
		if l := d.watch.List(name); l != nil {
			lists = []*watchlist.List{l}
		}
	}
	limit = max(1, min(limit, maxMembersTold/max(1, len(lists))))
	left := maxMembersLooked
	var out []query.WatchList
	for _, l := range lists {
		out = append(out, d.answerList(l, limit, &left))
	}
	return out
}

// answerList answers for a list. left is the number of members that may still be judged.
func (d *Detector) answerList(l *watchlist.List, limit int, left *int) query.WatchList {
	out := query.WatchList{
		Name: l.Name, Title: l.Title, Public: l.Public, Home: l.Home, Since: timeOf(l.Since),
		Problem: d.watch.Problem(l.Name), Counts: make(map[query.State]int),
		Members: []query.WatchMember{}, MembersTotal: len(l.Members),
	}
	for _, f := range d.families {
		out.Open = append(out.Open,
			f.engine.EventsOf(outage.Key{Family: f.family, Type: bgp.EntityWatch, Code: l.Name})...)
	}
	looked := l.Members[:min(len(l.Members), *left)]
	*left -= len(looked)
	states := make([]query.State, len(looked))
	order := make([]int, len(looked))
	for i := range looked {
		order[i], states[i] = i, d.memberState(l, &looked[i])
		out.Counts[states[i]]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return visibility.CompareStates(states[a], states[b]) })
	for _, i := range order[:min(len(order), limit)] {
		out.Members = append(out.Members, d.answerMember(l, &looked[i], states[i]))
	}
	out.Cut = len(out.Members) < len(l.Members)
	return out
}

// addressOf is an address of a host, or of one of its name servers.
type addressOf struct {
	netip.Addr
	nameServer bool
}

// addressesOf lists the addresses by which the detector judges a host.
func (d *Detector) addressesOf(l *watchlist.List, host string) (out []addressOf) {
	h := l.Hosts[host]
	for i, a := range slices.Concat(h.Addresses, h.NameServers) {
		if !d.family(bgp.FamilyOf(whole(a))).left {
			out = append(out, addressOf{a, i >= len(h.Addresses)})
		}
	}
	return out
}

// whole returns an address as a prefix.
func whole(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// memberState returns the worst state of a member's parts.
func (d *Detector) memberState(l *watchlist.List, m *watchlist.Member) query.State {
	switch {
	case m.Prefix.IsValid():
		f := d.family(bgp.FamilyOf(m.Prefix))
		if f.left {
			return query.NotCounted
		}
		return f.vis.JudgedBy(m.Prefix).State
	case m.Host != "":
		if len(l.Hosts[m.Host].Addresses) == 0 {
			return query.NoAddress
		}
		all, worst := d.addressesOf(l, m.Host), query.Visible
		if len(all) == 0 {
			return query.NotCounted
		}
		for _, a := range all {
			if s := d.family(bgp.FamilyOf(whole(a.Addr))).vis.JudgedAddress(a.Addr).State; visibility.Worse(s, worst) {
				worst = s
			}
		}
		return worst
	}
	worst := query.NeverSeen
	for _, f := range d.families {
		if s, ok := f.sumState(memberKey(f.family, m)); ok &&
			(worst == query.NeverSeen || visibility.Worse(s, worst)) {
			worst = s
		}
	}
	return worst
}

// memberKey returns the entity of a member that is an AS or a country.
func memberKey(f bgp.Family, m *watchlist.Member) outage.Key {
	if m.ASN != 0 {
		return outage.Key{Family: f, Type: bgp.EntityAS, Code: m.ASN.String()}
	}
	return outage.Key{Family: f, Type: bgp.EntityCountry, Code: m.Country}
}

// sumState returns the state of an AS or a country: lost while less than half of its usual space is
// visible, partly while a tenth or more is missing, not counted while no verdict is given of it. ok
// is false if none of its prefixes was ever seen.
func (f *familyState) sumState(k outage.Key) (query.State, bool) {
	s, ok := f.vis.Entity(k)
	if !ok {
		return "", false
	}
	space, _ := f.engine.Usual(s)
	lost := space - min(s.Space, space)
	switch {
	case f.panel.Knowledge() != bgp.TablesComplete || f.judging.withheld(k):
		return query.NotCounted, true
	case lost*2 > space:
		return query.Lost, true
	case lost*10 >= space && space > 0:
		return query.Partly, true
	}
	return query.Visible, true
}

// answerMember answers for a member.
func (d *Detector) answerMember(l *watchlist.List, m *watchlist.Member, state query.State) query.WatchMember {
	out := query.WatchMember{Member: m.String(), State: state, Origins: m.Origins}
	switch {
	case m.Prefix.IsValid():
		out.Kind = query.MemberPrefix
		f := d.family(bgp.FamilyOf(m.Prefix))
		if f.left {
			out.Why = "the detector of " + f.family.Title() + " decides on it"
			return out
		}
		j := f.vis.JudgedBy(m.Prefix)
		f.answerRoutes(l, &out, j, addressOf{})
		out.Why = j.Why
		out.Open = append(out.Open, f.engine.EventsOf(
			outage.Key{Family: f.family, Type: bgp.EntityPrefix, Code: m.Prefix.String()})...)
	case m.Host != "":
		out.Kind = query.MemberHost
		h := l.Hosts[m.Host]
		out.ResolvedAt, out.Problem = timeOf(h.ResolvedAt), h.Problem
		all := d.addressesOf(l, m.Host)
		out.Cut = len(all) > maxHostRoutes
		for _, a := range all[:min(len(all), maxHostRoutes)] {
			f := d.family(bgp.FamilyOf(whole(a.Addr)))
			f.answerRoutes(l, &out, f.vis.JudgedAddress(a.Addr), a)
		}
	default:
		d.answerSums(&out, m)
	}
	out.Open = worstFirst(out.Open)
	return out
}

// answerSums answers for a member that is an AS or a country.
func (d *Detector) answerSums(out *query.WatchMember, m *watchlist.Member) {
	out.Kind = query.MemberCountry
	if m.ASN != 0 {
		out.Kind = query.MemberAS
	}
	for _, f := range d.families {
		var a query.Family
		k := memberKey(f.family, m)
		f.answerEntity(&a, k, maxHeardOfMember)
		if a.Entity != nil {
			out.Sums = append(out.Sums, query.WatchSum{Family: f.family.String(), Entity: *a.Entity})
		}
		out.Open = append(out.Open, a.Open...)
	}
	switch out.State {
	case query.NeverSeen:
		out.Why = "no prefix of it was ever seen"
	case query.NotCounted:
		out.Why = "too little is known for a verdict on networks and countries"
	default:
	}
}

// answerRoutes adds the routes that decide the state of a prefix, or of an address of a host, and
// their events.
func (f *familyState) answerRoutes(
	l *watchlist.List, out *query.WatchMember, j visibility.Judged, a addressOf,
) {
	base := query.WatchRoute{
		Family: f.family.String(), NameServer: a.nameServer, State: j.State, Voters: f.panel.Voters().N,
	}
	if a.IsValid() {
		base.Address = a.String()
	}
	if len(j.Routes) == 0 {
		out.Routes = append(out.Routes, base)
	}
	for i, k := range j.Routes {
		r := base
		if i == 0 {
			r.More = j.More
		}
		f.answerRoute(&r, k, l.Home)
		if j.Covered {
			r.CoveredBy = r.Prefix
		}
		out.Routes = append(out.Routes, r)
		out.Open = append(out.Open,
			f.engine.EventsOf(outage.Key{Family: f.family, Type: bgp.EntityPrefix, Code: r.Prefix})...)
	}
}

// answerRoute sets r to the state of a route among the voters.
func (f *familyState) answerRoute(r *query.WatchRoute, k rib.Key, home string) {
	p := f.describe(k, maxHeardOfMember)
	r.Prefix, r.State, r.HeldBy, r.Since, r.BackSince = p.Prefix, p.State, p.HeldBy, p.Since, p.BackSince
	r.Origins, r.Upstreams, r.LastUpstreams = p.Origins, p.Upstreams, p.LastUpstreams
	r.Countries = f.vis.Countries(k)
	r.Abroad = isAbroad(home, r.Countries)
}

// worstFirst orders events by severity, the most severe first, then by start, the oldest first, and
// drops repeated ones.
func worstFirst(all []query.Outage) []query.Outage {
	slices.SortFunc(all, func(a, b query.Outage) int {
		return cmp.Or(
			cmp.Compare(slices.Index(bgp.Severities, b.Severity), slices.Index(bgp.Severities, a.Severity)),
			a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(all, func(a, b query.Outage) bool { return a.ID == b.ID })
}

// timeOf returns a time in Unix seconds as a time.Time; nil for 0.
func timeOf(s int64) *time.Time {
	if s == 0 {
		return nil
	}
	t := time.Unix(s, 0).UTC()
	return &t
}
