package core

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// contract plays the records that ingest/stream writes for one collector, ris/rrc00, into a clock
// and a detector.
type contract struct {
	t        *testing.T
	now      time.Time
	detector *Detector
	ck       *clock.Clock
	sets     []*streamtest.Set
	read     []int // records of each set that were played
	offset   int64
	ticks    uint64
}

const contractCollector = "ris/rrc00"

func newContract(t *testing.T) *contract {
	t.Helper()
	detector, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{t: t, now: time.Unix(dawn, 0), detector: detector}
	c.ck = clock.New(clock.Config{Partitions: 1})
	return c
}

// owner returns a process that follows the collector. It has the last status of the owner before.
func (c *contract) owner(known int64) *stream.Stream {
	c.t.Helper()
	set := streamtest.New(c.t, stream.DefaultConfig(), func() time.Time { return c.now })
	set.Remember(contractCollector, stream.Past{Epoch: uint64(len(c.sets)) << 62, Known: known})
	s, err := set.Open(c.t.Context(), contractCollector, stream.Options{Source: "rislive", Archived: true})
	if err != nil {
		c.t.Fatal(err)
	}
	c.sets, c.read = append(c.sets, set), append(c.read, 0)
	return s
}

// pass lets time pass, with a tick and a clock record each second, and plays the records that were
// written.
func (c *contract) pass(seconds int, ticks bool) {
	c.t.Helper()
	for range seconds {
		for i, set := range slices.Backward(c.sets) { // the records of an earlier owner come last
			all := set.Updates.Updates(c.t)
			for _, u := range all[c.read[i]:] {
				c.push(routeRecord(c.t, u))
			}
			c.read[i] = len(all)
		}
		c.now = c.now.Add(time.Second)
		c.ticks++
		if ticks {
			r := record(contractCollector, c.now.Unix(), &pb.Tick{})
			r.Position.Lane, r.Position.Sequence = "ticks", c.ticks
			c.push(r)
		}
		r := record("", c.now.Unix(), &pb.Clock{})
		r.Position.Lane, r.Position.Sequence = "clock/x", c.ticks
		c.push(r)
	}
}

func (c *contract) push(r *pb.RouteRecord) {
	c.t.Helper()
	c.offset++
	drive(c.t, c.ck, c.detector, 0, c.offset, r, nil)
}

// routeRecord turns an update into a route record as enrich does, without places.
func routeRecord(t *testing.T, u *pb.UpdateRecord) *pb.RouteRecord {
	t.Helper()
	if m := u.GetBgpMessage(); m != nil {
		var dec wire.Decoder
		d, err := dec.DecodeUpdate(m.GetRaw()[19:], wire.Options{ASOctets: uint8(m.GetAsOctets())})
		if err != nil {
			t.Fatal(err)
		}
		ch := &pb.RouteChanges{Peer: m.GetPeer(), OriginAs: uint32(d.Attributes.Path.Origin()), UpstreamAs: uint32(d.Attributes.Path.Upstream())}
		for _, n := range d.Withdrawn {
			ch.Withdrawn = append(ch.Withdrawn, &pb.Route{Prefix: codec.AppendPrefix(nil, n.Prefix)})
		}
		for _, n := range d.Announced {
			ch.Announced = append(ch.Announced, &pb.Route{Prefix: codec.AppendPrefix(nil, n.Prefix)})
		}
		return &pb.RouteRecord{Position: u.GetPosition(), TimestampUs: u.GetTimestampUs(), Body: &pb.RouteRecord_Changes{Changes: ch}}
	}
	b, err := u.MarshalVT() // all others are passed on as they are
	if err != nil {
		t.Fatal(err)
	}
	r := &pb.RouteRecord{}
	if err := r.UnmarshalVT(b); err != nil {
		t.Fatal(err)
	}
	return r
}

// message is peer 1's UPDATE about 10.n.0.0/16: over AS 64500+up and AS 64400, withdrawn where up
// is 0.
func (c *contract) message(s *stream.Stream, lane *stream.Lane, at time.Time, n, up byte) {
	c.t.Helper()
	body := []byte{0, 3, 16, 10, n, 0, 0}
	if up != 0 {
		body = append([]byte{
			0, 0, 0, 27, 0x40, 1, 1, 0, 0x40, 2, 10, 2, 2, 0, 0, 0xfb, 0xf4 + up, 0, 0, 0xfb, 0x90, 0x40, 3, 4, 192, 0, 2, 1,
		}, 16, 10, n)
		body[3] = byte(len(body) - 4 - 3)
	}
	raw := append([]byte(strings.Repeat("\xff", 16)), 0, byte(19+len(body)), 2)
	err := lane.Message(c.t.Context(), &stream.Message{Peer: c.peer(s), Timestamp: at.UnixMicro(), Raw: append(raw, body...), ASOctets: 4})
	if err != nil {
		c.t.Fatal(err)
	}
}

func contractPeer(n byte) bgp.Peer {
	return bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, n}), ASN: 64500 + bgp.ASN(n)}
}

func (c *contract) peer(s *stream.Stream) *stream.Peer {
	c.t.Helper()
	p, err := s.Peer(contractPeer(1), netip.Addr{})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *contract) gap(s *stream.Stream, since int64) *stream.Gap {
	c.t.Helper()
	g, err := s.BeginGap(c.t.Context(), since, "test")
	if err != nil {
		c.t.Fatal(err)
	}
	if err := s.Up(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	return g
}

func (c *contract) end(g *stream.Gap, l *stream.Lane, o stream.Outcome) {
	c.t.Helper()
	if err := g.End(c.t.Context(), l, o); err != nil {
		c.t.Fatal(err)
	}
}

// is checks how many of three peers vote, and which networks peer 1 holds.
func (c *contract) is(what string, voters int, holds ...byte) {
	c.t.Helper()
	fam := c.detector.family(bgp.IPv4)
	n := 0
	for _, p := range fam.panel.Statuses(c.now.Unix()) {
		if p.Votes {
			n++
		}
	}
	slot := c.detector.collectors[contractCollector].peers[contractPeer(1)].slots[0].slot
	var got []byte
	for i := range byte(10) {
		_, k, _ := rib.KeyOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, i, 0, 0}), 16))
		if row, ok := fam.rib.Row(k); ok && fam.rib.Held(row)[0]&(1<<slot) != 0 {
			got = append(got, i)
		}
	}
	if n != voters || string(got) != string(holds) {
		c.t.Errorf("%s: %d voters, peer 1 holds %v; want %d and %v", what, n, got, voters, holds)
	}
}

// TestContract: the detector understands the records of ingest/stream for a start, a gap, a
// take-over and a daily check.
func TestContract(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	a := c.owner(0)
	g := c.gap(a, a.Since())
	c.pass(5, true)
	c.message(a, a.Live(), c.now, 3, 7)
	peers := []bgp.Peer{contractPeer(1), contractPeer(2), contractPeer(3)}
	chunk := func(id string, networks ...byte) *pb.TableChunk {
		out := &pb.TableChunk{Id: id, Family: pb.Family_FAMILY_IPV4}
		for _, p := range peers {
			out.Peers = append(out.Peers, codec.Peer(p, netip.Addr{}))
		}
		for _, n := range networks {
			out.Prefixes = append(out.Prefixes, &pb.TablePrefix{Prefix: []byte{4, 16, 10, n}, Paths: []*pb.TablePath{{OriginAs: 64400, UpstreamAs: 64501, Peers: []byte{7}}}})
		}
		return out
	}
	say := func(l *stream.Lane, ch *pb.TableChunk) {
		t.Helper()
		if err := l.Chunk(t.Context(), c.now.UnixMicro(), ch); err != nil {
			t.Fatal(err)
		}
	}
	say(g.TableLane(), chunk(g.ID, 1, 2, 4))
	fill := g.FillLane()
	c.message(a, fill, c.now.Add(-time.Minute), 4, 0)
	c.pass(60, true)
	c.is("before the table's end", 0, 1, 2, 3)
	c.end(g, fill, stream.Outcome{Complete: true, Families: []bgp.Family{bgp.IPv4}, Peers: peers})
	c.pass(120, true)
	c.is("after it", 3, 1, 2, 3)

	a.Suspend() // both connections are gone for 30 s
	from := c.now
	c.pass(30, false)
	g = c.gap(a, from.UnixMicro())
	c.message(a, a.Live(), c.now, 1, 9)
	c.pass(90, true)
	c.is("in a short gap", 3, 1, 2, 3)
	fill = g.FillLane()
	c.message(a, fill, from.Add(10*time.Second), 1, 0)
	c.message(a, fill, from.Add(10*time.Second), 2, 0)
	known, open := a.OpenGap()
	if !open {
		t.Fatal("no gap is open")
	}
	c.pass(10, true)

	b := c.owner(known) // another owner takes over before the fill is done
	c.message(a, fill, c.now, 3, 0)
	c.end(g, fill, stream.Outcome{Complete: true, Filled: true})
	g = c.gap(b, b.Since())
	c.message(a, a.Live(), c.now, 3, 0)
	c.pass(120, true)
	c.is("taken over, longer than a minute", 0, 1, 3)
	fill = g.FillLane()
	c.message(b, fill, from.Add(10*time.Second), 1, 0)
	c.message(b, fill, from.Add(10*time.Second), 2, 0)
	c.message(b, fill, from.Add(30*time.Second), 1, 9)
	c.end(g, fill, stream.Outcome{Complete: true, Filled: true})
	c.pass(120, true)
	c.is("filled", 3, 1, 3)

	check, err := b.BeginCheck(t.Context(), c.now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	c.pass(60, true)
	c.message(b, b.Live(), c.now, 5, 9)
	lane := check.Lane()
	say(lane, chunk(check.ID, 1, 6))
	c.pass(60, true)
	c.is("before the check's end", 3, 1, 3, 5)
	if err := check.End(t.Context(), lane, stream.Outcome{Complete: true}); err != nil {
		t.Fatal(err)
	}
	c.pass(60, true)
	c.is("after it", 3, 1, 5, 6)
}
