package main

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// bmpOf returns a raw recording of a router's BMP. Its peers come up and send their tables, one for
// each family. Then they send a message every two minutes for three hours. KP is away from 01:00 to
// 01:40. times returns the timestamp of a message that is sent at at; table means that the message
// belongs to a table.
func bmpOf(w *mrttest.World, collector string, times func(at time.Duration, table bool) int64) []byte {
	b := bmptest.Initiation(collector)
	var peers []bmptest.Peer
	for _, p := range w.Peers {
		if p.Collector == collector {
			peers = append(peers, bmptest.Peer{Address: p.PeerAddress, ASN: p.PeerASN, BGPID: [4]byte{192, 0, 2, 1}})
		}
	}
	path := func(p bmptest.Peer, r mrttest.Route) []bgp.ASN { return []bgp.ASN{p.ASN, r.Via, r.Origin} }
	send := func(p bmptest.Peer, at time.Duration, table bool, message []byte) {
		p.Timestamp = times(at, table)
		b = append(b, bmptest.Monitoring(p, message)...)
	}
	for _, p := range peers {
		p.Timestamp = times(0, true)
		b = append(b, bmptest.PeerUp(p)...)
		for _, f := range bgp.Families {
			for _, r := range w.Routes {
				if bgp.FamilyOf(r.Prefix) == f {
					send(p, time.Second, true, bmptest.Announce(r.Prefix, path(p, r)...))
				}
			}
			if slices.ContainsFunc(w.Routes, func(r mrttest.Route) bool { return bgp.FamilyOf(r.Prefix) == f }) {
				send(p, time.Second, true, wire.AppendEndOfRIB(nil, f))
			}
		}
	}
	for m := range 180 {
		at := time.Duration(m) * time.Minute
		for i, p := range peers {
			for _, r := range w.Routes {
				switch kp := r.Country == "KP"; {
				case kp && m == 60:
					send(p, at, false, bmptest.Withdraw(r.Prefix))
				case kp && m == 100:
					send(p, at, false, bmptest.Announce(r.Prefix, path(p, r)...))
				}
			}
			if r := w.Routes[(m+i)%50]; m > 0 && m%2 == i%2 {
				send(p, at+time.Second*time.Duration(i), false, bmptest.Announce(r.Prefix, path(p, r)...))
			}
		}
	}
	return b
}

// TestCaseTimesOfBMP checks recordings of routers with different kinds of timestamps.
func TestCaseTimesOfBMP(t *testing.T) {
	t.Parallel()
	us := func(t time.Time) int64 { return t.UnixMicro() }
	at := func(at time.Duration) int64 { return us(caseStart.Add(at)) }
	w := mrttest.NewWorld(caseStart, 3, 3, slices.Concat(mrttest.Background(50), mrttest.KP()))
	dual := mrttest.NewWorld(caseStart, 3, 3, slices.Clone(w.Routes))
	for i := range 30 {
		p := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x24, 0, byte(i)}), 32)
		dual.Routes = append(dual.Routes, mrttest.Route{Prefix: p, Via: 3000, Origin: bgp.ASN(20000 + i/4), Country: "DE"})
	}
	received := 0 // routes of tables
	for name, times := range map[string]func(time.Duration, bool) int64{
		"as they were sent": func(d time.Duration, _ bool) int64 { return at(d) },
		"tables as they were received days before": func(d time.Duration, table bool) int64 {
			if table {
				return at(-50 * time.Hour)
			}
			return at(d)
		},
		"tables as they were received in five hours before": func(d time.Duration, table bool) int64 {
			if table {
				received++
				return at(-5*time.Hour + time.Duration(received%300)*time.Minute)
			}
			return at(d)
		},
		"none for half of them": func(d time.Duration, _ bool) int64 {
			if d > 0 && d/time.Second%2 == 1 {
				return 0
			}
			return at(d)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, w := range []*mrttest.World{w, dual} {
				var files []caseFile
				for _, c := range w.Collectors() {
					files = append(files, caseFile{c, c + ".bmp", bmpOf(w, c, times)})
				}
				got := replayCase(t, w, files)
				got.wantKP(t, 0, time.Hour, 100*time.Minute)
				got.says(t, "IPv4: a verdict was possible in 17")
			}
		})
	}
	t.Run("none at all", func(t *testing.T) {
		t.Parallel()
		none := caseFile{"c0", "c0.bmp", bmpOf(w, "c0", func(time.Duration, bool) int64 { return 0 })}
		got := replayCase(t, w, []caseFile{none})
		if got.code != exitUsage {
			t.Errorf("got exit %d, want %d", got.code, exitUsage)
		}
		got.says(t, "c0.bmp is left out", "has a time")
	})
	t.Run("since the router's start", func(t *testing.T) {
		t.Parallel()
		var files []caseFile
		for _, c := range w.Collectors() {
			files = append(files, caseFile{c, c + ".bmp", bmpOf(w, c, func(d time.Duration, _ bool) int64 { return (d + 10*time.Minute).Microseconds() })})
		}
		got := replayCase(t, w, files)
		got.says(t, "c0.bmp: its times begin at 1970-01-01T00:11:01Z", "as if that was 2000-01-01")
		kp := got.of(bgp.EntityCountry, "KP")
		if got.code != 0 || len(kp) != 1 || kp[0].Start.Format(time.RFC3339) != "2000-01-01T01:10:00Z" || kp[0].End.Sub(kp[0].Start) != 40*time.Minute {
			t.Errorf("got exit %d and %+v, want 40 minutes from 2000-01-01T01:10:00Z", got.code, kp)
		}
	})
}
