package dump

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// BGPDump formats lines as bgpdump -m of version 1.6.2 does, with its conventions
// (docs/interfaces.md, A route, lists the two exceptions); it prints multicast like unicast. Items
// of RIS Live and BMP look like BGP4MP_ET records.
type BGPDump struct {
	walk

	head    []byte // kind, time, letter, peer: the line up to the prefix
	tail    []byte // the rest of an announcement's line after the prefix and its path id
	tailHop netip.Addr
}

// NewBGPDump returns a formatter of the selected lines; nil selects all.
func NewBGPDump(s *Selection) *BGPDump {
	return &BGPDump{walk: walk{selection: s, multicast: true}}
}

// Append appends the lines of it to dst. The error reports that it.Message or the attributes of an
// entry cannot be decoded; the entries before that one are appended.
func (f *BGPDump) Append(dst []byte, it *capture.Item) ([]byte, error) {
	return f.append(dst, it, bgpdumpForm{f})
}

// bgpdumpForm implements form for BGPDump.
type bgpdumpForm struct{ *BGPDump }

func (f bgpdumpForm) message(dst []byte, it *capture.Item, u *wire.Update) []byte {
	addPath := it.AddPathIPv4 || it.AddPathIPv6
	if len(u.Withdrawn) > 0 {
		f.start(it, 'W', it.Peer, addPath)
		for i := range u.Withdrawn {
			n := &u.Withdrawn[i]
			dst = appendPrefix(append(dst, f.head...), n.Prefix)
			if addPath {
				dst = strconv.AppendUint(append(dst, '|'), uint64(n.PathID), 10)
			}
			dst = append(dst, '\n')
		}
	}
	if len(u.Announced) == 0 {
		return dst
	}
	f.start(it, 'A', it.Peer, addPath)
	f.tail = f.tail[:0]
	for i := range u.Announced {
		n := &u.Announced[i]
		if hop := u.NextHop(*n); len(f.tail) == 0 || hop != f.tailHop {
			f.setTail(u, hop)
		}
		dst = appendPrefix(append(dst, f.head...), n.Prefix)
		if addPath {
			dst = strconv.AppendUint(append(dst, '|'), uint64(n.PathID), 10)
		}
		dst = append(dst, f.tail...)
	}
	return dst
}

func (f bgpdumpForm) entry(
	dst []byte, it *capture.Item, e *capture.RIBEntry, u *wire.Update, hop netip.Addr,
) []byte {
	f.start(it, 'B', e.Peer, e.HasPathID)
	f.setTail(u, hop)
	dst = appendPrefix(append(dst, f.head...), it.Prefix)
	if e.HasPathID {
		dst = strconv.AppendUint(append(dst, '|'), uint64(e.PathID), 10)
	}
	return append(dst, f.tail...)
}

func (f bgpdumpForm) state(dst []byte, it *capture.Item) []byte {
	old, now := statesOf(it)
	f.start(it, 0, it.Peer, false)
	dst = strconv.AppendUint(append(dst, f.head...), uint64(old), 10)
	dst = strconv.AppendUint(append(dst, '|'), uint64(now), 10)
	return append(dst, '\n')
}

// statesOf returns the states before and after a change. BMP's Peer Up and Peer Down name no
// states, so they get those of the transition.
func statesOf(it *capture.Item) (old, now bgp.FSMState) {
	switch it.Kind {
	case capture.PeerUp:
		return bgp.OpenConfirm, bgp.Established
	case capture.PeerDown:
		return bgp.Established, bgp.Idle
	case capture.Message, capture.State, capture.RIB, capture.CollectorUp, capture.CollectorDown, capture.Note:
	}
	return it.OldState, it.NewState
}

// start sets head. Letter 0 stands for STATE.
func (f *BGPDump) start(it *capture.Item, letter byte, peer bgp.Peer, addPath bool) {
	kind, micro := kindOf(it)
	h := f.head[:0]
	h = append(h, kind...)
	if addPath && !strings.HasSuffix(kind, "_AP") {
		h = append(h, "_AP"...)
	}
	h = strconv.AppendInt(append(h, '|'), it.Timestamp/1e6, 10)
	if micro {
		h = appendMicros(append(h, '.'), it.Timestamp%1e6)
	}
	h = append(h, '|')
	if letter == 0 {
		h = append(h, "STATE"...)
	} else {
		h = append(h, letter)
	}
	h = appendAddr(append(h, '|'), peer.Address)
	h = strconv.AppendUint(append(h, '|'), uint64(peer.ASN), 10)
	h = append(h, '|')
	f.head = h
}

// kindOf returns bgpdump's name for the record and whether its time has a fraction.
func kindOf(it *capture.Item) (string, bool) {
	switch {
	case strings.HasPrefix(it.Type, "BGP4MP_ET"):
		return it.Type, true
	case strings.HasPrefix(it.Type, "BGP4MP"), strings.HasPrefix(it.Type, "TABLE_DUMP"):
		return it.Type, false
	}
	return "BGP4MP_ET", true
}

// setTail sets tail to the rest of the line after prefix and path id: path, origin, next hop and
// the other attributes.
func (f *BGPDump) setTail(u *wire.Update, hop netip.Addr) {
	a := &u.Attributes
	t := a.Path.AppendText(append(f.tail[:0], '|'))
	switch {
	case a.HasOrigin && a.Origin == 0:
		t = append(t, "|IGP|"...)
	case a.HasOrigin && a.Origin == 1:
		t = append(t, "|EGP|"...)
	default:
		t = append(t, "|INCOMPLETE|"...)
	}
	if hop.IsValid() {
		t = appendAddr(t, hop)
	} else {
		t = append(t, "255.255.255.255"...)
	}
	t = strconv.AppendUint(append(t, '|'), uint64(a.LocalPref), 10)
	t = strconv.AppendUint(append(t, '|'), uint64(a.MED), 10)
	t = append(t, '|')
	for i, c := range a.Communities {
		if i > 0 {
			t = append(t, ' ')
		}
		t = appendCommunity(t, c)
	}
	if a.AtomicAggregate {
		t = append(t, "|AG|"...)
	} else {
		t = append(t, "|NAG|"...)
	}
	f.tail = append(appendAggregator(t, u), "|\n"...)
	f.tailHop = hop
}

// appendCommunity writes a community as bgpdump does, well-known ones (RFC 1997) by name.
func appendCommunity(dst []byte, c uint32) []byte {
	switch c {
	case 0xffffff01:
		return append(dst, "no-export"...)
	case 0xffffff02:
		return append(dst, "no-advertise"...)
	case 0xffffff03:
		return append(dst, "local-AS"...)
	}
	return appendPair(dst, c)
}

// appendAggregator writes the AS number and the address. bgpdump does not apply RFC 7606 §7.7,
// which discards an attribute of wrong length: it reads zeros after the end of the attribute.
func appendAggregator(dst []byte, u *wire.Update) []byte {
	a := u.Attributes.Aggregator
	if !u.Attributes.HasAggregator {
		if u.Attributes.RawAggregator == nil {
			return dst
		}
		var raw [8]byte
		copy(raw[:], u.Attributes.RawAggregator)
		a.ASN, a.Address = bgp.ASN(uint32(raw[0])<<8|uint32(raw[1])), netip.AddrFrom4([4]byte(raw[2:]))
		if u.ASOctets == 4 {
			a.ASN, a.Address = a.ASN<<16|bgp.ASN(uint32(raw[2])<<8|uint32(raw[3])), netip.AddrFrom4([4]byte(raw[4:]))
		}
	}
	if a.Address == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return dst
	}
	dst = strconv.AppendUint(dst, uint64(a.ASN), 10)
	return appendAddr(append(dst, ' '), a.Address)
}
