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
	// checkLead is how long before its table a check begins, microseconds. checkLag is how long
	// after the table it ends. Routes that change while the collector writes the table stay as the
	// updates set them.
	checkLead = 60 * 1_000_000
	checkLag  = 300 * 1_000_000
	// oneTable bounds the interval between the parts of one table, such as IPv4 and IPv6 in
	// separate files.
	oneTable = 300 * 1_000_000
	// maxDump bounds a jump of the times in a table's file.
	maxDump = 24 * 60 * minuteMicroseconds
)

// dump is an open table dump. The first one of a collector, and one that answers a gap, set its
// state. Any other is a check.
type dump struct {
	chunk    *tablechunk.Builder
	peers    map[bgp.Peer]netip.Addr
	families [len(bgp.Families) + 1]bool
	check    bool
	begin    int64  // time of the table
	last     int64  // time of its last part
	files    int    // number of open files with a part of it
	some     bool   // a part of it has come
	title    string // of its last file
	tally    tablechunk.Tally
	dropped  bool // a later part will come, but no longer belongs to it
}

// tableID returns the id of the next table.
func (s *stream) tableID() string { return fmt.Sprintf("table/%d", s.ntables+1) }

// openTable begins a table of time at. t is the time of the record that begins it.
func (s *stream) openTable(at, t int64) {
	id := s.tableID()
	s.ntables++
	s.table = &dump{
		chunk: tablechunk.New(id), peers: map[bgp.Peer]netip.Addr{}, begin: at, last: at,
		check: s.comparable(),
	}
	switch {
	case s.table.check:
		s.push(t, &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckBegin{CheckBegin: &pb.CheckBegin{Id: id}}})
	case s.gap == "":
		s.push(t, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: id}}})
	}
}

// comparable reports whether the next table is a check: the state is known, and updates followed
// it.
func (s *stream) comparable() bool { return s.known && s.gap == "" && s.followed }

// due handles the tables that are due before a record of time t is played, and reports whether it
// did anything.
func (s *stream) due(t int64) bool {
	switch {
	case s.table != nil && s.table.some && s.table.files == 0 && t >= s.tableEnds():
		s.endTable()
	case s.table == nil && s.comparable() && len(s.tables) > 0 && t >= s.tables[0].first-checkLead &&
		t <= s.tables[0].first:
		s.openTable(s.tables[0].first, max(s.now, s.tables[0].first-checkLead))
	default:
		return false
	}
	return true
}

// tableEnds returns the time at which the open table ends. No file of it is being read.
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

// leave records that a file is no longer within the open table.
func (s *stream) leave(f *file) {
	if d := f.in; d != nil {
		f.in = nil
		d.files--
		d.tally.Add(f.tally)
		d.title, f.tally = f.plan.title, tablechunk.Tally{}
	}
}

// leaveBehind calls leave if the next item of a file belongs to a later table.
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
		if err != nil { // the peer still holds the prefix, unless the path is no route
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

// flushChunk queues the collected chunk.
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
	// no other file will contain this table, so the part that was read counts
	cut := !d.check && errors.Is(why, tablechunk.ErrCut)
	complete := why == nil || cut
	s.table = nil
	switch {
	case cut:
		s.said = d.damage("the table of %s at %s counts as far as it goes, and what it lacks is unknown: %w",
			s.name, clock(d.begin), why)
	case !complete:
		s.said = d.damage("the table of %s at %s does not count as whole: %w", s.name, clock(d.begin), why)
	}
	if d.check {
		s.push(s.now, &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckEnd{CheckEnd: &pb.CheckEnd{
			Id: d.chunk.ID(), Complete: complete && d.some, Unreadable: d.tally.Unreadable(),
		}}})
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

// damage returns a damage of the table.
func (d *dump) damage(format string, args ...any) *capture.Damage {
	return &capture.Damage{File: d.title, Reason: capture.BadTable, Err: fmt.Errorf(format, args...)}
}

// dropTable ends the open table before a hole. The table is incomplete if a part of it is still to
// come.
func (s *stream) dropTable() {
	if s.table == nil {
		return
	}
	if s.table.files > 0 {
		s.table.dropped = true
	}
	s.endTable()
}
