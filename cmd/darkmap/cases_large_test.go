package main

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// largeAS returns a network of 1,436 prefixes with 6,400 /24s. Its first 344 prefixes have 384
// /24s: 24 % of the prefixes and 6 % of the space.
func largeAS(origin bgp.ASN) (all, part []mrttest.Route) {
	at := 40 << 16 // in /24s
	for i := range 1436 {
		units := 1
		switch {
		case i >= 1024:
			units = 8
		case i >= 344:
			units = 4
		case i >= 304:
			units = 2
		}
		at = (at + units - 1) / units * units
		bits := 24
		for u := units; u > 1; u /= 2 {
			bits--
		}
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(at >> 16), byte(at >> 8), byte(at), 0}), bits)
		all = append(all, mrttest.Route{Prefix: p, Via: 3000 + bgp.ASN(i%5), Origin: origin, Country: "US"})
		at += units
	}
	return all, all[:344]
}

// TestCaseLargeAS: a network that is too large to lose a tenth of its space loses a quarter of its
// prefixes for 44 minutes (AS13335 on 21 June 2022).
func TestCaseLargeAS(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{3, 1}, {4, 10}} {
		t.Run(fmt.Sprint(size[0]*size[1], " voters"), func(t *testing.T) {
			t.Parallel()
			background := mrttest.Background(100)
			all, part := largeAS(64500)
			w := mrttest.NewWorld(caseStart, size[0], size[1], slices.Concat(background, all))
			w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
			w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(part)...)
			w.Announce(104*time.Minute, w.Peers, part...)
			got := replayCase(t, w, wholeFiles(w)).of(bgp.EntityAS, "AS64500")
			if len(got) != 1 || got[0].Kind != bgp.KindOutage || got[0].End == nil {
				t.Fatalf("got %+v, want one outage that ended", got)
			}
			o := got[0]
			from, to := o.Start.Sub(caseStart), o.End.Sub(caseStart)
			if (from-time.Hour).Abs() > 2*time.Minute || (to-104*time.Minute).Abs() > 2*time.Minute || o.EndReason != bgp.EndRecovered {
				t.Errorf("got %s to %s, %s, want 1h0m to 1h44m, recovered", from, to, o.EndReason)
			}
			if o.Peak.LostPrefixes != 344 || o.LostPrefixesTotal != 344 || o.Peak.LossPercent != 600 {
				t.Errorf("got %+v and %d lost prefixes, want 344 with 6 %%: %s", o.Peak, o.LostPrefixesTotal, o.Summary)
			}
		})
	}
}

// TestCaseAggregatesCovered: the aggregates of a large network go, and their more-specifics stay.
// The network has lost nothing.
func TestCaseAggregatesCovered(t *testing.T) {
	t.Parallel()
	background, specifics := mrttest.Background(100), slash24s("40.0.0.0", 1600, 64500, "US")
	var aggregates []mrttest.Route
	for i := 0; i < len(specifics); i += 4 {
		r := specifics[i]
		r.Prefix = netip.PrefixFrom(r.Prefix.Addr(), 22)
		aggregates = append(aggregates, r)
	}
	w := mrttest.NewWorld(caseStart, 3, 1, slices.Concat(background, specifics, aggregates))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(aggregates)...)
	w.Announce(104*time.Minute, w.Peers, aggregates...)
	replayCase(t, w, wholeFiles(w)).onlyCovered(t, mrttest.Prefixes(aggregates))
}

// TestCaseForeignAggregate: prefixes of a network go while another network's aggregate covers them.
// They are lost.
func TestCaseForeignAggregate(t *testing.T) {
	t.Parallel()
	background, lost := mrttest.Background(100), slash24s("40.0.0.0", 40, 64500, "US")
	all := slices.Clone(lost)
	for i := range 160 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{41, byte(i >> 6), byte(i << 2), 0}), 22)
		all = append(all, mrttest.Route{Prefix: p, Via: 3000, Origin: 64500, Country: "US"})
	}
	foreign := mrttest.Route{Prefix: netip.MustParsePrefix("40.0.0.0/16"), Via: 3000, Origin: 64501, Country: "US"}
	w := mrttest.NewWorld(caseStart, 3, 1, slices.Concat(background, all, []mrttest.Route{foreign}))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(lost)...)
	w.Announce(104*time.Minute, w.Peers, lost...)
	got := replayCase(t, w, wholeFiles(w)).of(bgp.EntityAS, "AS64500")
	if len(got) != 1 || got[0].Kind != bgp.KindOutage || got[0].Peak.LostPrefixes != 40 || len(got[0].Evidence.Covered) != 40 {
		t.Errorf("got %+v, want one outage of 40 prefixes that AS64501 covers", got)
	}
}
