package dump

import (
	"encoding/json"
	"net/netip"
	"strconv"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// JSON formats one object a line (docs/interfaces.md, A route).
type JSON struct {
	walk

	names   *collectorNames // as JSON strings
	head    []byte          // the line up to the value of type
	tail    []byte          // the rest of an announcement's line after the path id
	tailHop netip.Addr
}

// NewJSON returns a formatter of the selected lines; nil selects all. Every line names the
// collector. Unless the user has named it, the capture's own name of the collector takes
// precedence.
func NewJSON(collector string, named bool, s *Selection) *JSON {
	return &JSON{walk: walk{selection: s, endOfRIB: true}, names: newCollectorNames(collector, named, quote)}
}

// Append appends the lines of it to dst. The error reports that it.Message or the attributes of an
// entry cannot be decoded; the entries before that one are appended.
func (f *JSON) Append(dst []byte, it *capture.Item) ([]byte, error) {
	return f.append(dst, it, jsonForm{f})
}

// jsonForm implements form for JSON.
type jsonForm struct{ *JSON }

func (f jsonForm) state(dst []byte, it *capture.Item) []byte {
	switch it.Kind {
	case capture.PeerUp:
		return append(f.line(dst, it, it.Peer, it.BGPID, TypePeerUp), "}\n"...)
	case capture.PeerDown:
		return append(f.line(dst, it, it.Peer, it.BGPID, TypePeerDown), "}\n"...)
	case capture.Message, capture.State, capture.RIB, capture.CollectorUp, capture.CollectorDown, capture.Note:
	}
	dst = f.line(dst, it, it.Peer, it.BGPID, TypeState)
	if it.OldState != 0 {
		dst = append(append(append(dst, `,"old":"`...), it.OldState.String()...), '"')
	}
	dst = append(append(dst, `,"new":"`...), it.NewState.String()...)
	return append(dst, "\"}\n"...)
}

func (f jsonForm) message(dst []byte, it *capture.Item, u *wire.Update) []byte {
	if len(u.Withdrawn) > 0 {
		f.head = f.line(f.head[:0], it, it.Peer, it.BGPID, TypeWithdraw)
	}
	for i := range u.Withdrawn {
		dst = append(f.prefix(append(dst, f.head...), it, &u.Withdrawn[i]), "}\n"...)
	}
	if len(u.Announced) > 0 {
		f.head = f.line(f.head[:0], it, it.Peer, it.BGPID, TypeAnnounce)
	}
	f.tail = f.tail[:0]
	for i := range u.Announced {
		n := &u.Announced[i]
		if hop := u.NextHop(*n); len(f.tail) == 0 || hop != f.tailHop {
			f.setTail(u, hop)
		}
		dst = append(f.prefix(append(dst, f.head...), it, n), f.tail...)
	}
	for _, family := range u.EndOfRIB {
		dst = f.line(dst, it, it.Peer, it.BGPID, TypeEndOfRIB)
		dst = append(append(dst, `,"family":"`...), family.String()...)
		dst = append(dst, "\"}\n"...)
	}
	return dst
}

func (f jsonForm) entry(
	dst []byte, it *capture.Item, e *capture.RIBEntry, u *wire.Update, hop netip.Addr,
) []byte {
	f.setTail(u, hop)
	dst = f.line(dst, it, e.Peer, e.BGPID, TypeRIB)
	dst = append(it.Prefix.AppendTo(append(dst, `,"prefix":"`...)), '"')
	if e.HasPathID {
		dst = strconv.AppendUint(append(dst, `,"path_id":`...), uint64(e.PathID), 10)
	}
	return append(dst, f.tail...)
}

// line writes the start of an object: time, collector, peer, table and type.
func (f *JSON) line(dst []byte, it *capture.Item, peer bgp.Peer, id netip.Addr, kind Type) []byte {
	dst = append(dst, '{')
	if it.Timestamp != 0 {
		dst = strconv.AppendInt(append(dst, `"timestamp":`...), it.Timestamp/1e6, 10)
		if micros := it.Timestamp % 1e6; micros > 0 {
			dst = appendMicros(append(dst, '.'), micros)
		}
		dst = append(dst, ',')
	}
	dst = append(append(dst, `"collector":`...), f.names.of(it)...)
	dst = append(dst, `,"peer":{`...)
	if peer.Address.IsValid() {
		dst = append(peer.Address.AppendTo(append(dst, `"address":"`...)), `",`...)
	}
	dst = strconv.AppendUint(append(dst, `"asn":`...), uint64(peer.ASN), 10)
	if id.IsValid() {
		dst = append(id.AppendTo(append(dst, `,"bgp_id":"`...)), '"')
	}
	if peer.Distinguisher != 0 {
		dst = append(appendDistinguisher(append(dst, `,"distinguisher":"`...), peer.Distinguisher), '"')
	}
	dst = append(append(dst, `},"table":"`...), tableOf(it, peer).String()...)
	return append(append(append(dst, `","type":"`...), kind...), '"')
}

// prefix appends prefix and path id.
func (f *JSON) prefix(dst []byte, it *capture.Item, n *wire.NLRI) []byte {
	dst = append(n.Prefix.AppendTo(append(dst, `,"prefix":"`...)), '"')
	if hasPathID(it, n) {
		dst = strconv.AppendUint(append(dst, `,"path_id":`...), uint64(n.PathID), 10)
	}
	return dst
}

// setTail sets tail to the attributes and the end of the line.
func (f *JSON) setTail(u *wire.Update, hop netip.Addr) {
	a := &u.Attributes
	t := appendPath(append(f.tail[:0], `,"as_path":`...), a.Path)
	if origin := a.Path.Origin(); origin != 0 {
		t = strconv.AppendUint(append(t, `,"origin_as":`...), uint64(origin), 10)
	}
	if a.HasOrigin {
		t = append(append(append(t, `,"origin":"`...), origins[a.Origin]...), '"')
	}
	if hop.IsValid() {
		t = append(hop.AppendTo(append(t, `,"next_hop":"`...)), '"')
	}
	if a.HasMED {
		t = strconv.AppendUint(append(t, `,"med":`...), uint64(a.MED), 10)
	}
	if a.HasLocalPref {
		t = strconv.AppendUint(append(t, `,"local_pref":`...), uint64(a.LocalPref), 10)
	}
	t = appendCommunities(t, a)
	if a.HasAggregator {
		t = strconv.AppendUint(append(t, `,"aggregator":{"asn":`...), uint64(a.Aggregator.ASN), 10)
		t = append(a.Aggregator.Address.AppendTo(append(t, `,"address":"`...)), `"}`...)
	}
	if a.AtomicAggregate {
		t = append(t, `,"atomic_aggregate":true`...)
	}
	t = append(t, "}\n"...)
	f.tail, f.tailHop = t, hop
}

// appendPath writes the path as an array. A set is an array in it, a confederation (RFC 5065) an
// object.
func appendPath(dst []byte, path bgp.ASPath) []byte {
	dst = append(dst, '[')
	for i, s := range path {
		if i > 0 {
			dst = append(dst, ',')
		}
		before, after := "", ""
		switch s.Type {
		case bgp.ASSet:
			before, after = "[", "]"
		case bgp.ASConfedSequence:
			before, after = `{"confed_sequence":[`, "]}"
		case bgp.ASConfedSet:
			before, after = `{"confed_set":[`, "]}"
		case bgp.ASSequence:
		}
		dst = append(dst, before...)
		for j, asn := range s.ASNs {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, uint64(asn), 10)
		}
		dst = append(dst, after...)
	}
	return append(dst, ']')
}

// appendCommunities writes communities (RFC 1997) and large communities (RFC 8092) by their
// numbers.
func appendCommunities(dst []byte, a *wire.Attributes) []byte {
	for i, c := range a.Communities {
		dst = append(dst, separator(i, `,"communities":["`)...)
		dst = append(appendPair(dst, c), '"')
	}
	if len(a.Communities) > 0 {
		dst = append(dst, ']')
	}
	for i, c := range a.LargeCommunities {
		dst = append(dst, separator(i, `,"large_communities":["`)...)
		dst = append(appendLarge(dst, c), '"')
	}
	if len(a.LargeCommunities) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

func separator(i int, first string) string {
	if i == 0 {
		return first
	}
	return `,"`
}

// appendDistinguisher writes a route distinguisher (RFC 4364 §4.2): 64496:1, 192.0.2.1:1, or
// type:value in hexadecimal.
func appendDistinguisher(dst []byte, d uint64) []byte {
	switch d >> 48 {
	case 0:
		dst = strconv.AppendUint(dst, d>>32&0xffff, 10)
		return strconv.AppendUint(append(dst, ':'), d&0xffffffff, 10)
	case 1:
		dst = netip.AddrFrom4([4]byte{byte(d >> 40), byte(d >> 32), byte(d >> 24), byte(d >> 16)}).AppendTo(dst)
		return strconv.AppendUint(append(dst, ':'), d&0xffff, 10)
	case 2:
		dst = strconv.AppendUint(dst, d>>16&0xffffffff, 10)
		return strconv.AppendUint(append(dst, ':'), d&0xffff, 10)
	}
	dst = strconv.AppendUint(dst, d>>48, 10)
	return strconv.AppendUint(append(dst, ':'), d&(1<<48-1), 16)
}

// origins are the values of ORIGIN (RFC 4271 §5.1.1).
var origins = [...]string{"igp", "egp", "incomplete"}

// tableOf returns the table of the item's routes.
func tableOf(it *capture.Item, peer bgp.Peer) bgp.Table {
	if it.Local {
		return bgp.TableOut // the collector itself sent it to the peer
	}
	return peer.Table
}

// hasPathID reports whether a route of an UPDATE has a path identifier.
func hasPathID(it *capture.Item, n *wire.NLRI) bool {
	return n.Prefix.Addr().Is4() && it.AddPathIPv4 || n.Prefix.Addr().Is6() && it.AddPathIPv6
}

// quote returns s as a JSON string.
func quote(s string) []byte {
	q, err := json.Marshal(s)
	if err != nil { // unreachable: a string always encodes
		return []byte(`""`)
	}
	return q
}
