package playback

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/ingest/tablechunk"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/progress"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// stream converts the files of one collector into records without position.
type stream struct {
	name    string
	updates []*filePlan // still to be opened, in order
	tables  []*filePlan // still to be opened, in order
	current *file       // the open update file
	dumps   []*file     // the open tables
	hole    *hole       // hole before the next item of current
	decoder *wire.Decoder
	// now is the latest time seen, microseconds: the clock of the stream.
	now int64
	// pending holds records to be returned before anything else is read.
	pending []*pb.UpdateRecord
	said    *capture.Damage // damage of a table, to be returned next; nil: none
	table   *dump           // the open table
	ntables int             // number of tables so far
	nholes  int             // number of unanswered holes so far
	gap     string          // the gap that the next table answers; empty: none
	known   bool            // a whole table has come, and nothing is missing since
	// followed is true if a message came after the last table.
	followed bool

	message      pb.UpdateRecord
	filePosition FilePosition // of message
	raw          pb.BGPMessage
	// peers caches converted peers.
	peers map[peerID]*pb.Peer
	sets  peerSets
	done  int64 // compressed octets of the closed files
	// worked is the work done for the closed files.
	worked progress.Work
}

// peerID is a peer and its BGP identifier.
type peerID struct {
	peer bgp.Peer
	id   netip.Addr
}

// maxPeers bounds the peers that a stream remembers.
const maxPeers = 4096

func newStream(p collectorPlan) *stream {
	return &stream{
		name: p.name, updates: p.updates, tables: p.tables, decoder: new(wire.Decoder),
		peers: map[peerID]*pb.Peer{},
	}
}

// next returns the next record, which is valid until the next call. A *capture.Damage is not the
// end. io.EOF and every other error are.
func (s *stream) next() (*pb.UpdateRecord, error) {
	for {
		if len(s.pending) > 0 {
			r := s.pending[0]
			s.pending = s.pending[1:]
			s.now = max(s.now, r.GetTimestampUs())
			return r, nil
		}
		if d := s.said; d != nil {
			s.said = nil
			return nil, d
		}
		f, err := s.head()
		switch {
		case err != nil:
			return nil, err
		case f == nil && s.hole != nil:
			s.beginHole()
		case f == nil && s.table == nil:
			s.said, s.sets = s.sets.strangers(s.name), peerSets{}
			if s.said == nil {
				return nil, io.EOF
			}
		case f == nil:
			s.endTable()
		case s.due(max(s.now, f.at)):
		default:
			if err := s.take(f); err != nil {
				return nil, err
			}
		}
	}
}

// head returns the file with the earliest next item, tables first among equals. It is nil if
// updates are missing before that item, and at the end.
func (s *stream) head() (*file, error) {
	if err := s.loadUpdates(); err != nil {
		return nil, err
	}
	until := int64(0) // time at which the updates continue; 0: never
	switch {
	case s.hole != nil:
		until = s.hole.begin
	case s.current != nil:
		until = s.current.at
	}
	first, err := s.loadDumps(until)
	switch {
	case err != nil:
		return nil, err
	case first != nil && (until == 0 || first.at <= until):
		return first, nil
	case s.hole != nil:
		return nil, nil //nolint:nilnil // said above
	case s.current != nil:
		return s.current, nil
	}
	return first, nil
}

// loadUpdates reads the next item of the update files.
func (s *stream) loadUpdates() error {
	for {
		if s.current == nil {
			if len(s.updates) == 0 {
				return nil
			}
			f, err := openFile(s.updates[0])
			if err != nil {
				return err
			}
			s.updates, s.current, s.hole = s.updates[1:], f, f.plan.hole
		}
		err := s.current.load(s.now)
		if !errors.Is(err, io.EOF) {
			s.leaveBehind(s.current)
			return err
		}
		f := s.current
		s.current = nil
		if err := s.closeFile(f); err != nil {
			return err
		}
	}
}

// loadDumps reads the next items of the tables that come before until, and returns the table with
// the earliest one.
func (s *stream) loadDumps(until int64) (*file, error) {
	for i := 0; ; {
		if i == len(s.dumps) {
			opened, err := s.openDump(until)
			if err != nil {
				return nil, err
			}
			if !opened {
				break
			}
		}
		f := s.dumps[i]
		err := f.load(s.now)
		switch {
		case errors.Is(err, io.EOF):
			s.dumps = slices.Delete(s.dumps, i, i+1)
			if err := s.closeFile(f); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		default:
			s.leaveBehind(f)
			i++
		}
	}
	var first *file
	for _, f := range s.dumps {
		if first == nil || f.at < first.at {
			first = f
		}
	}
	return first, nil
}

// openDump opens the next table if it comes before until and is not later than the open ones.
func (s *stream) openDump(until int64) (bool, error) {
	if len(s.tables) == 0 || until != 0 && s.tables[0].first > until {
		return false, nil
	}
	for _, f := range s.dumps {
		if s.tables[0].first > f.at {
			return false, nil
		}
	}
	f, err := openFile(s.tables[0])
	if err != nil {
		return false, err
	}
	s.tables, s.dumps = s.tables[1:], append(s.dumps, f)
	return true, nil
}

// closeFile closes a file.
func (s *stream) closeFile(f *file) error {
	s.leave(f)
	n, err := f.close()
	s.done += n
	s.worked = s.worked.Plus(f.plan.work())
	return err
}

// close closes all files.
func (s *stream) close() error {
	var errs []error
	if s.current != nil {
		errs = append(errs, s.closeFile(s.current))
	}
	for _, f := range s.dumps {
		errs = append(errs, s.closeFile(f))
	}
	s.current, s.dumps = nil, nil
	return errors.Join(errs...)
}

// bytes returns the number of octets that were read of the files on disk.
func (s *stream) bytes() int64 {
	n := s.done
	for _, f := range s.dumps {
		n += f.reader.Stats().FileBytes
	}
	if s.current != nil {
		n += s.current.reader.Stats().FileBytes
	}
	return n
}

// beginHole writes that updates are missing. If a later table gives the routes after the hole, the
// gap stays open until that table. Otherwise the gap ends without an answer.
func (s *stream) beginHole() {
	h := s.hole
	s.dropTable()
	s.hole, s.known = nil, false
	if h.answered {
		s.gap = s.tableID()
		s.push(h.begin, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: s.gap}}})
		return
	}
	s.nholes++
	id := fmt.Sprintf("hole/%d", s.nholes)
	s.push(h.begin, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: id}}})
	s.push(h.end, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapEnd{GapEnd: &pb.GapEnd{Id: id}}})
}

// push queues a record of time t. The stream's clock advances when the record leaves the queue. The
// record that begins a gap is therefore written before the clock passes the gap.
func (s *stream) push(t int64, r *pb.UpdateRecord) {
	r.TimestampUs = t
	s.pending = append(s.pending, r)
}

// take converts the next item of a file into records.
func (s *stream) take(f *file) error {
	it, t := f.item, f.at
	f.item = nil
	if it.Kind == capture.RIB {
		return s.rib(f, it, t)
	}
	if it.Local { // a message of the collector itself
		return nil
	}
	r := s.convert(f, it)
	if r == nil {
		return nil
	}
	s.leave(f)
	s.followed = s.followed || it.Kind == capture.Message
	s.push(t, r)
	return nil
}

// convert returns the record of an item that is not part of a table. It is nil if the item changes
// nothing.
func (s *stream) convert(f *file, it *capture.Item) *pb.UpdateRecord {
	switch it.Kind {
	case capture.Message:
		s.raw = pb.BGPMessage{
			Peer: s.peer(it.Peer, it.BGPID), Raw: it.Message, AsOctets: uint32(it.ASOctets),
			AddPathIpv4: it.AddPathIPv4, AddPathIpv6: it.AddPathIPv6,
		}
		s.filePosition = FilePosition{f.plan.title, it.Number, it.Offset}
		s.message = pb.UpdateRecord{Body: &pb.UpdateRecord_BgpMessage{BgpMessage: &s.raw}}
		return &s.message
	case capture.PeerUp, capture.PeerDown, capture.State:
		switch up, down := tablechunk.Session(it); {
		case up:
			return &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerUp{PeerUp: &pb.PeerUp{Peer: s.peer(it.Peer, it.BGPID)}}}
		case down:
			return s.peerDown(it)
		}
	case capture.CollectorUp:
		return &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}}
	case capture.CollectorDown:
		return &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorDown{CollectorDown: &pb.CollectorDown{
			Reason: pb.DownReason_DOWN_REASON_LOST,
		}}}
	case capture.RIB, capture.Note:
	}
	return nil
}

func (s *stream) peerDown(it *capture.Item) *pb.UpdateRecord {
	down := &pb.PeerDown{Peer: s.peer(it.Peer, it.BGPID), Reason: pb.DownReason_DOWN_REASON_LOST}
	return &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerDown{PeerDown: down}}
}

// peer converts a peer, with a cache.
func (s *stream) peer(p bgp.Peer, id netip.Addr) *pb.Peer {
	k := peerID{p, id}
	if out, ok := s.peers[k]; ok {
		return out
	}
	if len(s.peers) >= maxPeers {
		clear(s.peers)
	}
	out := codec.Peer(p, id)
	s.peers[k] = out
	note(&s.sets.heard, p)
	return out
}

// clock formats a time in microseconds for messages.
func clock(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339) }
