package main

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// slash24s returns n routes of /24s from the first address on.
func slash24s(first string, n int, origin bgp.ASN, country string) []mrttest.Route {
	a := netip.MustParseAddr(first).As4()
	var all []mrttest.Route
	for i := range n {
		at := int(a[1])<<8 + int(a[2]) + i
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{a[0], byte(at >> 8), byte(at), 0}), 24)
		all = append(all, mrttest.Route{Prefix: p, Via: 3000, Origin: origin, Country: country})
	}
	return all
}

// TestCaseMoreSpecifics: the /24s of a /16 are withdrawn one after another while the /16 stays. No address is lost, so each is
// told once at most, as closed and minor (BGPalerter #516).
func TestCaseMoreSpecifics(t *testing.T) {
	t.Parallel()
	background, specifics := mrttest.Background(100), slash24s("30.1.0.0", 256, 64500, "FR")
	aggregate := mrttest.Route{Prefix: netip.MustParsePrefix("30.1.0.0/16"), Via: 3000, Origin: 64500, Country: "FR"}
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, []mrttest.Route{aggregate}, specifics))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(specifics)...)
	got := replayCase(t, w, wholeFiles(w))
	if got.code != 0 || len(got.outages) > 256 {
		t.Fatalf("got exit %d and %d outages, want 0 and at most 256:\n%s", got.code, len(got.outages), got.stderr)
	}
	for _, o := range got.outages {
		if o.Entity.Type != bgp.EntityPrefix || o.Sequence != 1 || o.State != bgp.StateClosed || o.Severity != bgp.SeverityMinor ||
			o.EndReason != bgp.EndCovered || len(o.Evidence.Deaggregated) != 1 {
			t.Fatalf("got %+v, want one record of a prefix: closed, minor, covered", o)
		}
	}
}

// TestCaseAggregateToSpecifics: a /22 becomes four /24s of the same origin, first announced, then withdrawn. No address is lost.
func TestCaseAggregateToSpecifics(t *testing.T) {
	t.Parallel()
	background, kp := mrttest.Background(100), mrttest.KP()
	aggregate := mrttest.Route{Prefix: netip.MustParsePrefix("175.45.176.0/22"), Via: 4837, Origin: 131279, Country: "KP"}
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, []mrttest.Route{aggregate}))
	w.Churn(0, 4*time.Hour, 2*time.Minute, w.Peers, background)
	w.Announce(time.Hour, w.Peers, kp...)
	w.Withdraw(61*time.Minute, w.Peers, aggregate.Prefix)
	got := replayCase(t, w, wholeFiles(w))
	if got.code != 0 || len(got.outages) > 1 {
		t.Fatalf("got exit %d and outages %+v, want 0 and one at most", got.code, got.outages)
	}
	for _, o := range got.outages {
		if o.Entity.Code != "175.45.176.0/22" || o.Sequence != 1 || o.State != bgp.StateClosed || o.Severity != bgp.SeverityMinor ||
			o.EndReason != bgp.EndCovered {
			t.Errorf("got %+v, want a closed and minor record of the /22", o)
		}
	}
}

// TestCaseAggregateLostLater: the more-specifics that replaced an aggregate are lost as well. The aggregate's addresses are gone
// from then on.
func TestCaseAggregateLostLater(t *testing.T) {
	t.Parallel()
	background, kp := mrttest.Background(100), mrttest.KP()
	aggregate := mrttest.Route{Prefix: netip.MustParsePrefix("175.45.176.0/22"), Via: 4837, Origin: 131279, Country: "KP"}
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, []mrttest.Route{aggregate}))
	w.Churn(0, 5*time.Hour, 2*time.Minute, w.Peers, background)
	w.Announce(time.Hour, w.Peers, kp...)
	w.Withdraw(61*time.Minute, w.Peers, aggregate.Prefix)
	w.Withdraw(3*time.Hour, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(4*time.Hour, w.Peers, kp...)
	got := replayCase(t, w, wholeFiles(w))
	for _, entity := range []bgp.Entity{{Type: bgp.EntityPrefix, Code: "175.45.176.0/22"}, {Type: bgp.EntityAS, Code: "AS131279"}, {Type: bgp.EntityCountry, Code: "KP"}} {
		lost := slices.DeleteFunc(got.of(entity.Type, entity.Code), func(o bgp.Outage) bool { return o.Blip })
		if len(lost) != 1 || lost[0].Severity != bgp.SeverityTotal || lost[0].Start.Sub(caseStart).Round(time.Minute) != 3*time.Hour ||
			lost[0].End == nil || lost[0].End.Sub(caseStart).Round(time.Minute) != 4*time.Hour {
			t.Errorf("%s: got %+v, want one total outage from 3 h to 4 h", entity.Code, lost)
		}
	}
}

// TestCaseOneOfTwoOrigins: two ASes originate two prefixes. One stops, and everybody hears the other: nothing is lost.
func TestCaseOneOfTwoOrigins(t *testing.T) {
	t.Parallel()
	background := mrttest.Background(100)
	first, second := slash24s("30.1.0.0", 2, 64540, "FR"), slash24s("30.1.0.0", 2, 64541, "FR")
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, first))
	w.Churn(0, 30*time.Hour, 10*time.Minute, w.Peers, background)
	w.Announce(time.Minute, w.Peers[6:], second...)
	files := []caseFile{}
	for _, c := range w.Collectors() {
		w.Routes = slices.Concat(background, first)
		if c != "c0" {
			w.Routes = slices.Concat(background, second)
		}
		files = append(files, caseFile{c, c + ".rib.mrt", w.Table(c, 0, nil)})
	}
	w.Announce(90*time.Minute, w.Peers, second...)
	for _, c := range w.Collectors() {
		files = append(files, caseFile{c, c + ".updates.mrt", w.Updates(c, 0, 1<<62)})
	}
	got := replayCase(t, w, files)
	if got.code != 0 {
		t.Errorf("got exit %d:\n%s", got.code, got.stderr)
	}
	for _, o := range got.outages {
		if o.Kind != bgp.KindMoved {
			t.Errorf("got %s of %s: %s, want nothing or moved", o.Kind, o.Entity.Code, o.Summary)
		}
	}
}
