package outagelog

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/timespan"
)

// sample returns a fixed set of outages, by id: countries, regions, ASes and prefixes. Some lie in
// two countries, some have not ended, and some are shown only with All.
func sample(t *testing.T) map[string]bgp.Outage {
	t.Helper()
	all := map[string]bgp.Outage{}
	add := func(id string, typ bgp.EntityType, code, span string, o bgp.Outage) {
		begin, end, _ := strings.Cut(span, " ")
		o.ID, o.Entity, o.Start = id, bgp.Entity{Type: typ, Code: code}, moment(t, begin)
		if end != "" {
			at := moment(t, end)
			o.End = &at
		}
		if len(o.State) == 0 {
			o.State = bgp.StateOpen
			if o.End != nil {
				o.State = bgp.StateClosed
			}
		}
		if o.Family == "" {
			o.Family = "ipv4"
		}
		if len(o.Kind) == 0 {
			o.Kind = bgp.KindOutage
		}
		all[id] = o
	}
	in := func(as bgp.ASN, s bgp.Severity, countries ...string) bgp.Outage {
		return bgp.Outage{Origins: []bgp.AS{{ASN: as}}, Severity: s, Countries: countries}
	}
	add("kp", bgp.EntityCountry, "KP", "22T16:15 23T01:46", bgp.Outage{Severity: bgp.SeverityTotal, Origins: []bgp.AS{{ASN: 131279}}})
	add("kp01", bgp.EntityRegion, "KP-01", "22T16:15 23T01:46", bgp.Outage{Severity: bgp.SeverityTotal})
	add("as131279", bgp.EntityAS, "AS131279", "22T16:15 23T01:46", in(131279, bgp.SeverityTotal, "KP"))
	add("p176", bgp.EntityPrefix, "175.45.176.0/24", "22T16:15 23T01:46", in(131279, bgp.SeverityTotal, "KP"))
	add("p177", bgp.EntityPrefix, "175.45.177.0/24", "22T16:16 23T01:46", in(131279, bgp.SeverityTotal, "KP"))
	add("p176x", bgp.EntityPrefix, "175.45.176.0/22", "21T02:00 21T03:00", in(4837, bgp.SeverityMinor, "KP", "CN"))
	flap := in(131279, bgp.SeverityMajor, "KP")
	flap.Kind = bgp.KindIntermittent
	add("flap", bgp.EntityPrefix, "175.45.178.0/24", "21T10:00 22T16:15", flap)
	add("ir", bgp.EntityCountry, "IR", "23T00:00", bgp.Outage{Severity: bgp.SeverityModerate})
	add("as64500", bgp.EntityAS, "AS64500", "23T00:00", in(64500, bgp.SeverityModerate, "IR", "KP"))
	v6 := in(64500, bgp.SeverityModerate, "IR")
	v6.Family = "ipv6"
	add("v6", bgp.EntityPrefix, "2001:db8::/32", "23T00:00", v6)
	v6.Kind = bgp.KindPartial
	add("v6more", bgp.EntityPrefix, "2001:db8:1::/48", "23T00:05 23T00:50", v6)
	add("old", bgp.EntityAS, "AS64501", "20T00:00 20T01:00", bgp.Outage{Severity: bgp.SeverityMinor, Origins: []bgp.AS{{ASN: 64501}}})
	add("world", bgp.EntityWorld, "world", "20T00:01 20T00:10", bgp.Outage{Severity: bgp.SeverityMinor})
	blip := in(131279, bgp.SeverityTotal, "KP")
	blip.Blip = true
	add("blip", bgp.EntityPrefix, "175.45.179.0/24", "22T12:00 22T12:03", blip)
	add("moment", bgp.EntityPrefix, "198.51.100.0/24", "22T12:00 22T12:00", bgp.Outage{Severity: bgp.SeverityTotal, Blip: true})
	add("taken", bgp.EntityCountry, "KP", "23T12:00 23T12:04", bgp.Outage{State: bgp.StateRetracted, Severity: bgp.SeverityMajor})
	return all
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04", "2014-12-"+s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func matches(t *testing.T, mode bgp.PrefixMode, prefixes ...string) (all []bgp.PrefixMatch) {
	t.Helper()
	for _, p := range prefixes {
		m, err := bgp.ParsePrefixMatch(p, mode)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// single is one filter with the ids of sample that pass it, blips and retracted outages included.
type single struct {
	name, part string
	filter     Filter
	want       string
}

func singles(t *testing.T) []single {
	t.Helper()
	const everything = "as131279 as64500 blip flap ir kp kp01 moment old p176 p176x p177 taken v6 v6more world"
	window := func(from, to string) Filter {
		begin, end, err := timespan.ParseWindow(from, to, false)
		if err != nil {
			t.Fatal(err)
		}
		return Filter{From: begin, To: end}
	}
	return []single{
		{"nothing", "", Filter{}, everything},
		{"all", "all", Filter{All: true}, everything},
		{"from a date", "from", window("2014-12-23", ""), "as131279 as64500 ir kp kp01 p176 p177 taken v6 v6more"},
		{"from its end", "from", window("2014-12-23 01:46", ""), "as64500 ir taken v6"},
		{"from a moment that lasts none", "from", window("2014-12-22 12:00", ""), "as131279 as64500 blip flap ir kp kp01 moment p176 p177 taken v6 v6more"},
		{"from late", "from", window("2015-01-01", ""), "as64500 ir v6"},
		{"to its start", "to", window("", "2014-12-22T16:15:00Z"), "blip flap moment old p176x world"},
		{"to a date", "to", window("", "2014-12-22"), "as131279 blip flap kp kp01 moment old p176 p176x p177 world"},
		{"to another zone", "to", window("", "2014-12-22T18:15:01+02:00"), "as131279 blip flap kp kp01 moment old p176 p176x world"},
		{"to one", "to", window("", "2014-12-21"), "flap old p176x world"},
		{"to the first", "to", window("", "2014-12-20 00:01"), "old"},
		{"to early", "to", window("", "2014-12-19"), ""},
		{"one day", "window", window("2014-12-21", "2014-12-21"), "flap p176x"},
		{"a day without", "window", window("2014-12-19", "2014-12-19"), ""},
		{"country", "country", Filter{Countries: []string{"KP"}}, "as131279 as64500 blip flap kp kp01 p176 p176x p177 taken"},
		{"country of one", "country", Filter{Countries: []string{"CN"}}, "p176x"},
		{"two countries", "country", Filter{Countries: []string{"IR", "CN"}}, "as64500 ir p176x v6 v6more"},
		{"no country", "country", Filter{Countries: []string{"NL"}}, ""},
		{"AS", "asn", Filter{ASNs: []bgp.ASN{131279}}, "as131279 blip flap p176 p177"},
		{"AS of one", "asn", Filter{ASNs: []bgp.ASN{4837}}, "p176x"},
		{"two ASes", "asn", Filter{ASNs: []bgp.ASN{4837, 64500}}, "as64500 p176x v6 v6more"},
		{"no AS", "asn", Filter{ASNs: []bgp.ASN{13127}}, ""},
		{"prefix", "prefix", Filter{Prefixes: matches(t, bgp.PrefixExact, "175.45.176.0/24")}, "p176"},
		{"prefix of the other family", "prefix", Filter{Prefixes: matches(t, bgp.PrefixExact, "2001:db8::/32")}, "v6"},
		{"two prefixes", "prefix", Filter{Prefixes: matches(t, bgp.PrefixExact, "175.45.176.0/22", "175.45.177.0/24")}, "p176x p177"},
		{"an address", "prefix", Filter{Prefixes: matches(t, bgp.PrefixExact, "175.45.176.5")}, ""},
		{"more specific", "prefix", Filter{Prefixes: matches(t, bgp.PrefixMoreSpecific, "175.45.176.0/22")}, "blip flap p176 p176x p177"},
		{"more specific, IPv6", "prefix", Filter{Prefixes: matches(t, bgp.PrefixMoreSpecific, "::/0")}, "v6 v6more"},
		{"less specific", "prefix", Filter{Prefixes: matches(t, bgp.PrefixLessSpecific, "175.45.176.5")}, "p176 p176x"},
		{"overlapping", "prefix", Filter{Prefixes: matches(t, bgp.PrefixOverlapping, "175.45.176.0/23")}, "p176 p176x p177"},
		{"ASes and regions", "type", Filter{Types: []bgp.EntityType{bgp.EntityAS, bgp.EntityRegion}}, "as131279 as64500 kp01 old"},
		{"the world", "type", Filter{Types: []bgp.EntityType{bgp.EntityWorld}}, "world"},
		{"watch lists", "type", Filter{Types: []bgp.EntityType{bgp.EntityWatch}}, ""},
		{"family", "family", Filter{Families: []string{"ipv6"}}, "v6 v6more"},
		{"kind", "kind", Filter{Kinds: []bgp.Kind{bgp.KindIntermittent}}, "flap"},
		{"kinds", "kind", Filter{Kinds: []bgp.Kind{bgp.KindIntermittent, bgp.KindPartial}}, "flap v6more"},
		{"no kind", "kind", Filter{Kinds: []bgp.Kind{bgp.KindMoved}}, ""},
		{"open", "state", Filter{States: []bgp.State{bgp.StateOpen}}, "as64500 ir v6"},
		{"retracted", "state", Filter{States: []bgp.State{bgp.StateRetracted}}, "taken"},
		{"suspected", "state", Filter{States: []bgp.State{bgp.StateSuspected}}, ""},
		{"severity", "severity", Filter{MinSeverity: bgp.SeverityMajor}, "as131279 blip flap kp kp01 moment p176 p177 taken"},
		{"least severity", "severity", Filter{MinSeverity: bgp.SeverityMinor}, everything},
	}
}

// both returns a filter with the fields of two.
func both(a, b Filter) Filter {
	out, add := reflect.ValueOf(&a).Elem(), reflect.ValueOf(b)
	for i := range add.NumField() {
		if !add.Field(i).IsZero() {
			out.Field(i).Set(add.Field(i))
		}
	}
	return a
}

// passing lists the ids that pass, and checks that the tally agrees: it has words if and only if
// none passes.
func passing(t *testing.T, name string, f Filter) []string {
	t.Helper()
	ids, tally := []string{}, NewTally(f)
	for id, o := range sample(t) {
		shows := f.Shows(o)
		if shows {
			ids = append(ids, id)
		}
		if tally.Add(o) != shows {
			t.Errorf("%s: the tally does not agree on %s", name, id)
		}
	}
	if (tally.Nothing() == "") != (len(ids) > 0) {
		t.Errorf("%s: %d pass, and the tally says %q", name, len(ids), tally.Nothing())
	}
	slices.Sort(ids)
	return ids
}

// TestFilters checks every filter alone and in pairs. A pair passes the outages that pass both;
// blips and retracted outages pass only with All.
func TestFilters(t *testing.T) {
	t.Parallel()
	all, outages := singles(t), sample(t)
	counts := map[string]map[int]bool{} // by the two parts: whether none, one or more passed
	for i, a := range all {
		for _, b := range all[i:] {
			if a.part == b.part && a.name != b.name || a.part == "window" && (b.part == "from" || b.part == "to") || b.part == "window" && (a.part == "from" || a.part == "to") {
				continue
			}
			f := both(a.filter, b.filter)
			if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
				continue // wrong usage
			}
			want := []string{}
			for id := range strings.FieldsSeq(a.want) {
				if slices.Contains(strings.Fields(b.want), id) && (f.All || !hidden(outages[id])) {
					want = append(want, id)
				}
			}
			if diff := cmp.Diff(want, passing(t, a.name+" and "+b.name, f)); diff != "" {
				t.Errorf("%s and %s (-want +got):\n%s", a.name, b.name, diff)
			}
			pair := a.part + " " + b.part
			if counts[pair] == nil {
				counts[pair] = map[int]bool{}
			}
			counts[pair][min(len(want), 2)] = true
		}
	}
	for _, part := range []string{"from", "to", "country", "asn", "prefix"} {
		if c := counts[part+" "+part]; !c[2] || part != "from" && (!c[0] || !c[1]) {
			t.Errorf("%s alone: none, one and many matches are not all tried: %v", part, c)
		}
	}
	for _, pair := range []string{"country asn", "country prefix", "asn prefix", "to country", "to asn", "to prefix", "window country"} {
		if c := counts[pair]; !c[0] || !c[1] || !c[2] && pair != "window country" {
			t.Errorf("%s: none, one and many matches are not all tried: %v", pair, c)
		}
	}
}

// TestNothing checks the words for a filter that no outage passes: the number of outages, the
// filter, and the flags that would show some.
func TestNothing(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Filter{
		"none of the 13 outages matches --country NL; the record of 1 network or prefix does not say in which country it is": {Countries: []string{"NL"}},
		"none of the 13 outages matches --asn 13127,4":                                                                                            {ASNs: []bgp.ASN{13127, 4}},
		"none of the 16 outages matches --asn 13127":                                                                                              {ASNs: []bgp.ASN{13127}, All: true},
		"none of the 13 outages matches --state retracted; --all shows 1 more (blips and retracted)":                                              {States: []bgp.State{bgp.StateRetracted}},
		"none of the 13 outages matches --prefix 175.45.176.5/32; --less-specific shows 2 more, of prefixes that contain it":                      {Prefixes: matches(t, bgp.PrefixExact, "175.45.176.5")},
		"none of the 13 outages matches --prefix 175.45.160.0/19; --more-specific shows 4 more, of prefixes within it":                            {Prefixes: matches(t, bgp.PrefixExact, "175.45.160.0/19")},
		"none of the 13 outages matches --prefix 10.0.0.0/8 --overlapping --type as,prefix --family ipv4 --kind outage,moved --severity moderate": {Prefixes: matches(t, bgp.PrefixOverlapping, "10.0.0.0/8"), Types: []bgp.EntityType{bgp.EntityAS, bgp.EntityPrefix}, Families: []string{"ipv4"}, Kinds: []bgp.Kind{bgp.KindOutage, bgp.KindMoved}, MinSeverity: bgp.SeverityModerate},
		"none of the 13 outages matches --from 2014-12-19T00:00:00Z --to 2014-12-19T12:00:00Z":                                                    {From: start.Add(-88*time.Hour - 15*time.Minute), To: start.Add(-76*time.Hour - 15*time.Minute)},
	} {
		tally := NewTally(f)
		for _, o := range sample(t) {
			tally.Add(o)
		}
		if got := tally.Nothing(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	blip, open := bgp.Outage{Blip: true}, bgp.Outage{}
	for want, tt := range map[string]struct {
		f   Filter
		all []bgp.Outage
	}{
		"no outages": {Filter{}, nil},
		"no outages; --all shows 2 more (blips and retracted)": {Filter{}, []bgp.Outage{blip, blip}},
		"no outages match --asn 1":                             {Filter{ASNs: []bgp.ASN{1}}, []bgp.Outage{blip}},
		"the only outage does not match --family ipv6":         {Filter{Families: []string{"ipv6"}}, []bgp.Outage{open}},
	} {
		tally := NewTally(tt.f)
		for _, o := range tt.all {
			tally.Add(o)
		}
		if got := tally.Nothing(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
