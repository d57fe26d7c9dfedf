package playback

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/darkmap/darkmap/ingest/tablechunk"
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
	// cut: the file ends too early, and it is not known how much is missing.
	cut bool
	// foreign says what the file is if it is no capture.
	foreign error
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
	rows := stretches{limit: maxStretches}
	d := newDumping()
	var tally tablechunk.Tally
	records := false // of MRT
	for {
		it, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if g.rows = rows.all; d.told() && len(rows.live) > 0 {
				g.dumps, g.rows = true, rows.live
			}
			g.cut = records && errors.Is(tally.Unusable(), tablechunk.ErrCut)
			return g, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			if damage, ok := errors.AsType[*capture.Damage](err); ok {
				tally.Damage(damage)
				if damage.NoCapture() && g.records == 0 {
					g.foreign = damage.Err
				}
			}
			continue
		case it.Kind == capture.Note:
			continue
		}
		tally.Record()
		records = records || strings.HasPrefix(it.Type, "BGP4MP")
		if g.records++; g.records == 1 {
			g.table = it.Kind == capture.RIB
		}
		old := d.old(it)
		timed := !timeless(it)
		if timed {
			g.timed++
		}
		if timed {
			rows.add(it.Number, it.Timestamp, old)
		}
		if it.Peer.Address.IsValid() {
			g.voters[bgp.PeerKey{Peer: it.Peer}.Voter()] = struct{}{}
		}
		for i := range it.Entries {
			g.voters[bgp.PeerKey{Peer: it.Entries[i].Peer}.Voter()] = struct{}{}
		}
		if g.table && g.records >= tableSample {
			g.rows = rows.all
			return g, nil
		}
	}
}

// stretches are the times of a file: of all its records, and of those that tell when they were written. Each grows until there are more
// than limit.
type stretches struct {
	limit     int
	all, live []stretch
}

// add takes the time of a record; old says that it may be long before the record was written.
func (s *stretches) add(number uint64, t int64, old bool) {
	if len(s.all) <= s.limit {
		s.all = add(s.all, number, t)
	}
	if !old && len(s.live) <= s.limit {
		s.live = add(s.live, number, t)
	}
}

// bmpType is the Type of a BMP stream's items.
const bmpType = "bmp"

// timeless reports whether an item has no time. In MRT, 0 is a time, of 1970.
func timeless(it *capture.Item) bool {
	return it.Timestamp == 0 && !strings.HasPrefix(it.Type, "BGP4MP") && !strings.HasPrefix(it.Type, "TABLE_DUMP")
}

// dumping tells the tables of a BMP stream from what comes after them. Their routes say when they were received, a Peer Up when the
// session came up, which may be long before that is sent (RFC 7854 §4.2). Each family has a table and an End-of-RIB of its own.
type dumping struct {
	decoder wire.Decoder
	peers   map[bgp.Peer]*peerTables // that came up
}

// peerTables are the tables of a peer.
type peerTables struct {
	whole [len(bgp.Families) + 1]bool // by family: that of the session was sent
	ended bool                        // some table ended, of this or a session before
}

func newDumping() *dumping { return &dumping{peers: map[bgp.Peer]*peerTables{}} }

// old reports whether an item's time may be long before it was written.
func (d *dumping) old(it *capture.Item) bool {
	t := d.peers[it.Peer]
	switch {
	case it.Kind == capture.PeerUp:
		if t == nil {
			t = &peerTables{}
			d.peers[it.Peer] = t
		}
		t.whole = [len(t.whole)]bool{}
		return true
	case it.Kind == capture.Message && t != nil:
		return d.tables(t, it)
	}
	return false
}

// tables reports whether a message is a part of a table, and notes the tables that it ends. One that cannot be read, or names neither IPv4
// nor IPv6, tells nothing of the time.
func (d *dumping) tables(t *peerTables, it *capture.Item) bool {
	if t.whole[bgp.IPv4] && t.whole[bgp.IPv6] {
		return false
	}
	typ, body, err := wire.SplitMessage(it.Message)
	if err != nil || typ != wire.MessageUpdate {
		return true
	}
	u, err := d.decoder.DecodeUpdate(body, wire.Options{ASOctets: it.ASOctets, AddPathIPv4: it.AddPathIPv4, AddPathIPv6: it.AddPathIPv6})
	if err != nil {
		return true
	}
	old := true
	for _, list := range [][]wire.NLRI{u.Withdrawn, u.Announced} {
		for _, n := range list {
			old = old && !t.whole[bgp.FamilyOf(n.Prefix)]
		}
	}
	for _, f := range u.EndOfRIB {
		t.whole[f], t.ended = true, true
	}
	return old
}

// told reports whether there are tables, and each peer ended one.
func (d *dumping) told() bool {
	for _, t := range d.peers {
		if !t.ended {
			return false
		}
	}
	return len(d.peers) > 0
}
