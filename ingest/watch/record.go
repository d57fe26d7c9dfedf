package watch

import (
	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// partMembers and partBytes bound a part of a list. A member has at most some 500 octets.
	partMembers = 4_000
	partBytes   = 256 << 10
	// memberBytes is the overhead of a member in a part.
	memberBytes = 4
	// collectorPrefix precedes a list's name in the name of its pseudo-collector.
	collectorPrefix = "watch/"
)

// Collector returns the pseudo-collector whose stream holds a list's records.
func Collector(list string) string { return collectorPrefix + list }

// Bodies returns the parts of a list, in order. There is at least one.
func (l List) Bodies() []*pb.WatchList {
	var parts []*pb.WatchList
	part := func() *pb.WatchList {
		p := &pb.WatchList{Name: l.Name, Title: l.Title, Public: l.Public, Home: l.Home, Part: uint32(len(parts))}
		parts = append(parts, p)
		return p
	}
	p, size := part(), 0
	for _, m := range l.Members {
		body := m.body()
		n := body.SizeVT() + memberBytes
		if len(p.Members) == partMembers || size+n > partBytes {
			p.MoreParts = true
			p, size = part(), 0
		}
		p.Members, size = append(p.Members, body), size+n
	}
	return parts
}

// body returns the member in the form of a record.
func (m Member) body() *pb.WatchMember {
	out := &pb.WatchMember{}
	switch {
	case m.Prefix.IsValid():
		out.Member = &pb.WatchMember_Prefix{Prefix: codec.AppendPrefix(nil, m.Prefix)}
	case m.ASN != 0:
		out.Member = &pb.WatchMember_Asn{Asn: uint32(m.ASN)}
	case m.Country != "":
		out.Member = &pb.WatchMember_Country{Country: m.Country}
	default:
		out.Member = &pb.WatchMember_Host{Host: m.Host}
	}
	for _, asn := range m.Origins {
		out.Origins = append(out.Origins, uint32(asn))
	}
	return out
}

// notAsked is the reason why a host in a replay has no addresses.
const notAsked = "a replay asks no DNS: the addresses of today are not those of then"

// Played returns the records of a list in a replay, with positions and without times: the list,
// then each host. It does not ask DNS.
func (l List) Played() []*pb.UpdateRecord {
	var all []*pb.UpdateRecord
	add := func(r *pb.UpdateRecord) {
		r.Position = position(l.Name, 0, uint64(len(all)+1))
		all = append(all, r)
	}
	for _, body := range l.Bodies() {
		add(&pb.UpdateRecord{Body: &pb.UpdateRecord_WatchList{WatchList: body}})
	}
	for _, m := range l.Members {
		if m.Host != "" {
			add(&pb.UpdateRecord{Body: &pb.UpdateRecord_HostAddresses{
				HostAddresses: hostBody(l.Name, m.Host, hosts.Host{Problem: notAsked}),
			}})
		}
	}
	return all
}

// position returns a position in a list's stream.
func position(list string, epoch, sequence uint64) *pb.Position {
	return codec.Position(bgp.Position{
		Collector: Collector(list), Lane: bgp.LaneWatch, Epoch: epoch, Sequence: sequence,
	})
}
