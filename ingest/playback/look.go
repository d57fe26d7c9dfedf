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

// tableSample bounds the prefixes of a table that look reads for its peers and its time.
const tableSample = 1000

// glance is the information about a file's records before they are played.
type glance struct {
	table   bool
	records int64 // with or without a time, without notes
	timed   int64 // records with a time
	// dumps is true if each session of a BMP stream ends its table with an End-of-RIB. The times of
	// tables can then be distinguished from others.
	dumps bool
	rows  []stretch
	// cut is true if the file ends too early. The size of the missing part is unknown.
	cut bool
	// foreign describes the file's kind if it is not a capture.
	foreign error
	// voters are the voters of the peers, without their collector.
	voters map[bgp.PeerKey]struct{}
}

// look reads the file to determine whether its records are a table, their times, and their peers.
// Of a table it reads only the beginning. The playback reports damage.
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

// stretches are the times of a file: all holds those of all records, live those of the records
// whose time is that of their writing. Each grows until it exceeds limit.
type stretches struct {
	limit     int
	all, live []stretch
}

// add adds the time of a record. old means that it may be long before the record was written.
func (s *stretches) add(number uint64, t int64, old bool) {
	if len(s.all) <= s.limit {
		s.all = add(s.all, number, t)
	}
	if !old && len(s.live) <= s.limit {
		s.live = add(s.live, number, t)
	}
}

// bmpType is the Type of the items of a BMP stream.
const bmpType = "bmp"

// timeless reports whether an item has no time. In MRT, 0 is a time in 1970.
func timeless(it *capture.Item) bool {
	return it.Timestamp == 0 && !strings.HasPrefix(it.Type, "BGP4MP") &&
		!strings.HasPrefix(it.Type, "TABLE_DUMP")
}

// dumping distinguishes the tables of a BMP stream from the messages after them. The time of a
// table's route is its reception, and that of a Peer Up is the session's start. Both may be long
// before the router sends them (RFC 7854 §4.2). Each family has a table and an End-of-RIB of its
// own.
type dumping struct {
	decoder wire.Decoder
	peers   map[bgp.Peer]*peerTables // the peers that came up
}

// peerTables is the state of a peer's tables.
type peerTables struct {
	whole [len(bgp.Families) + 1]bool // by family: the session's table was sent to its end
	ended bool                        // some table ended, in this session or one before
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

// tables reports whether a message is a part of a table, and records the tables that it ends. A
// message that cannot be read, or contains neither IPv4 nor IPv6, counts as a part: its time shows
// nothing.
func (d *dumping) tables(t *peerTables, it *capture.Item) bool {
	if t.whole[bgp.IPv4] && t.whole[bgp.IPv6] {
		return false
	}
	typ, body, err := wire.SplitMessage(it.Message)
	if err != nil || typ != wire.MessageUpdate {
		return true
	}
	u, err := d.decoder.DecodeUpdate(body, wire.Options{
		ASOctets: it.ASOctets, AddPathIPv4: it.AddPathIPv4, AddPathIPv6: it.AddPathIPv6,
	})
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
