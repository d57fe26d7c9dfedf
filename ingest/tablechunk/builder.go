package tablechunk

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// The bounds of a table chunk. enrich adds geography and owners, and the record still stays below
// 512 KiB.
const (
	chunkPrefixes = 2000
	chunkBytes    = 192 << 10
)

// Builder collects prefixes of a table dump into TableChunks. It belongs to one goroutine.
type Builder struct {
	id     string
	family bgp.Family
	peers  map[bgp.Peer]int
	list   []*pb.Peer
	out    []*pb.TablePrefix
	bytes  int
	// open is the prefix whose routes are being collected. TABLE_DUMP has one record per peer,
	// prefix by prefix.
	open  netip.Prefix
	paths []tablePath
}

// tablePath is an (origin, upstream) pair of the open prefix, with the set of peers that hold it.
type tablePath struct {
	origin, upstream bgp.ASN
	peers            []byte
}

// New returns a Builder whose chunks answer the gap or check id.
func New(id string) *Builder { return &Builder{id: id, peers: map[bgp.Peer]int{}} }

// ID returns the id of the gap or check that the chunks answer.
func (c *Builder) ID() string { return c.id }

// Full reports whether p should begin a new chunk. The caller then calls Take first.
func (c *Builder) Full(p netip.Prefix) bool {
	return c.family != 0 && (c.family != bgp.FamilyOf(p) || c.open != p && (len(c.out)+1 >= chunkPrefixes ||
		c.bytes >= chunkBytes))
}

// Add records that peer holds p, and reports whether it is the peer's first route in the chunk. id
// is the peer's BGP identifier. The caller adds the routes to a prefix one after another.
func (c *Builder) Add(p netip.Prefix, peer bgp.Peer, id netip.Addr, origin, upstream bgp.ASN) (first bool) {
	if p != c.open {
		c.close()
		c.open, c.family = p, bgp.FamilyOf(p)
	}
	n, ok := c.peers[peer]
	if !ok {
		n = len(c.list)
		c.peers[peer] = n
		c.list = append(c.list, codec.Peer(peer, id))
		c.bytes += 48
	}
	i := slices.IndexFunc(c.paths, func(t tablePath) bool {
		return t.origin == origin && t.upstream == upstream
	})
	if i < 0 {
		i = len(c.paths)
		c.paths = append(c.paths, tablePath{origin: origin, upstream: upstream})
	}
	t := &c.paths[i]
	for len(t.peers) <= n/8 {
		t.peers = append(t.peers, 0)
	}
	t.peers[n/8] |= 1 << (n % 8)
	return !ok
}

// close moves the open prefix to the chunk.
func (c *Builder) close() {
	if len(c.paths) == 0 {
		return
	}
	slices.SortFunc(c.paths, func(a, b tablePath) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.upstream, b.upstream))
	})
	out := &pb.TablePrefix{Prefix: codec.AppendPrefix(nil, c.open)}
	for _, t := range c.paths {
		out.Paths = append(out.Paths, &pb.TablePath{
			OriginAs: uint32(t.origin), UpstreamAs: uint32(t.upstream), Peers: t.peers,
		})
		c.bytes += 16 + len(t.peers)
	}
	c.bytes += 24
	c.out = append(c.out, out)
	c.paths = c.paths[:0]
}

// Take returns the collected chunk, or nil if it is empty, and starts a new one.
func (c *Builder) Take() *pb.TableChunk {
	c.close()
	if len(c.out) == 0 {
		return nil
	}
	t := &pb.TableChunk{Id: c.id, Family: codec.Family(c.family), Peers: c.list, Prefixes: c.out}
	*c = *New(c.id)
	return t
}
