package core

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// resetAll ends every session between down and a minute later. Each comes up again two minutes
// after its end, with a table of networks that is spread over a minute. With eor set, End-of-RIB
// follows.
func (w *world) resetAll(down int64, eor bool, ns ...network) {
	w.everybody(down, func(c, p int, t int64) {
		w.add(c, t, &pb.PeerDown{Peer: w.peer(c, p)})
		w.add(c, t+2*minute, &pb.PeerUp{Peer: w.peer(c, p)})
		for i, n := range ns {
			w.announce(c, p, t+2*minute+int64(i), n)
		}
		if eor {
			w.add(c, t+3*minute+50, &pb.RouteChanges{Peer: w.peer(c, p), EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}})
		}
	})
}

// TestMissingAfterReset: prefixes that every peer held before its session ended, and that are in no
// new table, were lost when the sessions ended. New tables that hold all prefixes, or are of
// another kind, show no loss.
func TestMissingAfterReset(t *testing.T) {
	t.Parallel()
	const down = 30
	for _, tt := range []struct {
		name  string
		eor   bool
		table func(w *world) []network
		want  []string
	}{
		{"the same", true, func(w *world) []network { return w.networks }, nil},
		{"less a country, End-of-RIB", true, func(w *world) []network { return w.networks[:40] }, []string{"KP outage open 30-open"}},
		{"less a country, no End-of-RIB", false, func(w *world) []network { return w.networks[:40] }, []string{"KP outage open 30-open"}},
		{"half", true, func(w *world) []network { return w.networks[:20] }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tables()
			w.resetAll(dawn+down*minute, tt.eor, tt.table(w)...)
			if diff := cmp.Diff(tt.want, told(w.run(dawn+hours), country)); diff != "" {
				t.Errorf("outages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestResetsInTurn: if the sessions of collectors are reset one after the other, ten minutes apart,
// the result is the same.
func TestResetsInTurn(t *testing.T) {
	t.Parallel()
	for _, lacks := range []int{40, 44} {
		w := newWorld(t)
		w.tables()
		all := w.networks
		for c := range w.collectors {
			at := dawn + 30*minute + int64(c)*2*minute
			w.add(c, at, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST})
			w.add(c, at+30, &pb.CollectorUp{})
			for p := range w.peers {
				w.add(c, at+30, &pb.PeerUp{Peer: w.peer(c, p)})
				w.announce(c, p, at+40, all[:lacks]...)
				w.add(c, at+50, &pb.RouteChanges{Peer: w.peer(c, p), EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}})
			}
		}
		var want []string
		if lacks < len(all) {
			want = []string{"KP outage open 30-open"}
		}
		if diff := cmp.Diff(want, told(w.run(dawn+hours), country)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", fmt.Sprint(lacks), diff)
		}
	}
}
