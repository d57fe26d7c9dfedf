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

// TestCaseSixToFour: 2002::/16 is away for 40 minutes. It is nobody's address space (RFC 3056), and larger than all else: the prefix has
// an event, its origin and the world have none. One of the others is an outage of its AS.
func TestCaseSixToFour(t *testing.T) {
	t.Parallel()
	var background []mrttest.Route
	for i := range 50 {
		p := netip.MustParsePrefix(fmt.Sprintf("2a00:%x::/32", i+1))
		background = append(background, mrttest.Route{Prefix: p, Via: 3000, Origin: bgp.ASN(20000 + i/5), Country: "DE"})
	}
	six := mrttest.Route{Prefix: netip.MustParsePrefix("2002::/16"), Via: 3001, Origin: 6939}
	other := mrttest.Route{Prefix: netip.MustParsePrefix("2a01:1::/32"), Via: 3001, Origin: 6939, Country: "US"}
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, []mrttest.Route{six, other}))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(30*time.Minute, w.Peers, six.Prefix)
	w.Announce(70*time.Minute, w.Peers, six)
	w.Withdraw(2*time.Hour, w.Peers, other.Prefix)
	got := replayCase(t, w, wholeFiles(w))
	if got.code != 0 || len(got.of(bgp.EntityPrefix, "2002::/16")) != 1 {
		t.Fatalf("got exit %d and %d outages, want 0 and one of 2002::/16:\n%s", got.code, len(got.outages), got.stderr)
	}
	if world := got.of(bgp.EntityWorld, "world"); len(world) != 0 {
		t.Errorf("got %q, want no outage of the world", world[0].Headline)
	}
	as := got.of(bgp.EntityAS, "AS6939")
	if len(as) != 1 || as[0].Start.Sub(caseStart).Round(time.Minute) != 2*time.Hour || as[0].Severity != bgp.SeverityTotal {
		t.Errorf("got %v of AS6939, want one total outage from 2h on", as)
	}
}
