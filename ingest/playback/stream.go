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

// stream plays the files of one collector as records without position.
type stream struct {
	name    string
	updates []*filePlan // still to be opened, in order
	tables  []*filePlan // the same
	current *file       // of updates
	dumps   []*file     // tables that are being read
	hole    *hole       // before the head of current
	decoder *wire.Decoder
	// now is the latest time seen, microseconds: the stream's clock.
	now int64
	// pending goes out before anything else is read.
	pending []*pb.UpdateRecord
	said    *capture.Damage // about a table, to be handed out next; nil: nothing
	table   *dump           // that is open
	ntables int             // how many there were
	nholes  int             // the same
	gap     string          // that which the next table answers; empty is none
	known   bool            // a whole table has come, and nothing is missing since
	// followed: a message came after the last table.
	followed bool

	message      pb.UpdateRecord
	filePosition FilePosition // of message
	raw          pb.BGPMessage
	// peers are converted once.
	peers map[peerID]*pb.Peer
	sets  peerSets
	done  int64 // compressed bytes of the files that were closed
	// worked is the work of the files that were closed.
	worked progress.Work
}

// peerID is a peer and its BGP identifier.
type peerID struct {
	peer bgp.Peer
	id   netip.Addr
}

// maxPeers bounds the peers of a stream that are remembered.
const maxPeers = 4096

func newStream(p collectorPlan) *stream {
	return &stream{name: p.name, updates: p.updates, tables: p.tables, decoder: new(wire.Decoder), peers: map[peerID]*pb.Peer{}}
}

// next returns the next record, which holds until the next call. A *capture.Damage is not the end; io.EOF and every other
// error are.
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

// head returns the file whose head comes next: the earliest, tables first among equals. It is nil where updates are missing before
// that, and at the end.
func (s *stream) head() (*file, error) {
	if err := s.loadUpdates(); err != nil {
		return nil, err
	}
	until := int64(0) // when the updates go on; 0 is never
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

// loadUpdates reads the head of the files of updates.
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

// loadDumps reads the heads of the tables that come before until, and returns that with the earliest.
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

// openDump opens the next table if it comes before until and is not later than those that are being read.
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

// closeFile ends the reading of a file.
func (s *stream) closeFile(f *file) error {
	s.leave(f)
	n, err := f.close()
	s.done += n
	s.worked = s.worked.Plus(f.plan.work())
	return err
}

// close ends the reading of all files.
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

// bytes is how much of the files was read, as they are on disk.
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

// beginHole says that updates are missing. Where a later table tells what stands then, the gap is open until that; otherwise nothing
// answers it.
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

// push queues a record of time t. The stream's clock follows when it leaves the queue: what begins a gap goes out before the
// time has passed in which the gap lies.
func (s *stream) push(t int64, r *pb.UpdateRecord) {
	r.TimestampUs = t
	s.pending = append(s.pending, r)
}

// take turns the head of a file into records.
func (s *stream) take(f *file) error {
	it, t := f.item, f.at
	f.item = nil
	if it.Kind == capture.RIB {
		return s.rib(f, it, t)
	}
	if it.Local { // the collector's own message, not the peer's
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

// convert returns the record of an item that is no table, nil where it changes nothing.
func (s *stream) convert(f *file, it *capture.Item) *pb.UpdateRecord {
	switch it.Kind {
	case capture.Message:
		s.raw = pb.BGPMessage{Peer: s.peer(it.Peer, it.BGPID), Raw: it.Message, AsOctets: uint32(it.ASOctets), AddPathIpv4: it.AddPathIPv4, AddPathIpv6: it.AddPathIPv6}
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
		return &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorDown{CollectorDown: &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST}}}
	case capture.RIB, capture.Note:
	}
	return nil
}

func (s *stream) peerDown(it *capture.Item) *pb.UpdateRecord {
	down := &pb.PeerDown{Peer: s.peer(it.Peer, it.BGPID), Reason: pb.DownReason_DOWN_REASON_LOST}
	return &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerDown{PeerDown: down}}
}

// peer converts a peer, from memory where it can.
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

// clock writes a time in microseconds for messages.
func clock(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339) }
