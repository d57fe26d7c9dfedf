package playback

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/ingest/tablechunk"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// checkLead is how long before its table a check begins, microseconds, checkLag how long after it ends: what changes while the
	// collector writes the table is left as the updates say.
	checkLead = 60 * 1_000_000
	checkLag  = 300 * 1_000_000
	// oneTable is how far the parts of one table, as IPv4 and IPv6 in files of their own, may be apart.
	oneTable = 300 * 1_000_000
	// maxDump is how far the times of a table's file may jump.
	maxDump = 24 * 60 * minuteMicroseconds
)

// dump is a table dump that is open: the first of a collector and one that answers a gap set its state, another is a check.
type dump struct {
	chunk    *tablechunk.Builder
	peers    map[bgp.Peer]netip.Addr
	families [len(bgp.Families) + 1]bool
	check    bool
	begin    int64  // time of the table
	last     int64  // that of its last part
	files    int    // that are within it
	some     bool   // a part of it has come
	title    string // of its last file
	tally    tablechunk.Tally
	dropped  bool // a part of it is still to come, and does not belong to it any more
}

// tableID names the next table.
func (s *stream) tableID() string { return fmt.Sprintf("table/%d", s.ntables+1) }

// openTable begins a table whose time is at; t is when that is said.
func (s *stream) openTable(at, t int64) {
	id := s.tableID()
	s.ntables++
	s.table = &dump{chunk: tablechunk.New(id), peers: map[bgp.Peer]netip.Addr{}, begin: at, last: at, check: s.comparable()}
	switch {
	case s.table.check:
		s.push(t, &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckBegin{CheckBegin: &pb.CheckBegin{Id: id}}})
	case s.gap == "":
		s.push(t, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: id}}})
	}
}

// comparable reports whether the next table is a check: the state is known, and was followed since.
func (s *stream) comparable() bool { return s.known && s.gap == "" && s.followed }

// due does what is to be done for tables before a record of time t is played, and reports whether it was something.
func (s *stream) due(t int64) bool {
	switch {
	case s.table != nil && s.table.some && s.table.files == 0 && t >= s.tableEnds():
		s.endTable()
	case s.table == nil && s.comparable() && len(s.tables) > 0 && t >= s.tables[0].first-checkLead && t <= s.tables[0].first:
		s.openTable(s.tables[0].first, max(s.now, s.tables[0].first-checkLead))
	default:
		return false
	}
	return true
}

// tableEnds is when the open table, of which no file is being read, ends.
func (s *stream) tableEnds() int64 {
	switch {
	case s.table.check:
		return s.table.begin + checkLag
	case len(s.dumps) > 0 && s.dumps[0].plan.first <= s.table.begin+oneTable:
		return s.dumps[0].plan.first + 1
	case len(s.tables) > 0 && s.tables[0].first <= s.table.begin+oneTable:
		return s.tables[0].first + 1
	}
	return 0
}

// leave notes that a file is within the open table no more.
func (s *stream) leave(f *file) {
	if d := f.in; d != nil {
		f.in = nil
		d.files--
		d.tally.Add(f.tally)
		d.title, f.tally = f.plan.title, tablechunk.Tally{}
	}
}

// leaveBehind notes that a file is within the open table no more, where its head is of a later one.
func (s *stream) leaveBehind(f *file) {
	if f.in != nil && f.item != nil && f.at > f.in.last+oneTable {
		s.leave(f)
	}
}

// rib adds one prefix of a table.
func (s *stream) rib(f *file, it *capture.Item, t int64) error {
	if s.table != nil && t > s.table.last+oneTable {
		s.leave(f)
		s.endTable()
	}
	if s.table == nil {
		s.openTable(t, t)
	}
	if f.in != s.table {
		s.leave(f)
		f.in = s.table
		s.table.files++
	}
	s.now = max(s.now, t)
	s.table.some, s.table.last = true, max(s.table.last, t)
	if s.table.chunk.Full(it.Prefix) {
		s.flushChunk()
	}
	s.table.families[bgp.FamilyOf(it.Prefix)] = true
	var bad error
	for i := range it.Entries {
		e := &it.Entries[i]
		s.table.peers[e.Peer] = e.BGPID
		origin, upstream, err := tablechunk.Route(s.decoder, e)
		if err != nil { // it holds the prefix all the same, if it is a route
			bad = &capture.Damage{
				File: f.plan.title, Offset: it.Offset, Number: it.Number, Reason: capture.BadRecord, Raw: it.Message,
				Err: fmt.Errorf("route of peer %v to %v: %w", e.Peer.Address, it.Prefix, err),
			}
		}
		if !errors.Is(err, tablechunk.ErrNoRoute) {
			s.table.chunk.Add(it.Prefix, e.Peer, e.BGPID, origin, upstream)
		}
	}
	return bad
}

// flushChunk queues what the chunk has collected.
func (s *stream) flushChunk() {
	if c := s.table.chunk.Take(); c != nil {
		s.push(s.now, &pb.UpdateRecord{Body: &pb.UpdateRecord_TableChunk{TableChunk: c}})
	}
}

// endTable queues the rest of the open table and its end.
func (s *stream) endTable() {
	s.flushChunk()
	d := s.table
	peers := slices.SortedFunc(maps.Keys(d.peers), bgp.Peer.Compare)
	for _, p := range peers {
		note(&s.sets.tabled, p)
	}
	why := d.tally.Unusable()
	if d.dropped {
		why = errors.New("updates are missing while it is read")
	}
	cut := !d.check && errors.Is(why, tablechunk.ErrCut) // no other file will hold this table: what was read of it counts
	complete := why == nil || cut
	s.table = nil
	switch {
	case cut:
		s.said = d.damage("the table of %s at %s counts as far as it goes, and what it lacks is unknown: %w", s.name, clock(d.begin), why)
	case !complete:
		s.said = d.damage("the table of %s at %s does not count as whole: %w", s.name, clock(d.begin), why)
	}
	if d.check {
		s.push(s.now, &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckEnd{CheckEnd: &pb.CheckEnd{Id: d.chunk.ID(), Complete: complete && d.some, Unreadable: d.tally.Unreadable()}}})
		return
	}
	end := &pb.GapEnd{Id: d.chunk.ID(), Complete: complete, Unreadable: d.tally.Unreadable()}
	for _, f := range bgp.Families {
		if d.families[f] {
			end.Families = append(end.Families, codec.Family(f))
		}
	}
	for _, p := range peers {
		end.Peers = append(end.Peers, codec.Peer(p, d.peers[p]))
	}
	s.push(s.now, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapEnd{GapEnd: end}})
	s.gap, s.known, s.followed = "", complete, false
}

// damage says what is wrong with the table.
func (d *dump) damage(format string, args ...any) *capture.Damage {
	return &capture.Damage{File: d.title, Reason: capture.BadTable, Err: fmt.Errorf(format, args...)}
}

// dropTable ends the table that is open, before updates are missing: incomplete where a part of it is still to come.
func (s *stream) dropTable() {
	if s.table == nil {
		return
	}
	if s.table.files > 0 {
		s.table.dropped = true
	}
	s.endTable()
}
