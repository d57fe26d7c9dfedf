package core

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// newRouters returns three routers with a peer each. Their sessions come up at dawn and send 600
// prefixes beside the world's within a minute, with End-of-RIB at the end.
func newRouters(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.collectors, w.peers = 3, 1
	for i := range 600 {
		w.networks = append(w.networks, network{fmt.Sprintf("198.%d.%d.0/24", 18+i/256, i%256), uint32(64541 + i%10), 64400, "ZZ"})
	}
	for c := range w.collectors {
		w.add(c, dawn, &pb.PeerUp{Peer: w.peer(c, 0)})
		w.sendAgain(c, dawn+2, w.networks...)
	}
	return w
}

// sendAgain makes a router send a table, and End-of-RIB in the same second.
func (w *world) sendAgain(c int, t int64, ns ...network) {
	w.announce(c, 0, t, ns...)
	w.add(c, t, &pb.RouteChanges{Peer: w.peer(c, 0), EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}})
}

// TestTablesSentAgain: routers that send their whole table again and again, with or without
// End-of-RIB, go on voting. An outage between two tables is found, and so is one soon after the
// first.
func TestTablesSentAgain(t *testing.T) {
	t.Parallel()
	for _, every := range []int64{0, 5 * minute, 30 * minute} {
		for _, gone := range []int64{4, 33} {
			t.Run(fmt.Sprintf("every %d s, outage at minute %d", every, gone), func(t *testing.T) {
				t.Parallel()
				w := newRouters(t)
				kp := w.in("KP")
				down, up := dawn+gone*minute, dawn+(gone+12)*minute
				for at := dawn + every; every != 0 && at < dawn+hours; at += every {
					for c := range w.collectors {
						if at >= down && at < up {
							w.sendAgain(c, at, w.networks[:40]...)
							w.sendAgain(c, at, w.networks[44:]...)
						} else {
							w.announce(c, 0, at, w.networks...)
						}
					}
				}
				w.gone(down, kp...)
				w.back(up, kp...)
				want := []string{fmt.Sprintf("KP outage closed %d-%d", gone, gone+12)}
				if diff := cmp.Diff(want, told(w.run(dawn+2*hours), country)); diff != "" {
					t.Errorf("outages (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestReturnIsNoTable: the routes that come back after an outage of most of a table take no peer's
// vote.
func TestReturnIsNoTable(t *testing.T) {
	t.Parallel()
	w := newRouters(t)
	most := w.in("ZZ")
	w.gone(dawn+30*minute, most...)
	w.back(dawn+50*minute, most...)
	w.gone(dawn+52*minute, w.in("KP")...)
	want := []string{"KP outage open 52-open", "ZZ outage closed 30-50"}
	if diff := cmp.Diff(want, told(w.run(dawn+65*minute), country)); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
}
