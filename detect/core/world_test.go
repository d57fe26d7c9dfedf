package core

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// dawn is the begin of the synthetic world: a full hour.
const dawn = int64(1_400_000_400)

// network is a prefix of the synthetic world.
type network struct {
	prefix           string
	origin, upstream uint32
	country          string
}

// world is a synthetic Internet: collectors x peers that all see all networks.
type world struct {
	t          *testing.T
	collectors int
	peers      int // of each collector
	networks   []network
	records    []*pb.RouteRecord
}

// newWorld returns 8 collectors with 4 peers each, 40 networks in 8 countries, and one of four /24s
// in KP.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, collectors: 8, peers: 4}
	for i := range 40 {
		w.networks = append(w.networks, network{fmt.Sprintf("10.%d.0.0/16", i), uint32(64500 + i), 64400, string([]byte{'A', byte('A' + i%8)})})
	}
	for i := range 4 {
		w.networks = append(w.networks, network{fmt.Sprintf("175.45.%d.0/24", 176+i), 131279, 4837, "KP"})
	}
	return w
}

func collectorName(c int) string { return fmt.Sprintf("file/c%02d", c) }

// peer returns peer p of collector c. Each has an AS of its own.
func (w *world) peer(c, p int) *pb.Peer {
	return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(c*16 + p)}), ASN: bgp.ASN(100 + c*16 + p)}, netip.Addr{})
}

func (w *world) add(c int, t int64, body any) {
	w.records = append(w.records, record(collectorName(c), t, body))
}

func octets(t *testing.T, prefix string) []byte {
	t.Helper()
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return codec.AppendPrefix(nil, p)
}

func spaceOf(prefix string) uint64 { return bgp.Space(netip.MustParsePrefix(prefix)) }

// tables sends every collector's table at dawn.
func (w *world) tables() {
	for c := range w.collectors {
		w.table(c, dawn)
	}
}

func (w *world) table(c int, t int64) {
	w.add(c, t, &pb.CollectorUp{})
	w.add(c, t, &pb.GapBegin{Id: "table/1"})
	chunk := w.chunkOf(c, "table/1")
	w.add(c, t, chunk)
	w.add(c, t, &pb.GapEnd{Id: "table/1", Complete: true, Families: []pb.Family{pb.Family_FAMILY_IPV4}, Peers: chunk.Peers})
}

// chunkOf returns the whole table of a collector.
func (w *world) chunkOf(c int, id string) *pb.TableChunk {
	chunk := &pb.TableChunk{Id: id, Family: pb.Family_FAMILY_IPV4}
	for p := range w.peers {
		chunk.Peers = append(chunk.Peers, w.peer(c, p))
	}
	for _, n := range w.networks {
		chunk.Places = append(chunk.Places, &pb.Place{Country: n.country})
		chunk.Prefixes = append(chunk.Prefixes, &pb.TablePrefix{
			Prefix: octets(w.t, n.prefix), PlaceShares: []uint64{uint64(len(chunk.Places) - 1), spaceOf(n.prefix)},
			Paths: []*pb.TablePath{{OriginAs: n.origin, UpstreamAs: n.upstream, Peers: []byte{1<<w.peers - 1}}},
		})
	}
	return chunk
}

// announce makes a peer announce networks.
func (w *world) announce(c, p int, t int64, ns ...network) {
	for _, n := range ns {
		w.add(c, t, &pb.RouteChanges{
			Peer: w.peer(c, p), OriginAs: n.origin, UpstreamAs: n.upstream, Places: []*pb.Place{{Country: n.country}},
			Announced: []*pb.Route{{Prefix: octets(w.t, n.prefix), PlaceShares: []uint64{0, spaceOf(n.prefix)}}},
		})
	}
}

func (w *world) withdraw(c, p int, t int64, prefixes ...string) {
	ch := &pb.RouteChanges{Peer: w.peer(c, p)}
	for _, x := range prefixes {
		ch.Withdrawn = append(ch.Withdrawn, &pb.Route{Prefix: octets(w.t, x)})
	}
	w.add(c, t, ch)
}

// everybody calls f for every peer, a second apart from one to the next, 30 s at most.
func (w *world) everybody(t int64, f func(c, p int, t int64)) {
	i := int64(0)
	for c := range w.collectors {
		for p := range w.peers {
			f(c, p, t+i%30)
			i++
		}
	}
}

// gone and back withdraw and announce a country's networks everywhere.
func (w *world) gone(t int64, ns ...network) {
	w.everybody(t, func(c, p int, t int64) {
		for _, n := range ns {
			w.withdraw(c, p, t, n.prefix)
		}
	})
}

func (w *world) back(t int64, ns ...network) {
	w.everybody(t, func(c, p int, t int64) { w.announce(c, p, t, ns...) })
}

// in lists a country's networks.
func (w *world) in(country string) []network {
	return slices.DeleteFunc(slices.Clone(w.networks), func(n network) bool { return n.country != country })
}

// run plays the records until t, each collector's in the order of its time, and returns the feed.
func (w *world) run(until int64) *feed {
	w.t.Helper()
	f := newFeed(w.t, small())
	slices.SortStableFunc(w.records, func(a, b *pb.RouteRecord) int { return cmp.Compare(a.TimestampUs/60e6, b.TimestampUs/60e6) })
	for _, r := range w.records {
		f.apply(r)
	}
	f.until(until)
	return f
}

// told returns one line for each outage of countries, ASes and the world, times in minutes from
// dawn.
func told(f *feed, types ...pb.EntityType) []string {
	var out []string
	for _, r := range f.final() {
		if r.Blip || !slices.Contains(types, r.Entity.Type) {
			continue
		}
		end := "open"
		if r.EndS != nil {
			end = fmt.Sprint((*r.EndS - dawn) / 60)
		}
		out = append(out, fmt.Sprintf("%s %s %s %d-%s", r.Entity.Code, r.Kind, r.State, (r.StartS-dawn)/60, end))
	}
	slices.Sort(out)
	return out
}

// notesOf joins an outage's JSON objects' notes and evidence, for substrings.
func notesOf(f *feed, code string) string {
	var b strings.Builder
	for _, r := range f.final() {
		if r.Entity.Code == code {
			b.Write(r.Json)
		}
	}
	return b.String()
}
