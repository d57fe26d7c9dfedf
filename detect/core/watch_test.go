package core

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/query"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func watchPosition(list string) *pb.Position {
	return &pb.Position{Collector: "watch/" + list, Lane: string(bgp.LaneWatch)}
}

// members returns members of a watch list from their text. A prefix may be followed by = and its
// origins.
func members(texts ...string) []*pb.WatchMember {
	var out []*pb.WatchMember
	for _, text := range texts {
		text, origins, _ := strings.Cut(text, "=")
		m := &pb.WatchMember{}
		p, err := netip.ParsePrefix(text)
		asn, isAS := strings.CutPrefix(text, "AS")
		switch {
		case err == nil:
			m.Member = &pb.WatchMember_Prefix{Prefix: codec.AppendPrefix(nil, p)}
		case isAS:
			a, _ := bgp.ParseASN(asn)
			m.Member = &pb.WatchMember_Asn{Asn: uint32(a)}
		case len(text) == 2:
			m.Member = &pb.WatchMember_Country{Country: text}
		default:
			m.Member = &pb.WatchMember_Host{Host: text}
		}
		for o := range strings.SplitSeq(origins, ",") {
			if a, err := bgp.ParseASN(o); err == nil {
				m.Origins = append(m.Origins, uint32(a))
			}
		}
		out = append(out, m)
	}
	return out
}

// watch adds a list to the world's records.
func (w *world) watch(t int64, name string, texts ...string) {
	w.records = append(w.records, record("", t, &pb.WatchList{Name: name, Title: "Our " + name, Members: members(texts...)}))
}

// host adds the addresses of a host of the list mine. Those after - are of its name servers.
func (w *world) host(t int64, host string, addresses ...string) {
	h := &pb.HostAddresses{List: "mine", Host: host, ResolvedAtUs: t * 1e6}
	to := &h.Addresses
	for _, a := range addresses {
		if a == "-" {
			to = &h.NameServers
			continue
		}
		*to = append(*to, netip.MustParseAddr(a).AsSlice())
	}
	w.records = append(w.records, record("", t, h))
}

// customers adds n /24s of 20.0.0.0/16 to the world's networks, each of an AS of its own.
func (w *world) customers(n int) []string {
	var out []string
	for i := range n {
		p := fmt.Sprintf("20.0.%d.0/24", i)
		w.networks = append(w.networks, network{p, uint32(65000 + i), 64400, "AA"})
		out = append(out, p)
	}
	return out
}

// outagesOf decodes the records of an entity, in order.
func outagesOf(t *testing.T, f *feed, code string) []bgp.Outage {
	t.Helper()
	var out []bgp.Outage
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.OutageRecord); ok && r.Entity.Code == code {
			var x bgp.Outage
			if err := json.Unmarshal(r.Json, &x); err != nil {
				t.Fatal(err)
			}
			out = append(out, x)
		}
	}
	return out
}

// named returns the members that a record names.
func named(o bgp.Outage) string {
	var s []string
	for _, m := range o.Watch {
		text := m.List + ":" + m.Member
		if m.CoveredBy != "" {
			text += "<" + m.CoveredBy
		}
		s = append(s, text)
	}
	return strings.Join(s, " ")
}

const watched = pb.EntityType_ENTITY_TYPE_WATCH

// TestOneOfTwoHundred: one dark customer of 200 opens its own event by the usual rules. The event
// names the list from its first record to its last. The list has lost 0.5 % and opens no event.
func TestOneOfTwoHundred(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := w.customers(200)
	w.tables()
	w.watch(dawn, "customers", list...)
	dark := w.networks[44+17]
	w.gone(dawn+hours, dark)
	w.back(dawn+hours+30*60, dark)
	f := w.run(dawn + 2*hours)
	if got := told(f, single, as, watched); !slices.Equal(got, []string{dark.prefix + " outage closed 60-90", fmt.Sprintf("AS%d outage closed 60-90", dark.origin)}) {
		t.Errorf("got %v, want the prefix and its AS", got)
	}
	records := outagesOf(t, f, dark.prefix)
	if len(records) < 2 {
		t.Fatalf("%d records, want some", len(records))
	}
	for _, o := range records {
		if named(o) != "customers:"+dark.prefix || o.Watch[0].Title != "Our customers" || o.Watch[0].Public {
			t.Errorf("%s: names %v, want the list", o.Event, o.Watch)
		}
	}
	var last *pb.VisibilityRecord
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.VisibilityRecord); ok && r.Entity.Type == watched {
			last = r
		}
	}
	if last == nil || last.Entity.Name != "Our customers" || last.BaselineSpace != 200*256 || last.Space != 200*256 || last.BaselinePrefixes != 200 {
		t.Errorf("visible of the list: %v, want 200 /24s", last)
	}
	if len(f.detector.collectors) != w.collectors {
		t.Errorf("%d collectors, want %d: the list's stream is none", len(f.detector.collectors), w.collectors)
	}
}

// TestListLost: a list that loses a tenth opens an event of its own, which names the dark members.
func TestListLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := w.customers(20)
	w.tables()
	// Members that overlap count once.
	w.watch(dawn, "customers", append(list, "AS65003", "20.0.3.0/24", "20.0.0.0/20")...)
	w.gone(dawn+hours, w.networks[44+3:44+6]...)
	f := w.run(dawn + 2*hours)
	if got := told(f, watched); !slices.Equal(got, []string{"customers outage open 60-open"}) {
		t.Fatalf("got %v, want an event of the list", got)
	}
	o := outagesOf(t, f, "customers")
	if got := named(o[len(o)-1]); got != "customers:20.0.0.0/20 customers:20.0.3.0/24 customers:20.0.4.0/24 customers:20.0.5.0/24 customers:AS65003" {
		t.Errorf("names %s", got)
	}
	if b := o[0].Baseline; b.Prefixes != 20 || b.Space != 2000 || o[0].Entity.Name != "Our customers" {
		t.Errorf("%+v of %+v, want 20 /24s", b, o[0].Entity)
	}
	if o := outagesOf(t, f, "20.0.3.0/24"); len(o) == 0 || len(o[len(o)-1].Parents) == 0 || !slices.ContainsFunc(o[len(o)-1].Parents, func(p bgp.Parent) bool { return p.Type == bgp.EntityWatch }) {
		t.Errorf("the prefix's event does not name the list's as a parent: %+v", o)
	}
}

// TestCovered: a member without a route of its own is judged by the longest known route that covers
// it, even one that is longer than the limit. Hosts are always judged so. A member with a route of
// its own is not.
func TestCovered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.networks = append(w.networks,
		network{"30.0.0.0/16", 65100, 64400, "AA"}, network{"30.0.0.0/12", 65101, 64400, "AA"}, network{"30.0.9.0/24", 65102, 64400, "AA"})
	w.tables()
	w.watch(dawn, "mine", "30.0.5.0/24", "30.0.9.0/24", "30.0.7.0/25", "www.example.net", "30.1.1.0/24")
	w.host(dawn+5, "www.example.net", "30.0.9.1", "-", "30.0.200.1")
	w.gone(dawn+hours, w.networks[44])
	f := w.run(dawn + 2*hours)
	o := outagesOf(t, f, "30.0.0.0/16")
	if len(o) == 0 {
		t.Fatal("no event of the covering route")
	}
	if got := named(o[0]); got != "mine:30.0.5.0/24<30.0.0.0/16 mine:30.0.7.0/25<30.0.0.0/16 mine:www.example.net<30.0.0.0/16" {
		t.Errorf("names %s", got)
	}
	list := lastRecord(t, f, watched, "mine")
	if list.Peak.LossPercent != 6000 { // three /24s of five: that of the name server, and two members
		t.Errorf("lost %s %%, want three of five /24s", list.Peak.LossPercent)
	}
}

// lastRecord returns the last record of an entity's event.
func lastRecord(t *testing.T, f *feed, typ pb.EntityType, code string) bgp.Outage {
	t.Helper()
	all := slices.DeleteFunc(outagesOf(t, f, code), func(o bgp.Outage) bool { return o.Entity.Type != bgp.EntityType(typ) })
	if len(all) == 0 {
		t.Fatalf("no record of %s", code)
	}
	return all[len(all)-1]
}

// TestWatchedByKind checks the members that events of a country, an AS, a prefix and a list name.
func TestWatchedByKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.watch(dawn, "dprk", "KP")
	w.watch(dawn, "star", "AS131279")
	w.gone(dawn+hours, w.in("KP")...)
	f := w.run(dawn + 2*hours)
	for code, want := range map[string]string{"KP": "dprk:KP", "AS131279": "dprk:KP star:AS131279", "175.45.176.0/24": "dprk:KP star:AS131279", "dprk": "dprk:KP", "star": "star:AS131279"} {
		o := outagesOf(t, f, code)
		if len(o) == 0 {
			t.Errorf("%s: no event", code)
			continue
		}
		if got := named(o[len(o)-1]); got != want {
			t.Errorf("%s: names %q, want %q", code, got, want)
		}
	}
}

// strange lists the records of an origin event.
func strange(t *testing.T, f *feed, code string) []string {
	t.Helper()
	var out []string
	for _, o := range outagesOf(t, f, code) {
		if o.Kind != bgp.KindOrigin {
			continue
		}
		s := fmt.Sprintf("%s %d %s", o.Event, (o.Start.Unix()-dawn)/60, o.Severity)
		for _, u := range o.Unexpected {
			s += fmt.Sprintf(" %s AS%d %d/%d", u.Prefix, u.Origin.ASN, u.Voters, u.Collectors)
		}
		out = append(out, s+" "+string(o.EndReason))
	}
	return out
}

// TestUnexpectedOrigin: an event opens in the minute in which three voters on two collectors hold a
// listed prefix, or a more-specific of it, from an origin that the list does not name. One peer
// that leaks, or three on one collector, open none. The event closes after ten quiet minutes.
func TestUnexpectedOrigin(t *testing.T) {
	t.Parallel()
	hijack := func(prefix string, peers int, perCollector int, origin uint32) func(w *world) {
		return func(w *world) {
			for i := range peers {
				c, p := i/perCollector, i%perCollector
				w.announce(c, p, dawn+hours+5, network{prefix, origin, 64401, "ZZ"})
				if prefix == w.networks[44].prefix {
					w.announce(c, p, dawn+hours+20*60+5, w.networks[44])
				} else {
					w.withdraw(c, p, dawn+hours+20*60+5, prefix)
				}
			}
		}
	}
	for _, tt := range []struct {
		name string
		do   func(w *world)
		want []string
	}{
		{"same prefix", hijack("40.0.0.0/22", 3, 2, 66666), []string{"opened 60 major 40.0.0.0/22 AS66666 3/2 ", "closed 60 major 40.0.0.0/22 AS66666 3/2 recovered"}},
		{"more-specific", hijack("40.0.1.0/24", 4, 2, 66666), []string{"opened 60 major 40.0.1.0/24 AS66666 4/2 ", "closed 60 major 40.0.1.0/24 AS66666 4/2 recovered"}},
		{"by all", hijack("40.0.1.0/24", 32, 4, 66666), []string{"opened 60 total 40.0.1.0/24 AS66666 32/8 ", "closed 60 total 40.0.1.0/24 AS66666 32/8 recovered"}},
		{"one peer", hijack("40.0.1.0/24", 1, 1, 66666), nil},
		{"two voters", hijack("40.0.0.0/22", 2, 1, 66666), nil},
		{"one collector", hijack("40.0.0.0/22", 4, 4, 66666), nil},
		{"a named origin", hijack("40.0.1.0/24", 8, 4, 64512), nil},
		{"no origin on the path", hijack("40.0.1.0/24", 8, 4, 0), nil},
		{"less specific", hijack("40.0.0.0/20", 8, 4, 66666), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.networks = append(w.networks, network{"40.0.0.0/22", 65200, 64400, "AA"})
			w.tables()
			w.watch(dawn, "mine", "40.0.0.0/22=AS65200,AS64512", "40.0.3.0/24")
			tt.do(w)
			cfg := small()
			cfg.Panel.MinCollectors = 2
			f := w.runWith(cfg, dawn+2*hours)
			if got := strange(t, f, "40.0.0.0/22"); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			for _, o := range outagesOf(t, f, "40.0.0.0/22") {
				if o.Kind == bgp.KindOrigin && (named(o) != "mine:40.0.0.0/22" || !slices.Equal(o.Unexpected[0].Expected, []bgp.ASN{64512, 65200})) {
					t.Errorf("names %s, expected %v", named(o), o.Unexpected[0].Expected)
				}
			}
		})
	}
}

// runWith is run with another configuration.
func (w *world) runWith(cfg Config, until int64) *feed {
	w.t.Helper()
	f := newFeed(w.t, cfg)
	w.play(f, until)
	return f
}

// play gives a detector the world's records.
func (w *world) play(f *feed, until int64) {
	w.t.Helper()
	slices.SortStableFunc(w.records, func(a, b *pb.RouteRecord) int { return cmp.Compare(a.TimestampUs/60e6, b.TimestampUs/60e6) })
	for _, r := range w.records {
		f.apply(r)
	}
	f.until(until)
}

// TestOriginBesideOutage: an event of kind origin is open beside an outage of the same prefix,
// under an id of its own.
func TestOriginBesideOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.networks = append(w.networks, network{"40.0.0.0/22", 65200, 64400, "AA"})
	w.tables()
	w.watch(dawn, "mine", "40.0.0.0/22=AS65200")
	w.gone(dawn+hours, w.networks[44])
	w.everybody(dawn+hours, func(c, p int, at int64) { w.announce(c, p, at, network{"40.0.1.0/24", 66666, 64401, "ZZ"}) })
	f := w.run(dawn + 2*hours)
	ids := map[string]bgp.Kind{}
	for _, o := range outagesOf(t, f, "40.0.0.0/22") {
		if k, ok := ids[o.ID]; ok && k != o.Kind {
			t.Errorf("%s is of the kinds %s and %s", o.ID, k, o.Kind)
		}
		ids[o.ID] = o.Kind
	}
	if len(ids) != 2 {
		t.Errorf("got %v, want an outage and an unexpected origin", ids)
	}
	_, a := ask(t, f, "40.0.0.0/22")
	if open := slices.DeleteFunc(a.Open, func(o query.Outage) bool { return o.Entity.Type != bgp.EntityPrefix }); len(open) != 2 {
		t.Errorf("open: %v, want both", open)
	}
}

// TestListRemoved: a removed list closes its events as removed. The events of its members go on and
// no longer name it.
func TestListRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.networks = append(w.networks, network{"40.0.0.0/22", 65200, 64400, "AA"})
	w.tables()
	w.watch(dawn, "mine", "KP", "40.0.0.0/22=AS65200")
	w.gone(dawn+hours, w.in("KP")...)
	w.everybody(dawn+hours, func(c, p int, at int64) { w.announce(c, p, at, network{"40.0.1.0/24", 66666, 64401, "ZZ"}) })
	w.records = append(w.records, record("", dawn+hours+20*60, &pb.WatchList{Name: "mine", Removed: true}))
	f := w.run(dawn + 2*hours)
	if o := lastRecord(t, f, watched, "mine"); o.State != bgp.StateClosed || o.EndReason != bgp.EndRemoved || o.End.Unix() != dawn+hours+20*60 || o.Entity.Name != "Our mine" {
		t.Errorf("the list: %s %s at %v of %+v, want closed as removed", o.State, o.EndReason, o.End, o.Entity)
	}
	if o := lastRecord(t, f, single, "40.0.0.0/22"); o.State != bgp.StateClosed || o.EndReason != bgp.EndRemoved {
		t.Errorf("the origin: %s %s, want closed as removed", o.State, o.EndReason)
	}
	o := lastRecord(t, f, country, "KP")
	if o.State != bgp.StateOpen || named(o) != "" || o.Event != bgp.EventUpdated {
		t.Errorf("the country: %s %s names %q, want open and no list", o.Event, o.State, named(o))
	}
}

// TestStatus checks the answer about a list's members.
func TestStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.networks = append(w.networks, network{"30.0.0.0/16", 65100, 64400, "AA"}, network{"20.0.1.0/24", 65101, 64400, "NL"}, network{"20.0.2.0/24", 65102, 64402, "TO"})
	w.tables()
	list := record("", dawn, &pb.WatchList{Name: "mine", Home: "TO", Members: members("20.0.1.0/24", "20.0.2.0/24", "30.0.5.0/24", "50.0.0.0/24", "50.0.0.0/25", "30.0.9.0/25", "AS65101", "KP", "www.example.net", "no.example.net")})
	w.records = append(w.records, list)
	w.host(dawn+5, "www.example.net", "20.0.1.1", "20.0.2.1", "-", "30.0.1.1")
	w.records = append(w.records, record("", dawn+5, &pb.HostAddresses{List: "mine", Host: "no.example.net", Problem: "no such name"}))
	w.gone(dawn+hours, w.networks[45])
	f := w.run(dawn + 2*hours)
	a, _ := ask(t, f, "watch/mine")
	if len(a.Watch) != 1 || a.Watch[0].MembersTotal != 10 || a.Watch[0].Counts[query.Lost] != 3 {
		t.Fatalf("got %+v", a.Watch)
	}
	got := map[string]string{}
	for _, m := range a.Watch[0].Members {
		s := string(m.State)
		for _, r := range m.Routes {
			s += fmt.Sprintf("; %s %s %s %d/%d", r.Address, r.Prefix, r.State, r.HeldBy, r.Voters)
			if r.CoveredBy != "" {
				s += " covered"
			}
			if r.Abroad {
				s += " abroad"
			}
			for _, h := range r.Upstreams {
				s += " via " + h.ASN.String()
			}
		}
		for _, x := range m.Sums {
			s += "; " + x.Family + " " + x.LossPercent.String()
		}
		if len(m.Open) > 0 {
			s += "; " + m.Open[0].ID
		}
		if m.Problem != "" {
			s += "; " + m.Problem
		}
		got[m.Member] = s
	}
	id := lastRecord(t, f, single, "20.0.1.0/24").ID
	for member, want := range map[string]string{
		"20.0.1.0/24":     "lost;  20.0.1.0/24 lost 0/32 abroad; " + id,
		"20.0.2.0/24":     "visible;  20.0.2.0/24 visible 32/32 via AS64402",
		"30.0.5.0/24":     "visible;  30.0.0.0/16 visible 32/32 covered abroad via AS64400",
		"50.0.0.0/24":     "never_seen;   never_seen 0/32",
		"50.0.0.0/25":     "too_long;   too_long 0/32",
		"30.0.9.0/25":     "visible;  30.0.0.0/16 visible 32/32 covered abroad via AS64400",
		"AS65101":         "lost; ipv4 100",
		"KP":              "visible; ipv4 0",
		"www.example.net": "lost; 20.0.1.1 20.0.1.0/24 lost 0/32 covered abroad; 20.0.2.1 20.0.2.0/24 visible 32/32 covered via AS64402; 30.0.1.1 30.0.0.0/16 visible 32/32 covered abroad via AS64400; " + id,
		"no.example.net":  "no_address; no such name",
	} {
		if s := got[member]; !strings.HasPrefix(s, want) {
			t.Errorf("%s: got %q, want %q", member, s, want)
		}
	}
	if all, _ := ask(t, f, "watch"); len(all.Watch) != 1 {
		t.Errorf("all lists: %d, want 1", len(all.Watch))
	}
	if none, _ := ask(t, f, "watch/other"); len(none.Watch) != 0 {
		t.Errorf("another list: %+v, want none", none.Watch)
	}
}
