package wire

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// asTrans replaces an AS number that 2 octets cannot hold (RFC 6793 §9).
const asTrans bgp.ASN = 23456

// attributes decodes the values that depend on several attributes: the AS path and the aggregator
// (RFC 6793 §4.2.3).
func (d *Decoder) attributes(o Options) {
	u, l := &d.update, &d.list
	a := &u.Attributes
	width := d.width(o)
	u.ASOctets = width
	d.aggregator(o, width)
	if !l.has(typeASPath) {
		return
	}
	d.arena = slices.Grow(d.arena, len(l.asPath)+len(l.as4Path)/2)
	path, reason := d.appendPath(d.paths[0][:0], l.asPath, int(width))
	d.paths[0] = path
	if reason != "" {
		d.malformed(typeASPath, reason, TreatAsWithdraw)
		return
	}
	a.Path = path
	if l.noRoute = d.zero; d.zero {
		d.malformed(typeASPath, "holds AS 0", TreatAsWithdraw) // RFC 7607 §2
	}
	if width == 4 || !l.has(typeAS4Path) ||
		(a.HasAggregator && l.has(typeAS4Aggregator) && l.aggregatorASN != asTrans) {
		return
	}
	as4, reason := d.appendPath(d.paths[1][:0], l.as4Path, 4)
	d.paths[1] = as4
	if reason != "" {
		d.malformed(typeAS4Path, reason, AttributeDiscard)
		return
	}
	if d.zero {
		d.malformed(typeAS4Path, "holds AS 0", AttributeDiscard) // RFC 7607 §2, RFC 6793 §6
		return
	}
	d.merge(path, as4)
}

// width returns the number of octets of an AS number: Options.ASOctets if set, else the width with
// which AS_PATH parses to its end. It prefers 4.
func (d *Decoder) width(o Options) uint8 {
	if o.ASOctets == 2 || o.ASOctets == 4 {
		return o.ASOctets
	}
	four, two := pathFits(d.list.asPath, 4), pathFits(d.list.asPath, 2)
	d.update.ASOctetsTied = four && two && len(d.list.asPath) > 0
	if two && !four {
		return 2
	}
	return 4
}

// pathFits reports whether b is a sound AS_PATH with AS numbers of width octets.
func pathFits(b []byte, width int) bool {
	for len(b) > 0 {
		if len(b) < 2 || b[0] < 1 || b[0] > 4 || b[1] == 0 || len(b)-2 < int(b[1])*width {
			return false
		}
		b = b[2+int(b[1])*width:]
	}
	return true
}

// appendPath parses the segments of an AS_PATH or AS4_PATH (RFC 4271 §4.3, RFC 7606 §7.2). It joins
// adjacent AS_SEQUENCEs. It appends the AS numbers to d.arena, which has enough room, and sets
// d.zero if AS 0 is among them. A non-empty reason describes the fault of a malformed path.
func (d *Decoder) appendPath(path []bgp.PathSegment, b []byte, width int) ([]bgp.PathSegment, string) {
	d.zero = false
	for len(b) > 0 {
		if len(b) < 2 {
			return path, "ends within a segment's header"
		}
		kind, n := bgp.SegmentType(b[0]), int(b[1])
		if kind < bgp.ASSet || kind > bgp.ASConfedSet {
			return path, "unknown segment type"
		}
		if n == 0 {
			return path, "empty segment"
		}
		if len(b)-2 < n*width {
			return path, "a segment is longer than the path"
		}
		start := len(d.arena)
		values := b[2 : 2+n*width]
		if width == 4 {
			for ; len(values) >= 4; values = values[4:] {
				a := bgp.ASN(binary.BigEndian.Uint32(values))
				d.zero = d.zero || a == 0
				d.arena = append(d.arena, a)
			}
		} else {
			for ; len(values) >= 2; values = values[2:] {
				a := bgp.ASN(binary.BigEndian.Uint16(values))
				d.zero = d.zero || a == 0
				d.arena = append(d.arena, a)
			}
		}
		path = d.appendSegment(path, kind, start)
		b = b[2+n*width:]
	}
	return path, ""
}

// appendSegment adds the AS numbers from start to the end of the arena to path. They form a segment
// of their own, or extend the last AS_SEQUENCE, whose AS numbers end at start.
func (d *Decoder) appendSegment(path []bgp.PathSegment, kind bgp.SegmentType, start int) []bgp.PathSegment {
	end := len(d.arena)
	if last := len(path) - 1; kind == bgp.ASSequence && last >= 0 && path[last].Type == bgp.ASSequence {
		path[last].ASNs = d.arena[start-len(path[last].ASNs) : end : end]
		return path
	}
	return append(path, bgp.PathSegment{Type: kind, ASNs: d.arena[start:end:end]})
}

// merge builds the path of 4-octet AS numbers from AS_PATH and AS4_PATH (RFC 6793 §4.2.3). If
// AS_PATH is n AS numbers longer than AS4_PATH, it takes the first n of AS_PATH, then all of
// AS4_PATH. Confederation segments do not count. If AS4_PATH is longer, the path remains AS_PATH.
func (d *Decoder) merge(path, as4 []bgp.PathSegment) {
	take := pathLength(path) - pathLength(as4)
	if take < 0 {
		return
	}
	merged := d.paths[2][:0]
	for _, s := range path {
		confed := s.Type == bgp.ASConfedSequence || s.Type == bgp.ASConfedSet
		if take == 0 && !confed {
			break
		}
		asns := s.ASNs
		switch s.Type {
		case bgp.ASSet:
			take--
		case bgp.ASSequence:
			asns = asns[:min(take, len(asns))]
			take -= len(asns)
		case bgp.ASConfedSequence, bgp.ASConfedSet:
		}
		merged = d.copySegment(merged, s.Type, asns)
	}
	for _, s := range as4 {
		if s.Type == bgp.ASSet || s.Type == bgp.ASSequence { // RFC 6793 §6 excludes confederations
			merged = d.copySegment(merged, s.Type, s.ASNs)
		}
	}
	d.paths[2] = merged
	d.update.Attributes.Path = merged
}

func (d *Decoder) copySegment(path []bgp.PathSegment,
	kind bgp.SegmentType, asns []bgp.ASN,
) []bgp.PathSegment {
	start := len(d.arena)
	d.arena = append(d.arena, asns...)
	return d.appendSegment(path, kind, start)
}

// pathLength counts hops as RFC 4271 §9.1.2.2 and RFC 5065 §5.3 do: a set counts as one, a
// confederation segment as none.
func pathLength(path []bgp.PathSegment) int {
	n := 0
	for _, s := range path {
		switch s.Type {
		case bgp.ASSequence:
			n += len(s.ASNs)
		case bgp.ASSet:
			n++
		case bgp.ASConfedSequence, bgp.ASConfedSet:
		}
	}
	return n
}

// aggregator decodes AGGREGATOR, and AS4_AGGREGATOR if AGGREGATOR holds AS_TRANS. If Options do not
// set a width, the length of AGGREGATOR determines it.
func (d *Decoder) aggregator(o Options, width uint8) {
	a := &d.update.Attributes
	if !d.list.has(typeAggregator) {
		return
	}
	raw := a.RawAggregator
	if o.ASOctets == 0 && (len(raw) == 6 || len(raw) == 8) {
		width = uint8(len(raw) - 4)
	}
	if len(raw) != int(width)+4 {
		d.malformed(typeAggregator, "bad length", AttributeDiscard)
		return
	}
	a.HasAggregator = true
	asn := bgp.ASN(binary.BigEndian.Uint16(raw))
	if width == 4 {
		asn = bgp.ASN(binary.BigEndian.Uint32(raw))
	}
	d.list.aggregatorASN = asn
	a.Aggregator = Aggregator{ASN: asn, Address: netip.AddrFrom4([4]byte(raw[width:]))}
	if width == 4 || asn != asTrans || !d.list.has(typeAS4Aggregator) {
		return
	}
	as4 := d.list.as4Aggregator
	if len(as4) != 8 {
		d.malformed(typeAS4Aggregator, "bad length", AttributeDiscard)
		return
	}
	a.Aggregator = Aggregator{
		ASN:     bgp.ASN(binary.BigEndian.Uint32(as4)),
		Address: netip.AddrFrom4([4]byte(as4[4:])),
	}
}
