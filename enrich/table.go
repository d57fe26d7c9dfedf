package enrich

import (
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// table enriches a table chunk with the places of every prefix and the owners of all origins and
// upstreams.
func (e *Enricher) table(dst [][]byte, in *pb.TableChunk) ([][]byte, error) {
	family, err := codec.ParseFamily(in.Family)
	if err != nil {
		return dst, err
	}
	for _, p := range in.Peers {
		if _, err := codec.ParsePeer(p); err != nil {
			return dst, err
		}
	}
	out := &pb.TableChunk{Id: in.Id, Family: in.Family, Peers: in.Peers}
	e.begin(nil)
	e.out.Body = &pb.RouteRecord_TableChunk{TableChunk: out}
	header := out.SizeVT() + e.in.Position.SizeVT() + 64
	owned := map[uint32]struct{}{}
	e.build.begin()
	e.build.size += header
	end := func(more bool) {
		out.Places, out.Owners = e.build.places[:e.build.placed], e.build.owners[:e.build.owned]
		dst = append(dst, e.encode(more))
	}
	was, first := dst, 0
	for i, p := range in.Prefixes {
		prefix, err := codec.ParsePrefix(p.Prefix)
		if err == nil && bgp.FamilyOf(prefix) != family {
			err = fmt.Errorf("prefix %v in a table of %v: %w", prefix, family, codec.ErrInvalid)
		}
		if err != nil {
			return was, err
		}
		p.PlaceShares = nil
		size := p.SizeVT() + 8
		if i > first && e.build.size+size+worstShares+e.ownersSize(p, owned) > e.limit {
			out.Prefixes = in.Prefixes[first:i]
			end(true)
			e.build.begin()
			e.build.size += header
			clear(owned)
			first = i
		}
		e.shares = e.locator.AppendPlaces(e.shares[:0], prefix)
		if len(e.shares) > 0 {
			p.PlaceShares = e.build.shares(make([]uint64, 0, 2*len(e.shares)), e.shares, e.places)
		}
		e.build.size += size + 11*len(p.PlaceShares)
		e.own(p, owned)
	}
	out.Prefixes = in.Prefixes[first:]
	end(false)
	if first > 0 {
		e.Counts.Split++
	}
	return dst, nil
}

// own adds the owners of a prefix that no earlier prefix of the part names.
func (e *Enricher) own(p *pb.TablePrefix, owned map[uint32]struct{}) {
	for _, path := range p.Paths {
		for _, a := range [...]uint32{path.GetOriginAs(), path.GetUpstreamAs()} {
			if _, ok := owned[a]; ok || a == 0 {
				continue
			}
			owned[a] = struct{}{}
			e.build.owner(bgp.ASN(a), e.owners)
		}
	}
}

// ownersSize bounds the size that own would add.
func (e *Enricher) ownersSize(p *pb.TablePrefix, owned map[uint32]struct{}) int {
	n := 0
	for _, path := range p.Paths {
		for _, a := range [...]uint32{path.GetOriginAs(), path.GetUpstreamAs()} {
			if _, ok := owned[a]; ok {
				continue
			}
			o, _ := e.owners.Lookup(bgp.ASN(a))
			n += 20 + len(o.Name) + len(o.Organisation) + len(o.Country)
		}
	}
	return n
}
