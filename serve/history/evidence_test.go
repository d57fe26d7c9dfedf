package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// evidence is a dataset in which three voters, one of them on a router of the operator's own, and a
// peer that does not vote lose 192.0.2.0/24.
var evidence, evidencePrivate = Scope{Dataset: "evidence", Window: "1"}, Scope{Dataset: "evidence", Window: "1", Private: true}

func fillEvidence(t *testing.T, s clickhouse.Server) {
	t.Helper()
	f := filler{t, s}
	peers := []struct {
		collector, address string
		asn                int
		reason             string
	}{{"ris/rrc00", "198.51.100.1", 64501, ""}, {"ris/rrc01", "198.51.100.2", 64502, ""}, {"bmp/192.0.2.9", "198.51.100.3", 64503, ""}, {"ris/rrc01", "198.51.100.4", 64504, "partial"}}
	for i, p := range peers {
		f.exec(`INSERT INTO {{db}}.panel (dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, collector, peer_address, peer_asn, votes, reason, prefixes, idx, position_sequence, appended_at)
			VALUES ('evidence', '%s', 'ipv4', 'complete', 3, 3, 3, 3, true, '', '%s', '%s', %d, %t, '%s', 100, %d, 1, now())`, sqlAt(0), p.collector, p.address, p.asn, p.reason == "", p.reason, i)
	}
	n := 0
	change := func(second int, peer int, kind, path string) {
		n++
		p := peers[peer]
		f.exec(`INSERT INTO {{db}}.route_change_log (dataset, timestamp, received_at, collector, lane, sequence, peer_address, peer_asn, type, prefix, as_path, origin_as, appended_at)
			VALUES ('evidence', '%s', now(), '%s', 'live', %d, '%s', %d, '%s', '192.0.2.0/24', '%s', 64496, now())`,
			at(15).Add(time.Duration(second)*time.Second).Format(time.DateTime), p.collector, n, p.address, p.asn, kind, path)
	}
	change(-600, 0, "announce", "64501 64499 64496")
	change(3, 0, "withdraw", "")
	change(5, 1, "withdraw", "") // the prefix comes back, then goes for good
	change(6, 1, "announce", "64502 64498 64496")
	change(20, 1, "withdraw", "")
	change(4, 2, "withdraw", "")
	change(5, 3, "withdraw", "")
	f.exec(`INSERT INTO {{db}}.visibility (dataset, timestamp, entity_type, entity_code, entity_name, family, appended_at)
		VALUES ('evidence', '%s', 'as', 'AS64496', 'Example 100%% Net', 'ipv4', now()), ('evidence', '%s', 'watch', 'secret', 'Example list', 'ipv4', now())`, sqlAt(0), sqlAt(0))
}

func testWithdrawals(t *testing.T, s *Store) {
	t.Helper()
	for _, tt := range []struct {
		sc    Scope
		peers string
		curve string
	}{
		{evidence, "AS64501 ris/rrc00 3, AS64502 ris/rrc01 20", "3:1 20:1"},
		{evidencePrivate, "AS64501 ris/rrc00 3, AS64503 bmp/192.0.2.9 4, AS64502 ris/rrc01 20", "3:1 4:1 20:1"},
	} {
		w, err := s.Withdrawals(t.Context(), tt.sc, bgp.IPv4, []string{"192.0.2.0/24", "203.0.113.0/24"}, at(15), at(13), at(25))
		if err != nil {
			t.Fatal(err)
		}
		second := func(x time.Time) int { return int(x.Sub(at(15)).Seconds()) }
		var peers, curve []string
		for _, p := range w.Peers {
			peers = append(peers, fmt.Sprintf("%s %s %d", p.ASN, p.Collector, second(p.First)))
		}
		for _, c := range w.Curve {
			curve = append(curve, fmt.Sprintf("%d:%d", second(c.At), c.Losses))
		}
		if strings.Join(peers, ", ") != tt.peers || strings.Join(curve, " ") != tt.curve {
			t.Errorf("private %t: got %q, %q, want %q, %q", tt.sc.Private, peers, curve, tt.peers, tt.curve)
		}
		if len(w.Prefixes) != 1 || w.Prefixes[0].Voters != len(w.Peers) || second(w.Prefixes[0].First) != 3 || second(w.Prefixes[0].Last) != 20 || w.Prefixes[0].Upstream.ASN != 64498 {
			t.Errorf("got %+v", w.Prefixes)
		}
	}
	if w, err := s.Withdrawals(t.Context(), evidence, bgp.IPv4, []string{"x' OR 1"}, at(15), at(13), at(25)); err != nil || len(w.Curve) != 0 {
		t.Errorf("nothing: got %+v, %v", w, err)
	}
}

func testPeers(t *testing.T, s *Store) {
	t.Helper()
	got, hidden, err := s.Peers(t.Context(), evidence, at(30))
	if err != nil || len(got) != 3 || hidden != 1 || !got[0].Votes || got[2].Votes || got[2].Reason != "partial" || got[2].ASN != 64504 || got[0].Address.String() != "198.51.100.1" {
		t.Errorf("got %+v, %d hidden, %v", got, hidden, err)
	}
	if got, hidden, err := s.Peers(t.Context(), evidencePrivate, at(30)); err != nil || len(got) != 4 || hidden != 0 {
		t.Errorf("logged in: got %+v, %d hidden, %v", got, hidden, err)
	}
	if got, _, err := s.Peers(t.Context(), evidence, at(300)); err != nil || len(got) != 0 {
		t.Errorf("long after: got %+v, %v", got, err)
	}
}

func testNamed(t *testing.T, s *Store) {
	t.Helper()
	for _, tt := range []struct {
		sc   Scope
		text string
		want string
	}{
		{evidence, "EXAMPLE", "AS64496"}, {evidencePrivate, "example", "secret AS64496"}, {evidence, "100%", "AS64496"}, {evidence, "1_0", ""}, {evidence, `\`, ""}, {evidence, "' OR 1", ""},
	} {
		got, err := s.Named(t.Context(), tt.sc, tt.text, at(60), 10)
		var found []string
		for _, e := range got {
			found = append(found, e.Code)
		}
		if err != nil || strings.Join(found, " ") != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.text, found, err, tt.want)
		}
	}
}
