package query

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestWriteWatch: the table of watch lists, as `darkmap watch status` prints it.
func TestWriteWatch(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 14, 2, 0, 0, time.UTC)
	through := []Heard{{AS: bgp.AS{ASN: 64510}, Voters: 40}, {AS: bgp.AS{ASN: 64511}, Voters: 3}}
	a := Answer{Watch: []WatchList{{
		Name: "my-customers", Title: "Our customers", Home: "TO", Since: &at, MembersTotal: 9, Problem: "",
		Counts: map[State]int{Visible: 3, Lost: 1, NeverSeen: 1, TooLong: 1, NoAddress: 1, Partly: 2},
		Members: []WatchMember{
			{
				Member: "192.0.2.0/24", Kind: MemberPrefix, State: Lost, Routes: []WatchRoute{{Family: "ipv4", Prefix: "192.0.2.0/24", State: Lost, HeldBy: 2, Voters: 45, Since: &at, LastUpstreams: through}},
				Open: []Outage{{Kind: bgp.KindOutage, State: bgp.StateOpen, Start: at}},
			},
			{Member: "never.example.net", Kind: MemberHost, State: NoAddress, Problem: "there is no such name (NXDOMAIN)"},
			{Member: "198.51.100.0/24", Kind: MemberPrefix, State: NeverSeen, Routes: []WatchRoute{{Family: "ipv4", State: NeverSeen, Voters: 45}}},
			{Member: "203.0.113.64/26", Kind: MemberPrefix, State: Visible, Routes: []WatchRoute{{Family: "ipv4", Prefix: "203.0.112.0/20", CoveredBy: "203.0.112.0/20", State: Visible, HeldBy: 43, Voters: 45, Upstreams: through, Origins: through[:1]}}},
			{Member: "www.example.net", Kind: MemberHost, State: Visible, ResolvedAt: &at, Problem: "no answer from the DNS servers", Routes: []WatchRoute{
				{Family: "ipv4", Address: "192.0.2.1", Prefix: "192.0.2.0/24", State: Visible, HeldBy: 43, Voters: 45, BackSince: &at, Countries: []string{"NL"}, Abroad: true},
				{Family: "ipv4", Address: "192.0.2.53", NameServer: true, Prefix: "192.0.2.0/24", State: Visible, HeldBy: 43, Voters: 45, Countries: []string{"TO"}},
			}},
			{Member: "AS64496", Kind: MemberAS, State: Visible, Sums: []WatchSum{{Family: "ipv4", Entity: Entity{Visible: bgp.Size{Prefixes: 7}, Known: bgp.Size{Prefixes: 8}, LostPrefixesTotal: 1, LossPercent: 1250}}}},
		},
	}, {Name: "empty", Public: true}}}
	const want = `my-customers (Our customers), private, home TO
  members     9 members: 1 lost, 1 no address, 1 never seen, 1 too long to be visible, 2 partly visible, 3 visible
  as it is    since 2026-11-30 14:02:00

  MEMBER             STATE       SEEN BY          SINCE                THROUGH           NOTE
  192.0.2.0/24       lost        2 of 45          2026-11-30 14:02:00  AS64510, AS64511  outage open since 2026-11-30 14:02:00; THROUGH as it was last
  never.example.net  no address                                                          never resolved; there is no such name (NXDOMAIN)
  198.51.100.0/24    never seen
  203.0.113.64/26    visible     43 of 45                              AS64510, AS64511  covered by 203.0.112.0/20; from AS64510
  www.example.net    visible                                                             addresses as of 2026-11-30 14:02:00; does not resolve since: no answer from the DNS servers
    192.0.2.1        visible     43 of 45         2026-11-30 14:02:00                    route 192.0.2.0/24; back since then; announced abroad, in NL
    192.0.2.53       visible     43 of 45                                                name server; route 192.0.2.0/24; announced here, in TO
  AS64496            visible
    IPv4                         7 of 8 prefixes                                         1 prefix lost, 12.5 % of its usual space
  and 3 more members (--limit N shows more)
  Of a host the routes to its addresses are seen, not where it stands and not whether it answers. The address of an anycast service or a CDN is many machines.

empty, public
  members     none
`
	var b strings.Builder
	if err := WriteWatch(&b, a); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(b.String()) {
		got.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	b.Reset()
	if err := WriteWatch(&b, Answer{}); err != nil || !strings.Contains(b.String(), "knows no watch list") {
		t.Errorf("without lists: %v, %s", err, b.String())
	}
}
