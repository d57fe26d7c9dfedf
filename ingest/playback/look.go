package playback

import (
	"context"
	"errors"
	"io"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// tableSample is how many prefixes of a table are looked at for its peers and its time.
const tableSample = 1000

// glance is what a file's records tell before they are played.
type glance struct {
	table   bool
	records int64 // with a time or without, notes left out
	timed   int64 // those with a time
	rows    []stretch
	asns    map[bgp.ASN]struct{}
}

// look reads the file for what its records tell: whether they are a table (of which only the beginning is read), their times, their
// peers. What is damaged is left for the playing to report.
func look(ctx context.Context, path string) (*glance, error) {
	r, err := capture.Open(path, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	g := &glance{asns: map[bgp.ASN]struct{}{}}
	var live []stretch // of the records that tell when they were written
	dumps := dumping{}
	for {
		it, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if len(live) > 0 {
				g.rows = live
			}
			return g, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil || it.Kind == capture.Note:
			continue
		}
		if g.records++; g.records == 1 {
			g.table = it.Kind == capture.RIB
		}
		if it.Timestamp != 0 {
			g.timed++
		}
		if it.Timestamp != 0 && len(g.rows) <= maxStretches {
			g.rows = add(g.rows, it.Number, it.Timestamp)
			if !dumps.old(it) {
				live = add(live, it.Number, it.Timestamp)
			}
		}
		if it.Peer.Address.IsValid() {
			g.asns[it.Peer.ASN] = struct{}{}
		}
		for i := range it.Entries {
			g.asns[it.Entries[i].Peer.ASN] = struct{}{}
		}
		if g.table && g.records >= tableSample {
			return g, nil
		}
	}
}

// dumping holds the peers of a BMP stream that send their table: its routes say when they were received, not when they are sent
// (RFC 7854 §4.2).
type dumping map[bgp.Peer]bool

// old reports whether an item's time may be long before it was written.
func (d dumping) old(it *capture.Item) bool {
	switch {
	case it.Kind == capture.PeerUp:
		d[it.Peer] = true
	case it.Kind == capture.Message && d[it.Peer]:
		d[it.Peer] = !endOfRIB(it.Message)
		return true
	}
	return false
}

// endOfRIB reports whether an UPDATE is an End-of-RIB (RFC 4724 §2): without anything, or with an empty MP_UNREACH_NLRI.
func endOfRIB(message []byte) bool {
	_, b, err := wire.SplitMessage(message)
	if err != nil {
		return false
	}
	const mpUnreach = 15
	return len(b) == 4 || (len(b) == 10 || len(b) == 11) && b[0] == 0 && b[1] == 0 && b[5] == mpUnreach
}
