package main

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// darkWorld returns the world of the control, and its routes of KP. awayAndBack takes these away.
func darkWorld() (w *mrttest.World, kp []mrttest.Route) {
	background, kp := mrttest.Background(300), mrttest.KP()
	w = mrttest.NewWorld(caseStart, 3, 8, slices.Concat(background, kp))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	return w, kp
}

// awayAndBack withdraws KP at 01:00 and announces it at 01:40.
func awayAndBack(w *mrttest.World, kp []mrttest.Route) {
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(100*time.Minute, w.Peers, kp...)
}

// wantControl checks for the six outages of the control.
func wantControl(t *testing.T, got caseResult, code int) {
	t.Helper()
	if got.code != code || len(got.outages) != 6 || len(got.of(bgp.EntityCountry, "KP")) != 1 {
		t.Errorf("got exit %d and %d outages, want %d and 6:\n%s", got.code, len(got.outages), code, got.stderr)
	}
	for _, o := range got.outages {
		if from, to := o.Start.Sub(caseStart).Round(time.Minute), o.End.Sub(caseStart).Round(time.Minute); from != time.Hour || to != 100*time.Minute {
			t.Errorf("got %s from %s to %s, want 1h0m to 1h40m", o.Entity.Code, from, to)
		}
	}
}

// withTables returns the files of w, with each table changed by edit.
func withTables(w *mrttest.World, edit func(table []byte) []byte) []caseFile {
	files := wholeFiles(w)
	for i := range files {
		if strings.HasSuffix(files[i].name, ".rib.mrt") {
			files[i].bytes = edit(files[i].bytes)
		}
	}
	return files
}

// TestCaseUnreadableRecordInATable: the other records of the table count.
func TestCaseUnreadableRecordInATable(t *testing.T) {
	t.Parallel()
	attributes := []byte{0x40, 1, 1, 0}
	entry := func(peer byte) []byte { return append([]byte{0, peer, 0, 0, 0, 0, 0, 4}, attributes...) }
	goBGP := mrttest.Record(caseStart, 13, 4, slices.Concat([]byte{0, 0, 0, 42, 0, 2, 1, 32, 0x20, 1, 0x0d, 0xb8, 0, 1}, entry(0)))
	peer77 := mrttest.Record(caseStart, 13, 2, slices.Concat([]byte{0, 0, 0, 42, 24, 198, 18, 200, 0, 2}, entry(0), entry(77)))
	unknown := slices.Concat(mrttest.Record(caseStart, 13, 60, []byte{1, 2, 3}), mrttest.Record(caseStart, 99, 1, []byte{1}), make([]byte, 512))
	for name, tt := range map[string]struct {
		add  []byte
		code int
	}{
		"AFI and SAFI in a RIB_IPV6_UNICAST": {goBGP, exitDamaged},
		"a peer that is not in the index":    {peer77, exitDamaged},
		"several":                            {bytes.Repeat(goBGP, 20), exitDamaged},
		"unknown types and padding":          {unknown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, kp := darkWorld()
			awayAndBack(w, kp)
			wantControl(t, replayCase(t, w, withTables(w, func(b []byte) []byte { return slices.Concat(b, tt.add) })), tt.code)
		})
	}
	t.Run("the file is cut", func(t *testing.T) {
		t.Parallel()
		w, kp := darkWorld()
		awayAndBack(w, kp)
		// In the record that is cut.
		w.Routes = append(w.Routes, mrttest.Route{Prefix: netip.MustParsePrefix("198.18.0.0/24"), Via: 3000, Origin: 20000})
		got := replayCase(t, w, withTables(w, func(b []byte) []byte { return b[:len(b)-3] }))
		wantControl(t, got, exitDamaged)
		if !strings.Contains(got.stderr, "counts as far as it goes") || len(got.outages) > 0 && got.outages[0].Panel.Table != bgp.TablesComplete {
			t.Errorf("got panel %v:\n%s", got.outages[0].Panel, got.stderr)
		}
	})
	t.Run("too many", func(t *testing.T) {
		t.Parallel()
		w, kp := darkWorld()
		awayAndBack(w, kp)
		got := replayCase(t, w, withTables(w, func(b []byte) []byte { return slices.Concat(b, bytes.Repeat(goBGP, 100)) }))
		if got.code != exitDamaged || !strings.Contains(got.stderr, "100 of its 404 records cannot be read") {
			t.Errorf("got exit %d:\n%s", got.code, got.stderr)
		}
	})
}

// TestCaseCutUpdates: the withdrawals before the cut count, and the peers keep their votes.
func TestCaseCutUpdates(t *testing.T) {
	t.Parallel()
	w, kp := darkWorld()
	gone := mrttest.Update(mrttest.NLRI(append(mrttest.Prefixes(kp), netip.MustParsePrefix("20.0.7.0/24"))...), nil, nil)
	for i, p := range w.Peers {
		at := time.Hour + time.Duration(i)*time.Second
		w.Record(at, p.Collector, mrttest.Record(caseStart.Add(at), 16, 4, mrttest.BGP4MP(p, true, gone[:len(gone)-2-2])))
	}
	w.Announce(100*time.Minute, w.Peers, kp...)
	wantControl(t, replayCase(t, w, wholeFiles(w)), exitDamaged)
}

// TestCaseMalformedUpdates: the withdrawals before a wrong length count, and so do announcements
// that RFC 7606 treats as withdrawals. Both faults are reported.
func TestCaseMalformedUpdates(t *testing.T) {
	t.Parallel()
	_, kp := darkWorld()
	wrong := mrttest.NLRI(append(mrttest.Prefixes(kp), netip.MustParsePrefix("20.0.7.0/24"))...)
	wrong[len(wrong)-4] = 77
	noPath := slices.Concat(mrttest.Attribute(0x40, 1, []byte{0}), mrttest.Attribute(0x40, 2, []byte{2, 9, 0, 1}))
	for name, tt := range map[string]struct {
		message []byte
		why     string
	}{
		"a prefix length of 77": {mrttest.Update(wrong, nil, nil), "IPv4 prefix is longer than 32 bits"},
		"a malformed AS_PATH":   {mrttest.Update(nil, noPath, mrttest.NLRI(mrttest.Prefixes(kp)...)), "path attribute 2: a segment is longer than the path (treat as withdraw)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, kp := darkWorld()
			for i, p := range w.Peers {
				w.Message(time.Hour+time.Duration(i)*time.Second, p, tt.message)
			}
			w.Announce(100*time.Minute, w.Peers, kp...)
			got := replayCase(t, w, wholeFiles(w))
			wantControl(t, got, exitDamaged)
			if !strings.Contains(got.stderr, tt.why) {
				t.Errorf("nothing says %q:\n%s", tt.why, got.stderr)
			}
		})
	}
}

// TestCasePeersWithoutAnAS: a peer index table with AS 0 alone. The addresses connect tables and
// updates.
func TestCasePeersWithoutAnAS(t *testing.T) {
	t.Parallel()
	w, kp := darkWorld()
	awayAndBack(w, kp)
	wantControl(t, replayCase(t, w, withTables(w, func(b []byte) []byte { return renumbered(b, w, 0) })), 0)
}

// renumbered gives every peer of a table's index an AS number.
func renumbered(table []byte, w *mrttest.World, asn uint32) []byte {
	b := slices.Clone(table)
	end := 12 + int(binary.BigEndian.Uint32(b[8:]))
	for _, p := range w.Peers {
		number := binary.BigEndian.AppendUint32(p.PeerAddress.AsSlice(), uint32(p.PeerASN))
		if at := bytes.Index(b[:end], number); at >= 0 {
			binary.BigEndian.PutUint32(b[at+4:], asn)
		}
	}
	return b
}

// TestCaseTablesOfOthers: tables and updates without a common peer are reported.
func TestCaseTablesOfOthers(t *testing.T) {
	t.Parallel()
	w, kp := darkWorld()
	awayAndBack(w, kp)
	got := replayCase(t, w, withTables(w, func(b []byte) []byte { return renumbered(b, w, 65000) }))
	if got.code != exitDamaged || !strings.Contains(got.stderr, "file/c0") || !strings.Contains(got.stderr, "have no peer in common: 8 in the tables, such as 10.0.0.1 AS65000; 8 in the updates, such as 10.0.0.1 AS64600") {
		t.Errorf("got exit %d:\n%s", got.code, got.stderr)
	}
}

// TestCaseTwoOctets: updates of 2-octet AS numbers call every peer AS_TRANS.
func TestCaseTwoOctets(t *testing.T) {
	t.Parallel()
	kp := mrttest.KP()
	background := mrttest.Background(300)
	w := mrttest.NewWorld(caseStart, 3, 8, slices.Concat(background, kp))
	for i := range w.Peers {
		w.Peers[i].PeerASN += 4_200_000_000
	}
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	gone := mrttest.Update(mrttest.NLRI(mrttest.Prefixes(kp)...), nil, nil)
	for i, p := range w.Peers {
		p.PeerASN = 23456
		at := time.Hour + time.Duration(i)*time.Second
		w.Record(at, p.Collector, mrttest.Record(caseStart.Add(at), 16, 1, mrttest.BGP4MP(p, false, gone)))
	}
	w.Announce(100*time.Minute, w.Peers, kp...)
	wantControl(t, replayCase(t, w, wholeFiles(w)), 0)
}
