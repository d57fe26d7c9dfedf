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
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// holeMicroseconds is the silence between the last record of a file and the first of the next that counts as a missing
// file: the shortest archive files hold 5 minutes.
const holeMicroseconds = 240 * 1_000_000

// stream plays the files of one collector as records without position.
type stream struct {
	name    string
	files   []filePlan
	file    int // the one being read
	reader  *capture.Reader
	decoder *wire.Decoder
	// now is the latest time seen, microseconds: the stream's clock.
	now int64
	// pending goes out before anything else is read.
	pending []*pb.UpdateRecord
	table   *dump
	tables  int // how many there were
	// damaged: something of the present file could not be read.
	damaged      bool
	message      pb.UpdateRecord
	filePosition FilePosition // of message
	raw          pb.BGPMessage
	// peers are converted once.
	peers map[peerID]*pb.Peer
	done  int64 // compressed bytes of the files that were closed
}

// peerID is a peer and its BGP identifier.
type peerID struct {
	peer bgp.Peer
	id   netip.Addr
}

// maxPeers bounds the peers of a stream that are remembered.
const maxPeers = 4096

// dump is a table dump that is being read.
type dump struct {
	chunk    *tablechunk.Builder
	peers    map[bgp.Peer]netip.Addr
	families [len(bgp.Families) + 1]bool
}

func newStream(p collectorPlan) *stream {
	return &stream{name: p.name, files: p.files, decoder: new(wire.Decoder), peers: map[peerID]*pb.Peer{}}
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
		it, err := s.read()
		switch {
		case errors.Is(err, io.EOF):
			if s.table == nil {
				return nil, err
			}
			s.endTable()
		case err != nil:
			s.damaged = true
			return nil, err
		default:
			if err := s.take(it); err != nil {
				return nil, err
			}
		}
	}
}

// read returns the next item of the files.
func (s *stream) read() (*capture.Item, error) {
	for {
		if s.reader == nil {
			if s.file == len(s.files) {
				return nil, io.EOF
			}
			r, err := capture.Open(s.files[s.file].path, nil)
			if err != nil {
				return nil, err
			}
			s.reader = r
			s.hole()
		}
		it, err := s.reader.Next()
		if !errors.Is(err, io.EOF) {
			return it, err
		}
		if err := s.close(); err != nil {
			return nil, err
		}
		s.file++
	}
}

// close ends the reading of the present file.
func (s *stream) close() error {
	if s.reader == nil {
		return nil
	}
	s.done += s.reader.Stats().FileBytes
	err := s.reader.Close()
	s.reader = nil
	if err != nil {
		return fmt.Errorf("closing %s: %w", s.files[s.file].path, err)
	}
	return nil
}

// hole notes a missing file before the one that has just been opened.
func (s *stream) hole() {
	if s.file == 0 || s.files[s.file-1].table {
		return
	}
	begin, end := s.files[s.file-1].last, s.files[s.file].first
	if end-begin <= holeMicroseconds {
		return
	}
	id := fmt.Sprintf("hole/%d", s.file)
	s.push(begin, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: id}}})
	s.push(end, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapEnd{GapEnd: &pb.GapEnd{Id: id}}})
}

// push queues a record of time t. The stream's clock follows when it leaves the queue: what begins a gap goes out before the
// time has passed in which the gap lies.
func (s *stream) push(t int64, r *pb.UpdateRecord) {
	r.TimestampUs = t
	s.pending = append(s.pending, r)
}

// take turns an item into records.
func (s *stream) take(it *capture.Item) error {
	t := it.Timestamp
	if t == 0 {
		t = s.now
	}
	if jumps(s.now, t) {
		s.damaged = true
		return &capture.Damage{
			File: s.files[s.file].path, Offset: it.Offset, Number: it.Number, Reason: capture.BadRecord, Raw: it.Message,
			Err: fmt.Errorf("its time, %s, lies more than a year after that of the record before, %s", clock(t), clock(s.now)),
		}
	}
	if it.Kind == capture.RIB {
		return s.rib(it, t)
	}
	if it.Local { // the collector's own message, not the peer's
		return nil
	}
	r := s.convert(it)
	if r == nil {
		return nil
	}
	if s.table != nil {
		s.endTable()
	}
	s.push(t, r)
	return nil
}

// convert returns the record of an item that is no table, nil where it changes nothing.
func (s *stream) convert(it *capture.Item) *pb.UpdateRecord {
	switch it.Kind {
	case capture.Message:
		s.raw = pb.BGPMessage{Peer: s.peer(it.Peer, it.BGPID), Raw: it.Message, AsOctets: uint32(it.ASOctets), AddPathIpv4: it.AddPathIPv4, AddPathIpv6: it.AddPathIPv6}
		s.filePosition = FilePosition{s.files[s.file].path, it.Number, it.Offset}
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
	return out
}

// rib adds one prefix of a table.
func (s *stream) rib(it *capture.Item, t int64) error {
	if s.table == nil {
		s.tables++
		id := fmt.Sprintf("table/%d", s.tables)
		s.table = &dump{chunk: tablechunk.New(id), peers: map[bgp.Peer]netip.Addr{}}
		s.push(t, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: id}}})
	}
	s.now = max(s.now, t)
	if s.table.chunk.Full(it.Prefix) {
		s.flushChunk()
	}
	s.table.families[bgp.FamilyOf(it.Prefix)] = true
	var bad error
	for i := range it.Entries {
		e := &it.Entries[i]
		s.table.peers[e.Peer] = e.BGPID
		origin, upstream, err := tablechunk.Route(s.decoder, e)
		if err != nil {
			s.damaged = true
			bad = &capture.Damage{
				File: s.files[s.file].path, Offset: it.Offset, Number: it.Number, Reason: capture.BadRecord, Raw: it.Message,
				Err: fmt.Errorf("route of peer %v to %v: %w", e.Peer.Address, it.Prefix, err),
			}
			continue
		}
		s.table.chunk.Add(it.Prefix, e.Peer, e.BGPID, origin, upstream)
	}
	return bad
}

// flushChunk queues what the chunk has collected.
func (s *stream) flushChunk() {
	if c := s.table.chunk.Take(); c != nil {
		s.push(s.now, &pb.UpdateRecord{Body: &pb.UpdateRecord_TableChunk{TableChunk: c}})
	}
}

// endTable queues the rest of the table and its end.
func (s *stream) endTable() {
	s.flushChunk()
	end := &pb.GapEnd{Id: s.table.chunk.ID(), Complete: !s.damaged}
	for _, f := range bgp.Families {
		if s.table.families[f] {
			end.Families = append(end.Families, codec.Family(f))
		}
	}
	for _, p := range sortedPeers(s.table.peers) {
		end.Peers = append(end.Peers, codec.Peer(p, s.table.peers[p]))
	}
	s.push(s.now, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapEnd{GapEnd: end}})
	s.table, s.damaged = nil, false
}

func sortedPeers(m map[bgp.Peer]netip.Addr) []bgp.Peer {
	peers := make([]bgp.Peer, 0, len(m))
	for p := range m {
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b bgp.Peer) int { return bgp.PeerKey{Peer: a}.Compare(bgp.PeerKey{Peer: b}) })
	return peers
}

// maxJump is the longest silence that is believed, microseconds: a damaged time would close every window up to it.
const maxJump = 366 * 24 * 60 * minuteMicroseconds

// jumps reports whether t cannot be the time of a record after one of time now; 0 is no time.
func jumps(now, t int64) bool { return now != 0 && t-now > maxJump }

// clock writes a time in microseconds for messages.
func clock(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339) }
