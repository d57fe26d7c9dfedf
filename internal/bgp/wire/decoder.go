package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Decoder decodes UPDATEs and path attributes into memory that it reuses. The zero value is ready.
// It is not safe for concurrent use.
type Decoder struct {
	update Update
	list   attributeList
	arena  []bgp.ASN
	zero   bool                 // the path parsed last contains AS 0
	paths  [3][]bgp.PathSegment // AS_PATH, AS4_PATH, and both merged
}

// DecodeUpdate parses the body of one UPDATE, without the 19-octet header (RFC 4271 §4.3, RFC 4760
// §3 and §4, RFC 6793, RFC 7911). The result is valid until the next call of d. Of the result only
// RawAggregator refers to body. DecodeUpdate applies the remedy of RFC 7606 to a malformed
// attribute and records it in Update.Malformed. The error is non-nil if the message cannot be
// framed (ErrTruncated, ErrBadLength) or its prefixes cannot be read (ErrBadNLRI). Salvage then
// finds the parts that count.
func (d *Decoder) DecodeUpdate(body []byte, o Options) (*Update, error) {
	d.reset(o)
	u := &d.update
	withdrawn, attributes, nlri, err := splitUpdate(body)
	if err != nil {
		return nil, err
	}
	if u.Withdrawn, err = appendIPv4(u.Withdrawn, withdrawn, o.AddPathIPv4, false); err != nil {
		return nil, fmt.Errorf("decoding withdrawn routes: %w", err)
	}
	if u.Announced, err = appendIPv4(u.Announced, nlri, o.AddPathIPv4, false); err != nil {
		return nil, fmt.Errorf("decoding NLRI: %w", err)
	}
	if err := d.walk(attributes, o, false); err != nil {
		return nil, err
	}
	d.attributes(o)
	d.require(len(nlri) > 0 && !o.NextHopOptional)
	if u.TreatAsWithdraw {
		u.Withdrawn = append(u.Withdrawn, u.Announced...)
		u.Announced = u.Announced[:0]
	}
	if len(body) == 4 {
		u.EndOfRIB = append(u.EndOfRIB, bgp.IPv4)
	}
	if d.list.count != 1 || len(withdrawn) > 0 || len(nlri) > 0 {
		d.list.emptyUnreach = 0
	}
	if d.list.emptyUnreach != 0 {
		u.EndOfRIB = append(u.EndOfRIB, d.list.emptyUnreach)
	}
	return u, nil
}

// DecodeAttributes parses the path attributes of one RIB entry (RFC 6396 §4.3.4). MP_REACH_NLRI may
// have the short form, the next hop and its length alone, or the full form of an UPDATE.
// TreatAsWithdraw is set only for a path with AS 0, which is no route (RFC 7607): any other entry
// is in the table. Update.Malformed holds a fault, and no attribute is mandatory. Announced and
// Withdrawn hold the prefixes of full NLRI attributes. The error is non-nil if those cannot be
// read.
func (d *Decoder) DecodeAttributes(attributes []byte, o Options) (*Update, error) {
	d.reset(o)
	if err := d.walk(attributes, o, true); err != nil {
		return nil, err
	}
	d.attributes(o)
	d.update.TreatAsWithdraw = d.list.noRoute
	return &d.update, nil
}

func (d *Decoder) reset(o Options) {
	u := &d.update
	*u = Update{
		Withdrawn: u.Withdrawn[:0], Announced: u.Announced[:0], EndOfRIB: u.EndOfRIB[:0], Other: u.Other[:0],
		Unknown: u.Unknown[:0], Lost: u.Lost[:0],
		ASOctets: o.ASOctets,
		Attributes: Attributes{
			Communities:      u.Attributes.Communities[:0],
			LargeCommunities: u.Attributes.LargeCommunities[:0],
		},
	}
	d.list = attributeList{}
	d.arena = d.arena[:0]
}

// splitUpdate splits the body of an UPDATE into its three fields.
func splitUpdate(b []byte) (withdrawn, attributes, nlri []byte, err error) {
	if len(b) < 4 {
		return nil, nil, nil, fmt.Errorf("decoding an UPDATE of %d octets: %w", len(b), ErrTruncated)
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b)-4 {
		return nil, nil, nil, fmt.Errorf("decoding an UPDATE: %d octets of withdrawn routes in %d: %w",
			n, len(b), ErrBadLength)
	}
	withdrawn, b = b[2:2+n], b[2+n:]
	n = int(binary.BigEndian.Uint16(b))
	if n > len(b)-2 {
		return nil, nil, nil, fmt.Errorf("decoding an UPDATE: %d octets of path attributes in %d: %w",
			n, len(b)-2, ErrBadLength)
	}
	return withdrawn, b[2 : 2+n], b[2+n:], nil
}

// malformed applies the remedy of a fault. It records the first fault with the strongest remedy.
func (d *Decoder) malformed(code uint8, reason string, remedy Remedy) {
	u := &d.update
	if remedy == TreatAsWithdraw {
		u.TreatAsWithdraw = true
	}
	first, _ := u.Malformed.(*AttributeError) //nolint:errorlint // it is ours and never wrapped
	if first == nil || first.Remedy < remedy {
		u.Malformed = &AttributeError{Type: code, Reason: reason, Remedy: remedy}
	}
}

// require checks that a message with announcements has the well-known mandatory attributes (RFC
// 7606 §3 d).
func (d *Decoder) require(nextHop bool) {
	u := &d.update
	if len(u.Announced) == 0 {
		return
	}
	switch {
	case !d.list.has(typeOrigin):
		d.malformed(typeOrigin, "missing", TreatAsWithdraw)
	case !d.list.has(typeASPath):
		d.malformed(typeASPath, "missing", TreatAsWithdraw)
	case nextHop && !d.list.has(typeNextHop):
		d.malformed(typeNextHop, "missing", TreatAsWithdraw)
	}
}
