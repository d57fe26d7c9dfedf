package query

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestWriteText: a lost prefix and a country, in the text for people.
func TestWriteText(t *testing.T) {
	t.Parallel()
	at := time.Date(2014, 12, 22, 16, 15, 8, 0, time.UTC)
	later, minute, usual := at.Add(21*time.Second), at.Truncate(time.Minute), bgp.Decimal(10_000)
	panel := Panel{Votes: bgp.Votes{Voters: 3, Collectors: 1}, Verdicts: true, Text: "IPv4: verdicts are possible: 3 networks on 1 collector vote", Table: bgp.TablesComplete}
	outage := Outage{ID: "country-KP-ipv4-20141222T1615Z", Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP"}, Kind: bgp.KindOutage, State: bgp.StateOpen, Start: at, Severity: bgp.SeverityTotal, Headline: "North Korea: all lost"}
	prefix := Answer{
		What: "192.0.2.0/24", Kind: KindPrefix, Dataset: "live", Source: SourceLive,
		Families: []Family{{
			Family: "ipv4", At: &later, Panel: panel, Open: []Outage{outage}, Covering: []Brief{{Prefix: "192.0.0.0/16", State: NotCounted, HeldBy: 1, Origins: []bgp.ASN{64510}}},
			Prefix: &Prefix{
				Prefix: "192.0.2.0/24", State: Lost, HeldBy: 1, GoneFrom: 2, Voters: 3, OtherPeers: 1, UsualPercent: &usual, FirstWithdrawal: &at, LastWithdrawal: &later, Since: &minute,
				Origins: []Heard{{bgp.AS{ASN: 64496, Name: "EXAMPLE"}, 1}}, LastUpstreams: []Heard{{bgp.AS{ASN: 64500}, 2}}, Places: []string{"KP"}, PeersTotal: 30,
				Peers: []Peer{
					{Collector: "bmp/r1", Address: "192.0.2.1", ASN: 64497, Votes: true, Origin: 64496, Upstream: 64500, Withdrawn: &at},
					{Collector: "bmp/r1", Address: "192.0.2.2", ASN: 64498, Holds: true, Votes: true, Origin: 64496},
				},
			},
		}},
	}
	country := Answer{
		What: "KP", Kind: KindCountry, Dataset: "demo", Source: SourceStore, Outages: []Outage{outage}, OutagesTotal: 3,
		Families: []Family{{Family: "ipv4", At: &later, Panel: panel, Open: []Outage{outage}, Entity: &Entity{
			Visible: bgp.Size{Prefixes: 1, Space: 100}, Usual: bgp.Size{Prefixes: 4, Space: 450}, LossPercent: 7778, LostPrefixesTotal: 3,
			LostPrefixes: []LostPrefix{{Prefix: "175.45.176.0/24", Since: &minute, HeldBy: 0, Origins: []bgp.ASN{131279, 64496}, Upstreams: []bgp.ASN{4837}}},
		}}, {Family: "ipv6", At: &later, Panel: panel}},
	}
	for what, tt := range map[string]struct {
		a    Answer
		want string
	}{
		"192.0.2.0/24": {prefix, `The prefix 192.0.2.0/24. Dataset live, as the running detector has it.

IPv4, decided up to 2014-12-22 16:15:29 UTC
  state       lost: fewer than half of its usual voters hold it
  held by     1 of 3 voters now, usually by 100 %; 2 had it and have it no more; 1 more peer without a vote holds it
  withdrawn   from 2014-12-22 16:15:08 to 2014-12-22 16:15:29
  since       the minute 2014-12-22 16:15
  origins     AS64496 EXAMPLE (1 voter)
  last via    AS64500 (2 voters)
  lies in     KP
  covered by  192.0.0.0/16, not counted, held by 1 voter, from AS64510
  panel       IPv4: verdicts are possible: 3 networks on 1 collector vote

  PEER                      VOTES  HOLDS  ORIGIN   VIA      WITHDRAWN
  bmp/r1 192.0.2.1 AS64497  yes    no     AS64496  AS64500  2014-12-22 16:15:08
  bmp/r1 192.0.2.2 AS64498  yes    yes    AS64496  ?
  and 28 more peers (--limit)

  Open around it
  country-KP-ipv4-20141222T1615Z
    outage, total, open, from 2014-12-22 16:15:08 goes on
    North Korea: all lost

No outage of it is known.
`},
		"KP": {country, `The country KP (North Korea). Dataset demo, from the store.

IPv4, decided up to 2014-12-22 16:15:29 UTC
  visible     1 /24s, in 1 prefix
  usual       4.5 /24s, in 4 prefixes: 77.78 % of the space is missing
  lost        3 prefixes
  panel       IPv4: verdicts are possible: 3 networks on 1 collector vote

  PREFIX           SINCE                HELD BY  ORIGIN       LAST VIA
  175.45.176.0/24  2014-12-22 16:15:00  0        AS131279 +1  AS4837
  and 2 more lost prefixes (--limit)

IPv6: nothing of it was ever seen.

Outages of it
  country-KP-ipv4-20141222T1615Z
    outage, total, open, from 2014-12-22 16:15:08 goes on
    North Korea: all lost
  and 2 earlier ones
`},
	} {
		q, err := Parse(what)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := WriteText(&b, q, tt.a); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}
