package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/routeviewstest"
)

var openBMPPeer = routeviewstest.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64496}

func openBMPHeader() routeviewstest.Header {
	return routeviewstest.Header{Collector: "collector-1", Group: "group", Router: netip.MustParseAddr("192.0.2.9"), Timestamp: 1356998024000123}
}

func TestOpenBMP(t *testing.T) {
	t.Parallel()
	down := openBMPPeer.Down(1)
	for name, h := range map[string]routeviewstest.Header{
		"IPv4": openBMPHeader(),
		"IPv6": {Router: netip.MustParseAddr("2001:db8::9"), Timestamp: 5, Collector: "c"},
		"bare": {Router: netip.MustParseAddr("192.0.2.9"), Timestamp: 5},
	} {
		var got wire.OpenBMP
		if err := wire.ParseOpenBMP(h.Wrap(down, down), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := wire.OpenBMP{Timestamp: h.Timestamp, Collector: []byte(h.Collector), Group: []byte(h.Group), Router: h.Router, Rows: 2, BMP: bytes.Join([][]byte{down, down}, nil)}
		if diff := cmp.Diff(want, got, addrs); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestOpenBMPErrors(t *testing.T) {
	t.Parallel()
	sound := openBMPHeader().Wrap(openBMPPeer.Down(1))
	change := func(at int, octets ...byte) []byte {
		b := bytes.Clone(sound)
		copy(b[at:], octets)
		return b
	}
	tests := map[string]struct {
		b    []byte
		want error
	}{
		"empty":               {nil, wire.ErrTruncated},
		"77 octets":           {sound[:77], wire.ErrTruncated},
		"text header":         {append([]byte("V: 1.7\nC_HASH_ID: x\nT: bmp_raw\nL: 3\n\n"), make([]byte, 78)...), wire.ErrUnsupported},
		"version 2.0":         {change(4, 2, 0), wire.ErrUnsupported},
		"short header":        {change(6, 0, 77), wire.ErrBadLength},
		"header beyond":       {change(6, 0xff, 0xff), wire.ErrBadLength},
		"message of 4 GiB":    {change(8, 0xff, 0xff, 0xff, 0xff), wire.ErrBadLength},
		"message of 0":        {change(8, 0, 0, 0, 0), wire.ErrBadLength},
		"an octet is missing": {sound[:len(sound)-1], wire.ErrBadLength},
		"of the collector":    {change(12, 0), wire.ErrUnsupported},
		"type 3":              {change(13, 3), wire.ErrUnsupported},
		"name beyond header":  {change(38, 0xff, 0xff), wire.ErrBadLength},
		"group beyond header": {change(40+11+32, 0xff, 0xff), wire.ErrBadLength},
		"group below header":  {change(40+11+32, 0, 0), wire.ErrBadLength},
	}
	for name, tt := range tests {
		var h wire.OpenBMP
		if err := wire.ParseOpenBMP(tt.b, &h); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

func TestStripFirstAS(t *testing.T) {
	t.Parallel()
	const own, peer, trans = 6447, 64496, 23456
	cat := slices.Concat[[]byte]
	long := func(flags, code byte, v []byte) []byte { return attr(flags, code, v...) }
	update := func(attributes ...[]byte) []byte {
		return message(wire.MessageUpdate, body(net192, net198, attributes...))
	}
	path := func(v []byte) []byte { return update(igp, long(0x40, 2, v), hop) }
	both := func(v, as4 []byte) []byte { return update(long(0x50, 2, v), long(0xc0, 17, as4), hop) }
	tests := map[string]struct {
		in     []byte
		octets uint8
		peer   bgp.ASN
		want   []byte // nil: as it is
		width  uint8
		what   wire.Stripped
	}{
		"4 octets":               {path(seq4(own, peer, 64511)), 4, peer, path(seq4(peer, 64511)), 4, wire.StripPeer},
		"2 octets":               {path(seq2(own, peer, 64511)), 2, peer, path(seq2(peer, 64511)), 2, wire.StripPeer},
		"width of 2 found":       {path(seq2(own, peer, 64511)), 0, peer, path(seq2(peer, 64511)), 2, wire.StripPeer},
		"width of 4 found":       {path(seq4(own, peer)), 0, peer, path(seq4(peer)), 4, wire.StripPeer},
		"segment of its own":     {path(cat(seq4(own), seq4(peer, 64511))), 4, peer, path(seq4(peer, 64511)), 4, wire.StripPeer},
		"extended length":        {update(long(0x50, 2, seq4(own, peer)), igp), 4, peer, update(long(0x50, 2, seq4(peer)), igp), 4, wire.StripPeer},
		"set behind":             {path(cat(seq4(own), segment(4, 1, 64500, 64501))), 4, peer, path(segment(4, 1, 64500, 64501)), 4, wire.StripServer},
		"route server":           {path(seq4(own, 64500, 64501)), 4, peer, path(seq4(64500, 64501)), 4, wire.StripServer},
		"twice":                  {path(seq4(own, own, 64501)), 4, own, path(seq4(own, 64501)), 4, wire.StripPeer},
		"the peer itself":        {path(seq4(own, 64501)), 4, own, nil, 4, wire.StripKept},
		"nothing left":           {path(seq4(own)), 4, peer, nil, 4, wire.StripKept},
		"another first":          {path(seq4(peer, own, 64501)), 4, peer, nil, 4, wire.StripAbsent},
		"a set first":            {path(segment(4, 1, own, 64501)), 4, peer, nil, 4, wire.StripAbsent},
		"empty path":             {path(nil), 4, peer, nil, 0, wire.StripNone},
		"no path":                {message(wire.MessageUpdate, body(net192, nil)), 4, peer, nil, 0, wire.StripNone},
		"malformed path":         {path([]byte{2, 9, 0, 0}), 4, peer, nil, 0, wire.StripNone},
		"malformed list":         {update([]byte{0x40, 2, 99, 1}), 4, peer, nil, 0, wire.StripNone},
		"no UPDATE":              {message(wire.MessageKeepalive, nil), 4, peer, nil, 0, wire.StripNone},
		"not whole":              {path(seq4(own, peer))[:30], 4, peer, nil, 0, wire.StripNone},
		"AS4_PATH as long":       {both(seq2(own, trans, 64501), seq4(own, 4200000000, 64501)), 2, 4200000000, both(seq2(trans, 64501), seq4(4200000000, 64501)), 2, wire.StripPeer},
		"AS4_PATH shorter":       {both(seq2(own, peer, trans), seq4(peer, 4200000000)), 2, peer, both(seq2(peer, trans), seq4(peer, 4200000000)), 2, wire.StripPeer},
		"AS4_PATH with another":  {both(seq2(own, trans), seq4(64500, 4200000000)), 2, peer, nil, 2, wire.StripAbsent},
		"AS4_PATH longer":        {both(seq2(own, peer), seq4(64499, peer, 4200000000)), 2, peer, both(seq2(peer), seq4(64499, peer, 4200000000)), 2, wire.StripPeer},
		"AS4_PATH with 4 octets": {both(seq4(own, peer), seq4(own, peer)), 4, peer, both(seq4(peer), seq4(own, peer)), 4, wire.StripPeer},
	}
	for name, tt := range tests {
		got, width, what := wire.StripFirstAS(make([]byte, 3), tt.in, tt.octets, []bgp.ASN{65000, own}, tt.peer)
		if tt.want == nil {
			tt.want = tt.in
		}
		if !bytes.Equal(got, tt.want) || width != tt.width || what != tt.what {
			t.Errorf("%s: got %x, %d, %v, want %x, %d, %v", name, got, width, what, tt.want, tt.width, tt.what)
		}
	}
}

// TestStripPrepended prepends an AS to the path of every real UPDATE, and strips it again.
func TestStripPrepended(t *testing.T) {
	t.Parallel()
	const own = 64511
	n := 0
	for _, path := range mrtFiles(t) {
		if filepath.Ext(path) == ".bz2" {
			continue
		}
		left := 3000
		realUpdates(t, path, func(number uint64, body []byte, o wire.Options) {
			if left--; left < 0 || o.ASOctets == 0 {
				return
			}
			in := message(wire.MessageUpdate, body)
			if len(in) > 65000 || !soundAttributes(body) {
				return
			}
			prepended := routeviewstest.Prepend(in, int(o.ASOctets), own)
			got, _, what := wire.StripFirstAS(nil, prepended, o.ASOctets, []bgp.ASN{own}, 64496)
			if bytes.Equal(prepended, in) || what == wire.StripKept || what == wire.StripNone {
				return
			}
			var d wire.Decoder
			want, err := d.DecodeUpdate(body, o)
			if err != nil || want.Malformed != nil {
				return
			}
			if what != wire.StripServer || !bytes.Equal(got, in) {
				t.Fatalf("%s: record %d: %v: got %x, want %x", path, number, what, got, in)
			}
			n++
		})
	}
	if n < 1000 {
		t.Errorf("only %d paths were tried", n)
	}
}

// soundAttributes reports whether the list of attributes can be walked.
func soundAttributes(body []byte) bool {
	at := 2 + int(binary.BigEndian.Uint16(body))
	b := body[at+2 : at+2+int(binary.BigEndian.Uint16(body[at:]))]
	for len(b) > 0 {
		if len(b) < 4 {
			return false
		}
		header, n := 3, int(b[2])
		if b[0]&0x10 != 0 {
			header, n = 4, int(binary.BigEndian.Uint16(b[2:]))
		}
		if n > len(b)-header {
			return false
		}
		b = b[header+n:]
	}
	return true
}

func FuzzOpenBMP(f *testing.F) {
	h := openBMPHeader()
	f.Add(h.Wrap(openBMPPeer.Up(1)))
	f.Add(h.Wrap(openBMPPeer.Down(1), openBMPPeer.Monitor(1, message(wire.MessageUpdate, body(net192, nil)))))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h wire.OpenBMP
		var err error
		bounded(t, len(b), func() { err = wire.ParseOpenBMP(b, &h) })
		if err != nil {
			if !errors.Is(err, wire.ErrTruncated) && !errors.Is(err, wire.ErrBadLength) && !errors.Is(err, wire.ErrUnsupported) {
				t.Fatalf("got %v, want one of the sentinels", err)
			}
			return
		}
		if n := 78 + len(h.Collector) + len(h.Group) + len(h.BMP); n != len(b) {
			t.Fatalf("%d of %d octets are accounted for", n, len(b))
		}
	})
}

func FuzzStripFirstAS(f *testing.F) {
	seeds(f, func(body []byte, o wire.Options) {
		m := message(wire.MessageUpdate, body)
		if o.ASOctets != 0 && soundAttributes(body) && len(m) < 60000 {
			m = routeviewstest.Prepend(m, int(o.ASOctets), 64511)
		}
		f.Add(m[wire.HeaderLength:], flags(o))
	})
	f.Fuzz(func(t *testing.T, body []byte, bits byte) {
		if len(body) > 65535-wire.HeaderLength {
			return
		}
		in := message(wire.MessageUpdate, body)
		o := wire.Options{ASOctets: bits & 6, AddPathIPv4: bits&8 != 0, AddPathIPv6: bits&16 != 0}
		var out []byte
		var what wire.Stripped
		var width uint8
		bounded(t, len(body), func() { out, width, what = wire.StripFirstAS(nil, in, o.ASOctets, []bgp.ASN{64511}, 64496) })
		if what < wire.StripPeer {
			if !bytes.Equal(in, out) {
				t.Fatalf("%v, but it was rewritten", what)
			}
			return
		}
		o.ASOctets = width
		var before, after wire.Decoder
		a, errA := before.DecodeUpdate(body, o)
		b, errB := after.DecodeUpdate(out[wire.HeaderLength:], o)
		if (errA == nil) != (errB == nil) {
			t.Fatalf("before %v, after %v", errA, errB)
		}
		if errA != nil || a.Malformed != nil || a.TreatAsWithdraw {
			return
		}
		x, y := ours(a), ours(b)
		want := flat(a.Attributes.Path)
		if diff := cmp.Diff(want[1:], flat(b.Attributes.Path)); diff != "" || want[0] != 64511 {
			t.Fatalf("-want +got\n%s of %v", diff, want)
		}
		x.Path, y.Path = "", ""
		if diff := cmp.Diff(x, y); diff != "" {
			t.Fatalf("-before +after\n%s", diff)
		}
	})
}

// flat returns the ASes of a path.
func flat(p bgp.ASPath) []bgp.ASN {
	out := []bgp.ASN{}
	for _, s := range p {
		out = append(out, s.ASNs...)
	}
	return out
}

func BenchmarkStripFirstAS(b *testing.B) {
	in := routeviewstest.Prepend(message(wire.MessageUpdate, body(nil, net198, igp, path4, hop)), 4, 6447)
	var dst []byte
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		dst, _, _ = wire.StripFirstAS(dst, in, 4, []bgp.ASN{6447}, 64496)
	}
}
