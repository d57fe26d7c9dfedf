package main

import (
	"net/netip"
	"slices"
	"strings"
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

// TestCaseMoreSpecifics withdraws the /24s of a /16 one after another while the /16 stays. No
// address is lost, so each /24 has one event, closed and minor (BGPalerter #516).
func TestCaseMoreSpecifics(t *testing.T) {
	t.Parallel()
	background, specifics := mrttest.Background(100), slash24s("30.1.0.0", 256, 64500, "FR")
	aggregate := mrttest.Route{Prefix: netip.MustParsePrefix("30.1.0.0/16"), Via: 3000, Origin: 64500, Country: "FR"}
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, []mrttest.Route{aggregate}, specifics))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(specifics)...)
	replayCase(t, w, wholeFiles(w)).onlyCovered(t, mrttest.Prefixes(specifics))
}

// TestCaseAggregateToSpecifics replaces a /22 by four /24s of the same origin, which are announced
// before the /22 is withdrawn. No address is lost.
func TestCaseAggregateToSpecifics(t *testing.T) {
	t.Parallel()
	background, kp := mrttest.Background(100), mrttest.KP()
	aggregate := mrttest.Route{Prefix: netip.MustParsePrefix("175.45.176.0/22"), Via: 4837, Origin: 131279, Country: "KP"}
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, []mrttest.Route{aggregate}))
	w.Churn(0, 4*time.Hour, 2*time.Minute, w.Peers, background)
	w.Announce(time.Hour, w.Peers, kp...)
	w.Withdraw(61*time.Minute, w.Peers, aggregate.Prefix)
	replayCase(t, w, wholeFiles(w)).onlyCovered(t, []netip.Prefix{aggregate.Prefix})
}

// onlyCovered asserts that the run has one event of each of the prefixes, as lost but covered by
// its own origin, and no other event.
func (r caseResult) onlyCovered(t *testing.T, prefixes []netip.Prefix) {
	t.Helper()
	if r.code != 0 {
		t.Errorf("got exit %d, want 0:\n%s", r.code, r.stderr)
	}
	told := make(map[string]int)
	for _, o := range r.outages {
		told[o.Entity.Code]++
		if o.Entity.Type != bgp.EntityPrefix || o.Sequence != 1 || o.State != bgp.StateClosed || o.Severity != bgp.SeverityMinor ||
			!o.Blip || o.EndReason != bgp.EndCovered || len(o.Evidence.Deaggregated) != 1 {
			t.Fatalf("got %+v, want one record of a prefix: closed, minor, covered", o)
		}
	}
	for _, p := range prefixes {
		if told[p.String()] != 1 {
			t.Errorf("%s: got %d records, want 1", p, told[p.String()])
		}
	}
	if len(told) != len(prefixes) {
		t.Errorf("got records of %d prefixes, want of %d:\n%s", len(told), len(prefixes), r.stderr)
	}
}

// TestCaseAggregateLostLater loses the more-specifics that replaced an aggregate. The aggregate's
// addresses are gone from then on.
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

// TestCaseAggregatePartlyReplaced replaces a /21 by its /24s an hour before two of these are
// withdrawn. The prefix, its AS and its country have lost a quarter of their space, until the other
// six are withdrawn as well.
func TestCaseAggregatePartlyReplaced(t *testing.T) {
	t.Parallel()
	background, specifics := mrttest.Background(100), slash24s("175.45.176.0", 8, 131279, "KP")
	aggregate := mrttest.Route{Prefix: netip.MustParsePrefix("175.45.176.0/21"), Via: 3000, Origin: 131279, Country: "KP"}
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, []mrttest.Route{aggregate}))
	w.Churn(0, 5*time.Hour, 2*time.Minute, w.Peers, background)
	w.Announce(30*time.Minute, w.Peers, specifics...)
	w.Withdraw(31*time.Minute, w.Peers, aggregate.Prefix)
	w.Withdraw(90*time.Minute, w.Peers, mrttest.Prefixes(specifics[2:4])...)
	w.Announce(2*time.Hour, w.Peers, specifics[2:4]...)
	w.Withdraw(3*time.Hour, w.Peers, mrttest.Prefixes(specifics[2:4])...)
	w.Withdraw(200*time.Minute, w.Peers, mrttest.Prefixes(specifics[4:])...)
	w.Withdraw(200*time.Minute, w.Peers, mrttest.Prefixes(specifics[:2])...)
	w.Announce(4*time.Hour, w.Peers, specifics...)
	got := replayCase(t, w, wholeFiles(w))
	for _, entity := range []bgp.Entity{{Type: bgp.EntityPrefix, Code: "175.45.176.0/21"}, {Type: bgp.EntityAS, Code: "AS131279"}, {Type: bgp.EntityCountry, Code: "KP"}} {
		lost := slices.DeleteFunc(got.of(entity.Type, entity.Code), func(o bgp.Outage) bool { return o.Blip })
		if len(lost) != 2 {
			t.Errorf("%s: got %+v, want two outages", entity.Code, lost)
			continue
		}
		part, all := lost[0], lost[1]
		if part.Severity != bgp.SeverityModerate || part.Peak.LossPercent != 2500 || part.Peak.LostSpace != 200 || part.End == nil ||
			part.Start.Sub(caseStart).Round(time.Minute) != 90*time.Minute || part.End.Sub(caseStart).Round(time.Minute) != 2*time.Hour {
			t.Errorf("%s: got %+v, want a quarter lost from 1h30m to 2 h", entity.Code, part)
		}
		if !strings.Contains(part.Summary, "with 25 % of its address space (2 of 8 /24s)") || !strings.Contains(part.Summary, "carry 6 of 8 /24s") {
			t.Errorf("%s: the part is not told: %s", entity.Code, part.Summary)
		}
		if all.Severity != bgp.SeverityTotal || all.Peak.LossPercent != 10000 || all.Start.Sub(caseStart).Round(time.Minute) != 3*time.Hour {
			t.Errorf("%s: got %+v, want a total loss in the end", entity.Code, all)
		}
	}
}

// TestCaseOneOfTwoOrigins has two ASes originate two prefixes. One stops, and all peers hear the
// other: nothing is lost.
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
