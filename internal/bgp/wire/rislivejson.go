package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/valyala/fastjson"

	"github.com/darkmap/darkmap/internal/bgp"
)

// errNoPrefixes means an UPDATE whose JSON has no prefix, such as an End-of-RIB. The JSON does not
// contain its family.
var errNoPrefixes = errors.New("an UPDATE without prefixes and without raw")

// risBuilder encodes the JSON fields of RIS Live as BGP messages with 4-octet AS numbers. It keeps
// those fields of an OPEN that darkmap reads, and those attributes that the JSON has. IPv6
// prefixes, and IPv4 prefixes with an IPv6 next hop, go into MP_REACH_NLRI with the first next hop
// that is not link-local. It takes a prefix under two next hops once.
type risBuilder struct {
	buf        []byte
	withdrawn4 []byte
	withdrawn6 []byte
	// reach4 holds IPv4 prefixes with an IPv4 next hop. mp holds the prefixes of MP_REACH_NLRI by
	// family.
	reach4  []byte
	next4   netip.Addr
	mp      [len(bgp.Families) + 1][]byte
	mpNext  [len(bgp.Families) + 1]netip.Addr
	seen    map[netip.Prefix]struct{}
	segment []bgp.ASN
}

// build encodes one message. The result is valid until the next call.
func (b *risBuilder) build(data *fastjson.Value, typ MessageType) ([]byte, error) {
	b.buf = appendHeader(b.buf[:0], typ)
	var err error
	switch typ {
	case MessageUpdate:
		err = b.update(data)
	case MessageOpen:
		err = b.open(data)
	case MessageNotification:
		err = b.notification(data.Get("notification"))
	case MessageKeepalive, MessageRouteRefresh:
	}
	if err != nil {
		return nil, err
	}
	if len(b.buf) > math.MaxUint16 {
		return nil, fmt.Errorf("the fields make a message of %d octets: %w", len(b.buf), ErrBadLength)
	}
	setLength(b.buf)
	return b.buf, nil
}

func (b *risBuilder) notification(v *fastjson.Value) error {
	code, err := number(v.Get("code"), math.MaxUint8)
	if err != nil {
		return fmt.Errorf("field notification: code: %w", err)
	}
	sub, err := number(v.Get("subcode"), math.MaxUint8)
	if err != nil {
		return fmt.Errorf("field notification: subcode: %w", err)
	}
	b.buf = append(b.buf, byte(code), byte(sub))
	// The data of the service begin with the two codes.
	if text := v.GetStringBytes("data"); len(text) > 4 {
		data, err := hex.DecodeString(string(text[4:]))
		if err != nil {
			return fmt.Errorf("field notification: data: %w", err)
		}
		b.buf = append(b.buf, data...)
	}
	return nil
}

func (b *risBuilder) open(data *fastjson.Value) error {
	asn, err := number(data.Get("asn"), math.MaxUint32)
	if err != nil {
		return fmt.Errorf("field asn: %w", err)
	}
	hold, err := number(data.Get("hold_time"), math.MaxUint16)
	if err != nil {
		return fmt.Errorf("field hold_time: %w", err)
	}
	id, err := netip.ParseAddr(string(data.GetStringBytes("router_id")))
	if err != nil || !id.Is4() {
		return errors.New("field router_id: no IPv4 address")
	}
	short := uint16(asn)
	if asn > math.MaxUint16 {
		short = 23456 // AS_TRANS, RFC 6793 §9
	}
	b.buf = append(b.buf, 4)
	b.buf = binary.BigEndian.AppendUint16(b.buf, short)
	b.buf = binary.BigEndian.AppendUint16(b.buf, uint16(hold))
	b.buf = append(b.buf, id.AsSlice()...)
	if data.Exists("capabilities", "65") {
		b.buf = append(b.buf, 8, 2, 6, capabilityFourOctetASN, 4)
		b.buf = binary.BigEndian.AppendUint32(b.buf, uint32(asn))
		return nil
	}
	b.buf = append(b.buf, 0)
	return nil
}

func (b *risBuilder) update(data *fastjson.Value) error {
	b.withdrawn4, b.withdrawn6, b.reach4 = b.withdrawn4[:0], b.withdrawn6[:0], b.reach4[:0]
	b.next4, b.mpNext = netip.Addr{}, [len(b.mpNext)]netip.Addr{}
	for i := range b.mp {
		b.mp[i] = b.mp[i][:0]
	}
	if b.seen == nil {
		b.seen = map[netip.Prefix]struct{}{}
	}
	clear(b.seen)
	for _, v := range data.GetArray("withdrawals") {
		p, err := jsonPrefix(v)
		if err != nil {
			return fmt.Errorf("field withdrawals: %w", err)
		}
		if p.Addr().Is4() {
			b.withdrawn4 = AppendPrefix(b.withdrawn4, p)
		} else {
			b.withdrawn6 = AppendPrefix(b.withdrawn6, p)
		}
	}
	for _, v := range data.GetArray("announcements") {
		if err := b.announcement(v); err != nil {
			return fmt.Errorf("field announcements: %w", err)
		}
	}
	if len(b.seen)+len(b.withdrawn4)+len(b.withdrawn6) == 0 {
		return errNoPrefixes
	}
	if len(b.withdrawn4) > math.MaxUint16 {
		return fmt.Errorf("%d octets of withdrawn routes: %w", len(b.withdrawn4), ErrBadLength)
	}
	b.buf = binary.BigEndian.AppendUint16(b.buf, uint16(len(b.withdrawn4)))
	b.buf = append(b.buf, b.withdrawn4...)
	at := len(b.buf)
	b.buf = append(b.buf, 0, 0)
	if err := b.attributes(data); err != nil {
		return err
	}
	n := len(b.buf) - at - 2
	if n > math.MaxUint16 {
		return fmt.Errorf("%d octets of path attributes: %w", n, ErrBadLength)
	}
	binary.BigEndian.PutUint16(b.buf[at:], uint16(n))
	b.buf = append(b.buf, b.reach4...)
	return nil
}

// announcement adds the prefixes of one next hop to their fields.
func (b *risBuilder) announcement(v *fastjson.Value) error {
	hop, err := nextHop(v.GetStringBytes("next_hop"))
	if err != nil {
		return err
	}
	for _, e := range v.GetArray("prefixes") {
		p, err := jsonPrefix(e)
		if err != nil {
			return err
		}
		if _, twice := b.seen[p]; twice {
			continue
		}
		b.seen[p] = struct{}{}
		if p.Addr().Is4() && hop.Is4() {
			b.reach4 = AppendPrefix(b.reach4, p)
			if !b.next4.IsValid() {
				b.next4 = hop
			}
			continue
		}
		f := bgp.FamilyOf(p)
		b.mp[f] = AppendPrefix(b.mp[f], p)
		if !b.mpNext[f].IsValid() || b.mpNext[f].IsLinkLocalUnicast() {
			b.mpNext[f] = netip.AddrFrom16(hop.As16())
		}
	}
	return nil
}

// attributes appends the path attributes, in the order of their types.
func (b *risBuilder) attributes(data *fastjson.Value) error {
	if len(b.seen) > 0 {
		if err := b.originAndPath(data); err != nil {
			return err
		}
		if b.next4.IsValid() {
			b.attribute(flagTransitive, typeNextHop, b.next4.AsSlice())
		}
		if err := b.optional(data); err != nil {
			return err
		}
	}
	for _, f := range bgp.Families {
		if nlri := b.mp[f]; len(nlri) > 0 {
			next := b.mpNext[f].As16()
			head := append([]byte{0, byte(f), byte(bgp.SAFIUnicast), 16}, next[:]...)
			b.attribute(flagOptional, typeMPReach, append(head, 0), nlri)
		}
	}
	if len(b.withdrawn6) > 0 {
		b.attribute(flagOptional, typeMPUnreach,
			[]byte{0, byte(bgp.AFIIPv6), byte(bgp.SAFIUnicast)}, b.withdrawn6)
	}
	return nil
}

// attribute appends one attribute, always with an extended length. A value that is too long makes
// the message too long.
func (b *risBuilder) attribute(flags, typ uint8, parts ...[]byte) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b.buf = append(b.buf, flags|0x10, typ, byte(n>>8), byte(n))
	for _, p := range parts {
		b.buf = append(b.buf, p...)
	}
}

func (b *risBuilder) originAndPath(data *fastjson.Value) error {
	origins := map[string]byte{"igp": 0, "egp": 1, "incomplete": 2}
	if v := data.GetStringBytes("origin"); v != nil {
		code, ok := origins[string(bytes.ToLower(v))]
		if !ok {
			return fmt.Errorf("field origin: %q", v[:min(len(v), 32)])
		}
		b.attribute(flagTransitive, typeOrigin, []byte{code})
	}
	var path []byte
	b.segment = b.segment[:0]
	for _, e := range data.GetArray("path") {
		if e.Type() != fastjson.TypeArray {
			n, err := number(e, math.MaxUint32)
			if err != nil {
				return fmt.Errorf("field path: %w", err)
			}
			b.segment = append(b.segment, bgp.ASN(n))
			continue
		}
		path = appendSegments(path, bgp.ASSequence, b.segment)
		b.segment = b.segment[:0]
		for _, s := range e.GetArray() {
			n, err := number(s, math.MaxUint32)
			if err != nil {
				return fmt.Errorf("field path: %w", err)
			}
			b.segment = append(b.segment, bgp.ASN(n))
		}
		path = appendSegments(path, bgp.ASSet, b.segment)
		b.segment = b.segment[:0]
	}
	b.attribute(flagTransitive, typeASPath, appendSegments(path, bgp.ASSequence, b.segment))
	return nil
}

// optional appends MED, AGGREGATOR and COMMUNITIES if the JSON has them.
func (b *risBuilder) optional(data *fastjson.Value) error {
	if v := data.Get("med"); v != nil && v.Type() != fastjson.TypeNull {
		med, err := number(v, math.MaxUint32)
		if err != nil {
			return fmt.Errorf("field med: %w", err)
		}
		b.attribute(flagOptional, typeMED, binary.BigEndian.AppendUint32(nil, uint32(med)))
	}
	if v := data.GetStringBytes("aggregator"); len(v) > 0 {
		as, address, _ := bytes.Cut(v, []byte{':'})
		asn, err := bgp.ParseASN(string(as))
		if err != nil {
			return fmt.Errorf("field aggregator: %w", err)
		}
		addr, err := netip.ParseAddr(string(address))
		if err != nil || !addr.Is4() {
			return fmt.Errorf("field aggregator: no IPv4 address: %q", address[:min(len(address), 32)])
		}
		b.attribute(flagOptional|flagTransitive, typeAggregator,
			binary.BigEndian.AppendUint32(nil, uint32(asn)), addr.AsSlice())
	}
	var communities []byte
	for _, c := range data.GetArray("community") {
		pair := c.GetArray()
		if len(pair) != 2 {
			return fmt.Errorf("field community: %d numbers in one: %w", len(pair), ErrBadLength)
		}
		for _, half := range pair {
			n, err := number(half, math.MaxUint16)
			if err != nil {
				return fmt.Errorf("field community: %w", err)
			}
			communities = binary.BigEndian.AppendUint16(communities, uint16(n))
		}
	}
	if len(communities) > 0 {
		b.attribute(flagOptional|flagTransitive, typeCommunities, communities)
	}
	return nil
}

// jsonPrefix parses a prefix in any spelling and masks host bits.
func jsonPrefix(v *fastjson.Value) (netip.Prefix, error) {
	text := v.GetStringBytes()
	p, err := netip.ParsePrefix(string(text))
	if err != nil {
		return p, fmt.Errorf("no prefix: %q", text[:min(len(text), 64)])
	}
	return p.Masked(), nil
}

// nextHop parses "global" or "global,link-local" and returns the first address.
func nextHop(text []byte) (netip.Addr, error) {
	first, _, _ := bytes.Cut(text, []byte{','})
	a, err := netip.ParseAddr(string(first))
	if err != nil || a.Zone() != "" {
		return a, fmt.Errorf("no next hop: %q", text[:min(len(text), 64)])
	}
	return a, nil
}

// number parses a whole number of at most limit.
func number(v *fastjson.Value, limit uint64) (uint64, error) {
	if v == nil {
		return 0, errors.New("missing")
	}
	n, err := v.Uint64()
	if err != nil {
		return 0, errors.New("no whole number")
	}
	if n > limit {
		return 0, fmt.Errorf("%d is more than %d", n, limit)
	}
	return n, nil
}
