package bmp_test

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
)

// FuzzStation checks that, whatever a router sends, its session ends, its collector is down at the
// end if it was up, and every record has its position.
func FuzzStation(f *testing.F) {
	p := bmptest.Neighbour(1)
	hello := append(bmptest.Initiation("x"), bmptest.PeerUp(p)...)
	route := bmptest.Monitoring(p, bmptest.Announce(netip.MustParsePrefix("198.51.100.0/24"), 64497, 64498))
	six := bmptest.Monitoring(p, bmptest.Withdraw(netip.MustParsePrefix("2001:db8:1::/48")))
	for _, seed := range [][]byte{
		hello, append(hello, route...), append(append(hello, six...), bmptest.PeerDown(p, 1)...), bmptest.Termination(),
		append(append(append(hello, route...), bmptest.PeerDown(p, 4)...), route...), route,
		{3, 0, 0, 0, 0, 4},
		{4, 0, 0, 0, 6, 4},
		{3, 255, 255, 255, 255, 0},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		set := streamtest.New(t, stream.DefaultConfig(), nil)
		st, err := bmp.New(settings(), bmp.Deps{Log: slog.New(slog.DiscardHandler), Streams: set.Set, Drain: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Hear(t.Context(), said); err != nil {
			t.Fatal(err)
		}
		bodies := streamtest.Bodies(set.Updates.Updates(t), "bmp/edge1", "live")
		if len(bodies) > 0 && (len(bodies) < 4 || bodies[len(bodies)-1] != "CollectorDown") {
			t.Errorf("records %v", bodies)
		}
	})
}
