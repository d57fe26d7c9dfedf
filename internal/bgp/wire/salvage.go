package wire

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Salvage decodes the readable parts of a message that SplitMessage or DecodeUpdate rejects. Such a
// message is cut (its header announces more octets than it has), or its fields are unreadable.
// message begins with the marker. ok is false if it is no UPDATE: then nothing was lost.
//
// Salvage reads the fields in the order of RFC 7606 §5.1. In a message that is cut, withdrawn
// prefixes count if they are whole before the cut. Announced prefixes count if all path attributes
// are before the cut too. In a message that is not cut, withdrawn prefixes count; in an unreadable
// field only those before the fault do. Its announced prefixes go into Update.Unknown. Update.Lost
// holds the families whose prefixes may be incomplete.
func (d *Decoder) Salvage(message []byte, o Options) (u *Update, ok bool) {
	d.reset(o)
	said, body := 0, []byte(nil)
	if len(message) >= HeaderLength {
		if typ := MessageType(message[18]); typ != MessageUpdate && binary.BigEndian.Uint64(message) == 1<<64-1 {
			return nil, false
		}
		said, body = int(binary.BigEndian.Uint16(message[16:]))-HeaderLength, message[HeaderLength:]
	}
	if said < 4 || len(body) < 2 ||
		binary.BigEndian.Uint64(message)&binary.BigEndian.Uint64(message[8:]) != 1<<64-1 {
		d.lose(bgp.IPv4, bgp.IPv6)
		return &d.update, true
	}
	s := salvage{d: d, o: o, cut: said > len(body)}
	s.fields(body[:min(len(body), said)], said)
	return &d.update, true
}

// LostUpdate reports whether raw may have been an UPDATE and needs Salvage. err is the error of
// SplitMessage(raw).
func LostUpdate(raw []byte, err error) bool {
	return err != nil && (len(raw) < HeaderLength || errors.Is(err, ErrBadMarker) ||
		MessageType(raw[18]) == MessageUpdate)
}

// lose records that prefixes of the families may be missing.
func (d *Decoder) lose(families ...bgp.Family) {
	for _, f := range families {
		if !slices.Contains(d.update.Lost, f) {
			d.update.Lost = append(d.update.Lost, f)
		}
	}
}

// salvage holds the state for one message.
type salvage struct {
	d   *Decoder
	o   Options
	cut bool
}

// fields reads the three fields of an UPDATE. b holds the available octets, said is the number of
// octets that the header announces.
func (s *salvage) fields(b []byte, said int) {
	d := s.d
	n := int(binary.BigEndian.Uint16(b))
	if n > said-4 {
		d.lose(bgp.IPv4, bgp.IPv6)
		return
	}
	withdrawn, b := b[2:min(len(b), 2+n)], b[min(len(b), 2+n):]
	ipv4 := AFISAFI{bgp.AFIIPv4, bgp.SAFIUnicast}
	s.withdrawn(withdrawn, nlriField{family: ipv4, cut: len(withdrawn) < n})
	if len(withdrawn) < n {
		d.lose(bgp.IPv4)
		if said > n+4 { // path attributes follow, which may be of any family
			d.lose(bgp.IPv6)
		}
		return
	}
	said -= 2 + n
	if len(b) < 2 {
		d.lose(bgp.IPv4, bgp.IPv6)
		return
	}
	n = int(binary.BigEndian.Uint16(b))
	if n > said-2 {
		d.lose(bgp.IPv4, bgp.IPv6)
		return
	}
	attributes, nlri := b[2:min(len(b), 2+n)], b[min(len(b), 2+n):]
	whole := len(attributes) == n
	s.attributes(attributes, whole)
	if !whole {
		d.lose(bgp.IPv4, bgp.IPv6)
	}
	s.announced(nlri, nlriField{family: ipv4, cut: len(nlri) < said-2-n})
	if len(nlri) < said-2-n {
		d.lose(bgp.IPv4)
	}
	s.announcements(whole, said-2-n > 0)
}

// announcements decides about the announced prefixes: they count if all attributes are available
// and only the end of the message is cut.
func (s *salvage) announcements(whole, nlri bool) {
	d := s.d
	u := &d.update
	if s.cut && whole {
		d.attributes(s.o)
		d.require(nlri && !s.o.NextHopOptional)
		if u.TreatAsWithdraw {
			u.Withdrawn = append(u.Withdrawn, u.Announced...)
			u.Announced = u.Announced[:0]
		}
		return
	}
	u.Unknown = append(u.Unknown, u.Announced...)
	u.Announced, u.TreatAsWithdraw = u.Announced[:0], false
}

// nlriField is a field of prefixes. It belongs to an MP attribute (mp) or to the message itself.
// The end of a cut field is missing.
type nlriField struct {
	family  AFISAFI
	mp, cut bool
}

// withdrawn reads the withdrawn prefixes of b. In an unreadable field those before the fault count,
// up to the first prefix so short that the fault may be before it.
func (s *salvage) withdrawn(b []byte, f nlriField) {
	u := &s.d.update
	first := len(u.Withdrawn)
	out, sound := s.run(u.Withdrawn, b, f)
	if !sound {
		least, _ := lengths(f.family.AFI)
		if i := slices.IndexFunc(out[first:], func(n NLRI) bool { return n.Prefix.Bits() < least }); i >= 0 {
			out = out[:first+i]
		}
	}
	u.Withdrawn = out
}

// announced reads the announced prefixes of b. It takes none if the field is unreadable.
func (s *salvage) announced(b []byte, f nlriField) {
	u := &s.d.update
	if out, sound := s.run(u.Announced, b, f); sound {
		u.Announced = out
	}
}

// run appends the prefixes of a field. If the field is cut or unreadable, it appends the prefixes
// before the cut or the fault. sound is false if the field is unreadable.
func (s *salvage) run(dst []NLRI, b []byte, f nlriField) (out []NLRI, sound bool) {
	if f.cut {
		b = s.whole(b, f.family)
	}
	var err error
	if f.mp {
		out, err = appendFamily(dst, b, f.family, s.o)
	} else {
		out, err = appendIPv4(dst, b, s.o.AddPathIPv4, false)
	}
	if family, unicast := f.family.Unicast(); err != nil && unicast {
		s.d.lose(family)
	}
	return out, err == nil
}

// whole returns the octets of b before the first cut prefix. It decides about path identifiers as
// pathids.go describes.
func (s *salvage) whole(b []byte, f AFISAFI) []byte {
	least, most := lengths(f.AFI)
	marked := s.o.AddPathIPv4
	if f.AFI == bgp.AFIIPv6 {
		marked = s.o.AddPathIPv6
	}
	plain, ids := b[:wholeOctets(b, 0)], b[:wholeOctets(b, 4)]
	switch sound := len(plain) > 0 && plainRun(plain, most, least); {
	case sound:
		return plain
	case marked || len(ids) > 0 && identifiedRun(ids, most, least):
		return ids
	}
	return plain
}

// wholeOctets returns the number of octets of the whole prefixes at the start of b. Each prefix has
// skip octets before it.
func wholeOctets(b []byte, skip int) int {
	n := 0
	for n+skip < len(b) {
		next := n + skip + 1 + (int(b[n+skip])+7)/8
		if next > len(b) {
			break
		}
		n = next
	}
	return n
}

// attributes reads the path attributes of b. If they are not all available, it reads only those
// that contain prefixes.
func (s *salvage) attributes(b []byte, whole bool) {
	d := s.d
	for rest := b; len(rest) > 0; {
		code, header, n, ok := attributeHeader(rest)
		if !ok {
			s.partial(rest)
			break
		}
		value := rest[header : header+n]
		rest = rest[header+n:]
		switch {
		case code == typeMPReach || code == typeMPUnreach:
			s.mp(code, value, false)
		case code < 64 && d.list.has(code):
			d.malformed(code, "appears more than once", AttributeDiscard)
			continue
		case whole:
			_ = d.attribute(code, value, s.o, false) // fails only for the MP attributes
		}
		if code < 64 {
			d.list.seen |= 1 << code
		}
		d.list.count++
	}
}

// partial reads the attribute at the start of b, whose end is missing.
func (s *salvage) partial(b []byte) {
	d := s.d
	header := 3
	if len(b) > 0 && b[0]&flagExtended != 0 {
		header = 4
	}
	if s.cut && len(b) > header && (b[1] == typeMPReach || b[1] == typeMPUnreach) {
		s.mp(b[1], b[header:], true)
	}
	d.lose(bgp.IPv4, bgp.IPv6)
}

// mp reads the available prefixes of MP_REACH_NLRI or MP_UNREACH_NLRI. cut means that the end is
// missing.
func (s *salvage) mp(code uint8, v []byte, cut bool) {
	d := s.d
	if len(v) < 3 {
		d.lose(bgp.IPv4, bgp.IPv6)
		return
	}
	family := AFISAFI{AFI: bgp.AFI(binary.BigEndian.Uint16(v)), SAFI: bgp.SAFI(v[2])}
	if !d.wanted(family, s.o) {
		return
	}
	if code == typeMPUnreach {
		s.withdrawn(v[3:], nlriField{family, true, cut})
		return
	}
	if len(v) < 5 || int(v[3]) > len(v)-5 {
		if f, unicast := family.Unicast(); unicast {
			d.lose(f)
		}
		return
	}
	n := int(v[3])
	if !d.nextHop(v[4:4+n], family.AFI) {
		d.malformed(typeMPReach, "bad length of the next hop", TreatAsWithdraw)
	}
	s.announced(v[5+n:], nlriField{family, true, cut})
}
