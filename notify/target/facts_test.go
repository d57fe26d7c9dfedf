package target_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	day := targettest.Day(bgp.EndRecovered)
	open, over := day[0], day[2]
	open.Events[0].Now = bgp.Loss{LostPrefixes: 3, LossPercent: 7550}
	open.Remainder, open.Late, open.Exercise = "3 networks are still dark", true, true
	open.NotMeasuredSince = open.Start.Add(10 * time.Minute)
	open.Events[0].Watch = []bgp.WatchMember{{List: "ours", Member: "KP", Public: true}, {List: "secret", Member: "192.0.2.0/24", CoveredBy: "192.0.0.0/16"}, {List: "ours", Member: "KP", Public: true}}
	want := []target.Fact{
		{"Exercise", "The data are not live: a reconstruction or a replay. Nothing of this happens now."},
		{"Since", "22 Dec 2014 16:15 UTC (5 min)"},
		{"At worst", "4 of 4 prefixes (100 % of the space)"},
		{"Seen by", "45 voters on 12 collectors"},
		{"Still dark", "3 networks are still dark"},
		{"Not measured", "Not measured since 22 Dec 2014 16:25 UTC: no verdict is possible, so nothing is known of now"},
		{"Late", "Decided at 22 Dec 2014 16:20 UTC and told late"},
		{"Watch lists", "KP in ours"},
	}
	if diff := cmp.Diff(want, open.Facts()); diff != "" {
		t.Error(diff)
	}
	open.NotMeasuredSince, open.Private = time.Time{}, true
	if got := find(open, "Lost now"); got != "3 of 4 prefixes (75.5 % of the space)" {
		t.Errorf("got %q", got)
	}
	if got := find(open, "Watch lists"); got != "KP in ours; 192.0.2.0/24 in secret, covered by 192.0.0.0/16" {
		t.Errorf("got %q", got)
	}
	asOf := open.Start.Add(-35 * time.Minute)
	open.Events[0].Watch = []bgp.WatchMember{
		{List: "secret", Member: "www.example.net", Host: &bgp.WatchHost{ResolvedAt: &asOf, Problem: "no answer from the DNS servers", AddressesTotal: 7, Addresses: []bgp.HostAddress{
			{Address: "192.0.2.1", State: "lost"},
			{Address: "203.0.113.1", State: "visible", Countries: []string{"NL"}, Abroad: true},
			{Address: "2001:db8::1", State: "never_seen"},
			{Address: "192.0.2.53", NameServer: true, State: "lost"},
			{Address: "192.0.2.54", NameServer: true, State: "lost"},
		}}},
		{List: "ours", Member: "www.example.net", Public: true, Host: &bgp.WatchHost{}},
		{List: "ours", Member: "never.example.net", Public: true, Host: &bgp.WatchHost{Problem: "there is no such name (NXDOMAIN)"}},
	}
	if got, want := find(open, "Hosts"), "www.example.net: addresses as of 22 Dec 2014 15:40 UTC, does not resolve since (no answer from the DNS servers): 192.0.2.1 lost, "+
		"203.0.113.1 visible and announced abroad (NL), 2001:db8::1 never seen, name server 192.0.2.53 lost, and 3 more; never.example.net never resolved (there is no such name (NXDOMAIN))"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	open.Private = false
	if got, want := find(open, "Hosts"), "www.example.net never resolved; never.example.net never resolved (there is no such name (NXDOMAIN))"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := find(over, "Ended"), "23 Dec 2014 01:46 UTC, after 9 h 31 min. The routes are back"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// An intermittent loss came before. The figures are those of the outage that the texts
	// describe.
	over.Start = over.Start.Add(-16 * time.Hour)
	if got, want := find(over, "Ended"), "23 Dec 2014 01:46 UTC, after 9 h 31 min. The routes are back"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := find(over, "Since"), "22 Dec 2014 16:15 UTC. The first loss of this incident: 22 Dec 2014 00:15 UTC"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := open.Heading(); !strings.HasPrefix(got, "Exercise: North Korea") {
		t.Errorf("got %q", got)
	}
	if open.Headline = open.Heading(); open.Heading() != open.Headline {
		t.Errorf("got %q: said twice", open.Heading())
	}
}

// TestBack checks that only the reason recovered counts as back.
func TestBack(t *testing.T) {
	t.Parallel()
	for _, reason := range []bgp.EndReason{bgp.EndRecovered, bgp.EndSuperseded, bgp.EndNewNormal, bgp.EndLeftTable, bgp.EndCovered, bgp.EndRemoved, bgp.EndLostSight} {
		m := targettest.Day(reason)[2]
		recovered := reason == bgp.EndRecovered
		if m.Back() != recovered || strings.Contains(find(m, "Ended"), "The routes are back") != recovered {
			t.Errorf("%s: got %v and %q", reason, m.Back(), find(m, "Ended"))
		}
	}
	for kind, want := range map[bgp.Kind]string{
		bgp.KindPartial: "As many networks as usual", bgp.KindIntermittent: "stopped coming and going",
		bgp.KindMoved: "usual origins", bgp.KindOrigin: "unexpected announcement is gone",
	} {
		m := targettest.Day(bgp.EndRecovered)[2]
		m.Events = slices.Clone(m.Events)
		m.Events[0].Kind = kind
		if got := find(m, "Ended"); !strings.Contains(got, want) || strings.Contains(got, "The routes are back") {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
	if m := targettest.Day(bgp.NotEnded)[2]; m.Back() || !strings.Contains(find(m, "Ended"), "taken back") {
		t.Errorf("a suspicion: got %v and %q", m.Back(), find(m, "Ended"))
	}
}

func TestUnexpected(t *testing.T) {
	t.Parallel()
	m := targettest.Day(bgp.EndRecovered)[0]
	m.Events[0].Kind = bgp.KindOrigin
	for range 5 {
		m.Events[0].Unexpected = append(m.Events[0].Unexpected, bgp.UnexpectedRoute{Prefix: "192.0.2.0/25", Origin: bgp.AS{ASN: 64497}, Voters: 3, Collectors: 2, SharePercent: 670, RPKI: "not_found"})
	}
	one := "192.0.2.0/25 from AS64497, held by 3 voters (6.7 %) on 2 collectors, RPKI not found"
	if got, want := find(m, "Unexpected"), one+"; "+one+"; "+one+"; and 2 more"; got != want || find(m, "Lost now") != "" {
		t.Errorf("got %q, want %q", got, want)
	}
}

func find(m *target.Message, name string) string {
	for _, f := range m.Facts() {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}
