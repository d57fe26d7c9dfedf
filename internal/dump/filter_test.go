package dump_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/dump"
)

// items returns two withdrawals and two announcements of a peer, a route of a table by each of two
// peers, a state, and an End-of-RIB.
func items() []*capture.Item {
	other := bgp.Peer{Address: netip.MustParseAddr("203.0.113.2"), ASN: 64500}
	table := slices.Concat(origin, attr(0x40, 2, 2, 2, 0, 0, 0xfb, 0xf4, 0, 0, 0xfb, 0xf5), hop)
	return []*capture.Item{
		{Kind: capture.Message, Type: "BGP4MP", Timestamp: 100e6, Peer: peer, ASOctets: 4, Message: update(slices.Concat(net198, net192), slices.Concat([]byte{23, 198, 51, 100}, net192), withAll...)},
		{Kind: capture.RIB, Type: "TABLE_DUMP2", Timestamp: 200e6, Prefix: netip.MustParsePrefix("192.0.2.0/25"), Entries: []capture.RIBEntry{
			{Peer: peer, Attributes: table, ASOctets: 4}, {Peer: other, Attributes: table, ASOctets: 4},
		}},
		{Kind: capture.State, Type: "BGP4MP", Timestamp: 300e6, Peer: other, OldState: bgp.Established, NewState: bgp.Idle},
		{Kind: capture.Message, Type: "BGP4MP", Timestamp: 300e6 + 5, Peer: other, ASOctets: 4, Message: update(nil, nil)},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSelection checks the lines that each filter selects, in each form. A line is named by its
// type's letter, its prefix's length or its peer's last digit.
func TestSelection(t *testing.T) {
	t.Parallel()
	prefix := func(s string, m bgp.PrefixMode) dump.Filter {
		return dump.Filter{Prefixes: []bgp.PrefixMatch{must(bgp.ParsePrefixMatch(s, m))}}
	}
	tests := map[string]struct {
		filter dump.Filter
		limit  uint64
		want   string // letters of the lines
	}{
		"all":              {dump.Filter{}, 0, "wwaarrse"},
		"exact":            {prefix("192.0.2.0/24", bgp.PrefixExact), 0, "wa"},
		"more":             {prefix("192.0.2.0/24", bgp.PrefixMoreSpecific), 0, "warr"},
		"less":             {prefix("198.51.100.0/24", bgp.PrefixLessSpecific), 0, "wa"},
		"overlapping":      {prefix("192.0.2.1", bgp.PrefixOverlapping), 0, "warr"},
		"no prefix":        {prefix("10.0.0.0/8", bgp.PrefixOverlapping), 0, ""},
		"peer address":     {dump.Filter{Peers: []dump.PeerMatch{must(dump.ParsePeer("203.0.113.2"))}}, 0, "rse"},
		"peer AS":          {dump.Filter{Peers: []dump.PeerMatch{must(dump.ParsePeer("AS64496"))}}, 0, "wwaar"},
		"origin":           {dump.Filter{Origins: []bgp.ASN{64501}}, 0, "rr"},
		"path":             {dump.Filter{Path: must(dump.ParsePath("^64496 "))}, 0, "aa"},
		"path with _":      {dump.Filter{Path: must(dump.ParsePath("_64499_"))}, 0, "aa"},
		"two numbers":      {dump.Filter{Path: must(dump.ParsePath("^64496_6449[7]_"))}, 0, "aa"},
		"set, its end":     {dump.Filter{Path: must(dump.ParsePath(`\{64498,64499\}$`))}, 0, "aa"},
		"alternatives":     {dump.Filter{Path: must(dump.ParsePath(`_(64498|64501)_`))}, 0, "aarr"},
		"repeated":         {dump.Filter{Path: must(dump.ParsePath(`(64500 )+64501`))}, 0, "rr"},
		"optional":         {dump.Filter{Path: must(dump.ParsePath(`^64500 (1 )?64501$`))}, 0, "rr"},
		"part of a number": {dump.Filter{Path: must(dump.ParsePath("_6449_"))}, 0, ""},
		"path AS":          {dump.Filter{PathASNs: []bgp.ASN{64499, 64500}}, 0, "aarr"},
		"community":        {dump.Filter{Communities: []dump.CommunityMatch{must(dump.ParseCommunity("64496:*"))}}, 0, "aa"},
		"well-known":       {dump.Filter{Communities: []dump.CommunityMatch{must(dump.ParseCommunity("no-export"))}}, 0, "aa"},
		"large":            {dump.Filter{Communities: []dump.CommunityMatch{must(dump.ParseCommunity("64496:*:2"))}}, 0, "aa"},
		"another large":    {dump.Filter{Communities: []dump.CommunityMatch{must(dump.ParseCommunity("64496:1:3"))}}, 0, ""},
		"withdrawals":      {dump.Filter{Types: []dump.Type{dump.TypeWithdraw}}, 0, "ww"},
		"table, state":     {dump.Filter{Types: []dump.Type{dump.TypeRIB, dump.TypeState}}, 0, "rrs"},
		"from":             {dump.Filter{From: 200e6}, 0, "rrse"},
		"to":               {dump.Filter{To: 200e6}, 0, "wwaa"},
		"from and to":      {dump.Filter{From: 150e6, To: 300e6 + 1}, 0, "rrs"},
		"two":              {dump.Filter{Types: []dump.Type{dump.TypeAnnounce, dump.TypeRIB}, Peers: []dump.PeerMatch{{ASN: 64496}}}, 0, "aar"},
		"limit":            {dump.Filter{}, 3, "wwa"},
		"limit in a table": {dump.Filter{From: 200e6}, 1, "r"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			columns := must(dump.ParseColumns([]string{"type"}))
			s := [4]*dump.Selection{}
			for i := range s {
				s[i] = dump.NewSelection(tt.filter, tt.limit)
			}
			forms := [...]formatter{
				dump.NewTSV("x", "file/local", false, columns, s[0]), dump.NewJSON("file/local", false, s[1]), dump.NewBGPDump(s[2]), dump.NewCount(false, s[3]),
			}
			var out [4]strings.Builder
			for i, f := range forms {
				for _, it := range items() {
					b, err := f.Append(nil, it)
					if err != nil {
						t.Fatal(err)
					}
					out[i].Write(b)
				}
			}
			got := ""
			for line := range strings.Lines(out[0].String()) {
				got += line[:1]
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			n := uint64(len(tt.want))
			if lines := strings.Count(out[1].String(), "\n"); uint64(lines) != n || s[0].Matched() != n || s[3].Matched() != n {
				t.Errorf("got %d lines of JSON, %d and %d counted, want %d", lines, s[0].Matched(), s[3].Matched(), n)
			}
			if want := len(strings.ReplaceAll(tt.want, "e", "")); strings.Count(out[2].String(), "\n") != want || s[2].Matched() != uint64(want) {
				t.Errorf("got %q of bgpdump's, %d counted, want %d", out[2].String(), s[2].Matched(), want)
			}
		})
	}
}

func TestParseFilters(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "AS", "x", "192.0.2.0/24", "4294967296"} {
		if m, err := dump.ParsePeer(s); err == nil {
			t.Errorf("peer %q: got %v", s, m)
		}
	}
	for _, s := range []string{"", "64496", "64496:65536", "1:2:3:4", "a:b", "64496:1:4294967296", "64496:"} {
		if m, err := dump.ParseCommunity(s); err == nil {
			t.Errorf("community %q: got %v", s, m)
		}
	}
	if _, err := dump.ParsePath("("); err == nil {
		t.Error("path (: no error")
	}
	if _, err := dump.ParseType("update"); err == nil || !strings.Contains(err.Error(), "announce, withdraw, table") {
		t.Errorf("type: got %v", err)
	}
}

func TestTSV(t *testing.T) {
	t.Parallel()
	columns := must(dump.ParseColumns([]string{"prefix", "type", "timestamp", "peer_asn", "as_path", "origin_as", "next_hop", "med", "communities", "large_communities", "new_state", "family", "file"}))
	f := dump.NewTSV("a\tb", "file/local", false, columns, nil)
	var out []byte
	for _, it := range items() {
		var err error
		if out, err = f.Append(out, it); err != nil {
			t.Fatal(err)
		}
	}
	announced := "\tannounce\t100\t64496\t64496 64497 {64498,64499}\t64497\t203.0.113.1\t0\t64496:1 65535:65281\t64496:1:2\t\t\ta\\tb\n"
	want := "198.51.100.0/24\twithdraw\t100\t64496\t\t\t\t\t\t\t\t\ta\\tb\n" + "192.0.2.0/24\twithdraw\t100\t64496\t\t\t\t\t\t\t\t\ta\\tb\n" +
		"198.51.100.0/23" + announced + "192.0.2.0/24" + announced +
		"192.0.2.0/25\trib\t200\t64496\t64500 64501\t64501\t203.0.113.1\t\t\t\t\t\ta\\tb\n" + "192.0.2.0/25\trib\t200\t64500\t64500 64501\t64501\t203.0.113.1\t\t\t\t\t\ta\\tb\n" +
		"\tstate\t300\t64500\t\t\t\t\t\t\tidle\t\ta\\tb\n" + "\tend_of_rib\t300.000005\t64500\t\t\t\t\t\t\t\tipv4\ta\\tb\n"
	if string(out) != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	if got := columns.Header(); !strings.HasPrefix(got, "prefix\ttype\ttimestamp\t") || !strings.HasSuffix(got, "\tfile\n") {
		t.Errorf("got header %q", got)
	}
	for _, names := range [][]string{{"nothing"}, {"prefix", "prefix"}} {
		if _, err := dump.ParseColumns(names); err == nil {
			t.Errorf("%q: no error", names)
		}
	}
}
