// Package codec converts between the types of the domain (internal/bgp) and the records of the
// topics (schemas/darkmapv1).
//
// Parsers check their input and return errors that wrap ErrInvalid. They do not retain their input.
package codec

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// ErrInvalid marks a record that can be decoded but has impossible values.
var ErrInvalid = errors.New("invalid record")

// Position converts a position to its record form.
func Position(p bgp.Position) *pb.Position {
	return &pb.Position{Collector: p.Collector, Lane: string(p.Lane), Epoch: p.Epoch, Sequence: p.Sequence}
}

// ParsePosition is the inverse of Position. An absent position becomes the zero Position.
func ParsePosition(p *pb.Position) bgp.Position {
	return bgp.Position{
		Collector: p.GetCollector(), Lane: bgp.Lane(p.GetLane()),
		Epoch: p.GetEpoch(), Sequence: p.GetSequence(),
	}
}

// AppendPrefix appends p in the encoding of Route.prefix in schemas/proto/darkmap/v1/routes.proto.
// p must be valid and masked.
func AppendPrefix(b []byte, p netip.Prefix) []byte {
	n := (p.Bits() + 7) / 8
	if p.Addr().Is4() {
		a := p.Addr().As4()
		return append(append(b, 4, byte(p.Bits())), a[:n]...)
	}
	a := p.Addr().As16()
	return append(append(b, 6, byte(p.Bits())), a[:n]...)
}

// ParsePrefix is the inverse of AppendPrefix. It rejects wrong families and lengths, and non-zero
// host bits.
func ParsePrefix(b []byte) (netip.Prefix, error) {
	if len(b) < 2 {
		return netip.Prefix{}, fmt.Errorf("prefix of %d octets: %w", len(b), ErrInvalid)
	}
	bits, n := int(b[1]), (int(b[1])+7)/8
	var p netip.Prefix
	switch {
	case len(b) != 2+n:
		return p, fmt.Errorf("prefix of %d bits in %d octets: %w", bits, len(b)-2, ErrInvalid)
	case b[0] == 4 && bits <= 32:
		var a [4]byte
		copy(a[:], b[2:])
		p = netip.PrefixFrom(netip.AddrFrom4(a), bits)
	case b[0] == 6 && bits <= 128:
		var a [16]byte
		copy(a[:], b[2:])
		p = netip.PrefixFrom(netip.AddrFrom16(a), bits)
	default:
		return p, fmt.Errorf("prefix of family %d and %d bits: %w", b[0], bits, ErrInvalid)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("prefix %v has host bits: %w", p, ErrInvalid)
	}
	return p, nil
}

// Peer converts a peer. id is its BGP identifier, invalid if the source has none.
func Peer(p bgp.Peer, id netip.Addr) *pb.Peer {
	out := &pb.Peer{
		Address: p.Address.AsSlice(), Asn: uint32(p.ASN), Distinguisher: p.Distinguisher,
		Table: pb.Table(p.Table) + pb.Table_TABLE_PRE,
	}
	if id.IsValid() {
		out.BgpId = id.AsSlice()
	}
	return out
}

// ParsePeer is the inverse of Peer, without the BGP identifier.
func ParsePeer(p *pb.Peer) (bgp.Peer, error) {
	addr, ok := netip.AddrFromSlice(p.GetAddress())
	if !ok {
		return bgp.Peer{}, fmt.Errorf("peer address of %d octets: %w", len(p.GetAddress()), ErrInvalid)
	}
	table := bgp.TablePre
	if t := p.GetTable(); t != pb.Table_TABLE_UNSPECIFIED {
		if t < 0 || t > pb.Table_TABLE_OUT {
			return bgp.Peer{}, fmt.Errorf("peer table %d: %w", t, ErrInvalid)
		}
		table = bgp.Table(t - pb.Table_TABLE_PRE)
	}
	return bgp.Peer{
		Address: addr, ASN: bgp.ASN(p.GetAsn()), Distinguisher: p.GetDistinguisher(), Table: table,
	}, nil
}

// Family converts a family.
func Family(f bgp.Family) pb.Family { return pb.Family(f) }

// ParseFamily is the inverse of Family.
func ParseFamily(f pb.Family) (bgp.Family, error) {
	if f != pb.Family_FAMILY_IPV4 && f != pb.Family_FAMILY_IPV6 {
		return 0, fmt.Errorf("family %d: %w", f, ErrInvalid)
	}
	return bgp.Family(f), nil
}

// Entity converts an entity.
func Entity(e bgp.Entity) *pb.Entity {
	return &pb.Entity{Type: pb.EntityType(e.Type), Code: e.Code, Name: e.Name}
}

// ParseVerdict returns the reason for no verdict in a panel record, and the votes. For an older
// record, without the field verdicts, too few voters are the reason if the voters are below the
// minimum.
func ParseVerdict(rec *pb.PanelRecord) (bgp.NoVerdict, bgp.Votes) {
	v := bgp.Votes{
		Voters: int(rec.GetVoters()), Collectors: int(rec.GetCollectors()),
		MinVoters: int(rec.GetMinVoters()), MinCollectors: int(rec.GetMinCollectors()),
	}
	why := bgp.NoVerdict(rec.GetNoVerdict())
	if rec.Verdicts == nil && v.Voters < v.MinVoters {
		why = bgp.NoVerdictVoters
	}
	return why, v
}

// TableKnowledge converts the source of the tables on which a panel's verdicts rest.
func TableKnowledge(k bgp.TableKnowledge) pb.TableKnowledge {
	switch k {
	case bgp.TablesLearned:
		return pb.TableKnowledge_TABLE_KNOWLEDGE_LEARNED
	case bgp.TablesComplete:
		return pb.TableKnowledge_TABLE_KNOWLEDGE_COMPLETE
	case bgp.TablesUndecided:
	}
	return pb.TableKnowledge_TABLE_KNOWLEDGE_UNSPECIFIED
}

// ParseTableKnowledge is the inverse of TableKnowledge.
func ParseTableKnowledge(k pb.TableKnowledge) (bgp.TableKnowledge, error) {
	switch k {
	case pb.TableKnowledge_TABLE_KNOWLEDGE_UNSPECIFIED:
		return bgp.TablesUndecided, nil
	case pb.TableKnowledge_TABLE_KNOWLEDGE_LEARNED:
		return bgp.TablesLearned, nil
	case pb.TableKnowledge_TABLE_KNOWLEDGE_COMPLETE:
		return bgp.TablesComplete, nil
	}
	return bgp.TablesUndecided, fmt.Errorf("panel knowledge %d: %w", k, ErrInvalid)
}
