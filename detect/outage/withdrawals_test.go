package outage

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestWithdrawals checks that only the record that closes an outage has the voters and times of
// its withdrawals.
func TestWithdrawals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k, nets := country("KP"), networks(2)
	w.add(k, nets)
	w.minutes(1)
	began := w.now
	w.away(k, 2, 10)
	w.minutes(30)
	var got *bgp.Withdrawals
	for _, e := range w.events {
		if x := e.Outage.Evidence.Withdrawals; (x != nil) != (e.Outage.Event == bgp.EventClosed) {
			t.Errorf("%s: got %+v", e.Outage.Event, x)
		} else if x != nil {
			got = x
		}
	}
	want := &bgp.Withdrawals{First: time.Unix(began+5, 0).UTC(), Voters: 40}
	for i := range int64(maxCurvePoints) { // 40 voters, a second apart
		n := i * 39 / (maxCurvePoints - 1)
		want.Curve = append(want.Curve, [2]int64{n, n + 1})
	}
	for _, p := range nets {
		want.Prefixes = append(want.Prefixes, bgp.PrefixWithdrawals{
			Prefix: p.String(), Upstream: 4837, Voters: 40, HalfSeconds: 19, First: bgp.VoterWithdrawal{ASN: 100}, Last: bgp.VoterWithdrawal{ASN: 139, Seconds: 39},
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("withdrawals (-want +got):\n%s", diff)
	}
}

// TestMeasureWithdrawals checks that a voter counts once it has lost half of the prefixes that it
// lost. Older withdrawals and prefixes under a route of the same origin do not count.
func TestMeasureWithdrawals(t *testing.T) {
	t.Parallel()
	lost := func(p string, covered bool, at map[bgp.ASN]int64, order ...bgp.ASN) LostPrefix {
		out := LostPrefix{Prefix: netip.MustParsePrefix(p), UnderAggregate: covered}
		out.Space = bgp.Space(out.Prefix)
		for _, a := range order {
			out.Withdrawals, out.WithdrawnBy = append(out.Withdrawals, at[a]), append(out.WithdrawnBy, a)
		}
		return out
	}
	var d digest
	d.measureWithdrawals([]LostPrefix{
		lost("192.0.2.0/24", false, map[bgp.ASN]int64{1: 90, 2: 100, 3: 130}, 1, 2, 3),
		lost("198.51.100.0/24", false, map[bgp.ASN]int64{3: 110, 2: 160}, 3, 2),
		lost("198.51.100.128/25", true, map[bgp.ASN]int64{4: 105}, 4),
		lost("203.0.113.0/24", false, nil),
	}, false, 95)
	want := &bgp.Withdrawals{
		First: time.Unix(100, 0).UTC(), Voters: 2, Curve: [][2]int64{{0, 1}, {10, 2}}, Prefixes: []bgp.PrefixWithdrawals{
			{Prefix: "192.0.2.0/24", Voters: 2, First: bgp.VoterWithdrawal{ASN: 2}, Last: bgp.VoterWithdrawal{ASN: 3, Seconds: 30}},
			{Prefix: "198.51.100.0/24", Voters: 2, HalfSeconds: 10, First: bgp.VoterWithdrawal{ASN: 3, Seconds: 10}, Last: bgp.VoterWithdrawal{ASN: 2, Seconds: 60}},
		},
	}
	if diff := cmp.Diff(want, d.withdrawn); diff != "" {
		t.Errorf("withdrawals (-want +got):\n%s", diff)
	}
}

// TestWithdrawalsAreShort checks that they take at most 2 kB in JSON.
func TestWithdrawalsAreShort(t *testing.T) {
	t.Parallel()
	var lost []LostPrefix
	for i := range 700 {
		p := LostPrefix{Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/48", 0xf000+i)), Space: 1 << 16, Upstreams: []bgp.ASN{math.MaxUint32}}
		for j := range int64(400) {
			p.Withdrawals, p.WithdrawnBy = append(p.Withdrawals, 10_000*j), append(p.WithdrawnBy, bgp.ASN(math.MaxUint32-400+j))
		}
		lost = append(lost, p)
	}
	var d digest
	d.measureWithdrawals(lost, false, 0)
	b, err := json.Marshal(d.withdrawn)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 2048 || len(d.withdrawn.Curve) != maxCurvePoints || len(d.withdrawn.Prefixes) != maxCurvePrefixes || d.withdrawn.Voters != 400 {
		t.Errorf("%d octets: %s", len(b), b)
	}
}
