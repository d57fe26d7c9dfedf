package enrich

import (
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// salvage appends the readable part of a message that cannot be decoded. It appends nothing if the
// message is no UPDATE.
func (e *Enricher) salvage(dst [][]byte, m *pb.BGPMessage, peerASN bgp.ASN, o wire.Options) [][]byte {
	u, ok := e.decoder.Salvage(m.Raw, o)
	if !ok {
		return dst
	}
	return e.update(dst, m.Peer, peerASN, u)
}

// unread returns the part of an UPDATE that could not be read; nil if all was read.
func unread(u *wire.Update) *pb.Unread {
	if len(u.Unknown)+len(u.Lost) == 0 {
		return nil
	}
	out := &pb.Unread{}
	for _, n := range u.Unknown {
		if !n.Multicast {
			out.Prefixes = append(out.Prefixes, codec.AppendPrefix(nil, n.Prefix))
		}
	}
	for _, f := range u.Lost {
		out.Families = append(out.Families, codec.Family(f))
	}
	return out
}

// refresh appends the record that a peer begins or ends to send its routes again (RFC 7313). A
// request for our routes concerns no route of the peer and gives no record.
func (e *Enricher) refresh(dst [][]byte, peer *pb.Peer, body []byte) [][]byte {
	kind, family, err := wire.DecodeRefresh(body)
	f, ok := family.Unicast()
	if err != nil || !ok || kind != wire.RefreshBegins && kind != wire.RefreshEnds {
		e.Counts.Empty++
		return dst
	}
	e.begin(&e.outBody)
	c := &e.changes
	c.Reset()
	c.Peer = peer
	if kind == wire.RefreshBegins {
		c.RefreshBegins = append(c.RefreshBegins, codec.Family(f))
	} else {
		c.RefreshEnds = append(c.RefreshEnds, codec.Family(f))
	}
	e.beginChanges()
	return append(dst, e.marshal(c, false))
}
