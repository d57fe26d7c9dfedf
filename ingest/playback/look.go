package playback

import (
	"context"
	"errors"
	"io"
	"strings"

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
	// dumps: each session of a BMP stream ends its table with an End-of-RIB, so that the times of tables can be told from others.
	dumps bool
	rows  []stretch
	// voters are those of the peers, as if there were one collector.
	voters map[bgp.PeerKey]struct{}
}

// look reads the file for what its records tell: whether they are a table (of which only the beginning is read), their times, their
// peers. What is damaged is left for the playing to report.
func look(ctx context.Context, path string) (*glance, error) {
	r, err := capture.Open(path, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	g := &glance{voters: map[bgp.PeerKey]struct{}{}}
	var live []stretch // of the records that tell when they were written
	d := newDumping()
	for {
		it, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if d.told() && len(live) > 0 {
				g.dumps, g.rows = true, live
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
		old := d.old(it)
		timed := !timeless(it)
		if timed {
			g.timed++
		}
		if timed && len(g.rows) <= maxStretches {
			g.rows = add(g.rows, it.Number, it.Timestamp)
			if !old {
				live = add(live, it.Number, it.Timestamp)
			}
		}
		if it.Peer.Address.IsValid() {
			g.voters[bgp.PeerKey{Peer: it.Peer}.Voter()] = struct{}{}
		}
		for i := range it.Entries {
			g.voters[bgp.PeerKey{Peer: it.Entries[i].Peer}.Voter()] = struct{}{}
		}
		if g.table && g.records >= tableSample {
			return g, nil
		}
	}
}

// bmpType is the Type of a BMP stream's items.
const bmpType = "bmp"

// timeless reports whether an item has no time. In MRT, 0 is a time, of 1970.
func timeless(it *capture.Item) bool {
	return it.Timestamp == 0 && !strings.HasPrefix(it.Type, "BGP4MP") && !strings.HasPrefix(it.Type, "TABLE_DUMP")
}

// dumping tells the tables of a BMP stream from what comes after them. Their routes say when they were received, a Peer Up when the
// session came up, which may be long before that is sent (RFC 7854 §4.2).
type dumping struct {
	now   map[bgp.Peer]bool // sends its table, or has sent it
	ended map[bgp.Peer]bool // it has ended a table
}

func newDumping() *dumping { return &dumping{map[bgp.Peer]bool{}, map[bgp.Peer]bool{}} }

// old reports whether an item's time may be long before it was written.
func (d *dumping) old(it *capture.Item) bool {
	switch {
	case it.Kind == capture.PeerUp:
		d.now[it.Peer] = true
		return true
	case it.Kind == capture.Message && d.now[it.Peer]:
		if endOfRIB(it.Message) {
			d.now[it.Peer], d.ended[it.Peer] = false, true
		}
		return true
	}
	return false
}

// told reports whether there are tables, and each peer ended one.
func (d *dumping) told() bool { return len(d.now) > 0 && len(d.ended) == len(d.now) }

// endOfRIB reports whether an UPDATE is an End-of-RIB (RFC 4724 §2): without anything, or with an empty MP_UNREACH_NLRI.
func endOfRIB(message []byte) bool {
	_, b, err := wire.SplitMessage(message)
	if err != nil {
		return false
	}
	const mpUnreach = 15
	return len(b) == 4 || (len(b) == 10 || len(b) == 11) && b[0] == 0 && b[1] == 0 && b[5] == mpUnreach
}
