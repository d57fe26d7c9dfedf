package bmp_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/datatest"
)

// TestCaptures plays sessions of real routers of several vendors. Each route that decodes is in the
// log, has no effect, or is a dead letter. Each message that does not decode is a dead letter.
func TestCaptures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(datatest.Path(t, "bmp", "stream"), "*.bmp"))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, path := range files {
		said, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		set := streamtest.New(t, stream.DefaultConfig(), nil)
		st, err := bmp.New(settings(), bmp.Deps{Log: slog.New(slog.DiscardHandler), Streams: set.Set, Drain: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Hear(t.Context(), said); err != nil {
			t.Fatal(err)
		}
		written := 0
		for _, body := range streamtest.Bodies(set.Updates.Updates(t), "bmp/edge1", "live") {
			if body == "BgpMessage" {
				written++
			}
		}
		bad := 0
		down := 0
		for _, l := range set.Dead() {
			if l.Reason == "bmp_peer_down" {
				down++
			} else {
				bad++
			}
		}
		routes, faults := decoded(said)
		if written+st.Hollow()+down != routes || bad != faults {
			t.Errorf("%s: %d written, %d hollow, %d of peers that are down, of %d routes; %d dead letters of %d faults",
				filepath.Base(path), written, st.Hollow(), down, routes, bad, faults)
		}
		total += written
	}
	t.Logf("%d sessions, %d routes", len(files), total)
}

// decoded counts the routes of a session and the messages that cannot be read, up to its
// Termination or the end of its framing.
func decoded(said []byte) (routes, faults int) {
	r := wire.NewBMPReader(bytes.NewReader(said))
	r.Strict = true
	var s wire.BMPSession
	var m wire.BMPMessage
	for first := true; ; first = false {
		raw, err := r.Next()
		if errors.Is(err, io.EOF) {
			return routes, faults
		}
		if err != nil {
			return routes, faults + 1
		}
		switch err := s.Decode(raw, &m); {
		case err != nil:
			faults++
			if first {
				return routes, faults
			}
		case m.Type == wire.BMPRouteMonitoring:
			routes++
		case m.Type == wire.BMPTermination, first && !slices.Contains([]wire.BMPType{wire.BMPInitiation, wire.BMPPeerUp, wire.BMPPeerDown, wire.BMPStatistics, wire.BMPRouteMirroring}, m.Type):
			return routes, faults
		}
	}
}
