package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/datatest"
)

// allocated returns the octets that the process has allocated since it began.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// bounded runs f and fails if f allocates more than 256 octets for each of n octets of input, plus
// 8 MiB.
func bounded(t *testing.T, n int, f func()) {
	t.Helper()
	before := allocated()
	f()
	// The fuzzing engine allocates in the same process meanwhile. The constant is its share.
	if grown, limit := allocated()-before, uint64(256*n+8<<20); grown > limit {
		t.Fatalf("%d octets of input made %d octets of allocations, want at most %d", n, grown, limit)
	}
}

// hasMRT reports whether the real files are present as seeds. Without them the fuzzers use their
// own.
func hasMRT(f *testing.F) bool {
	f.Helper()
	_, err := os.Stat(filepath.Join(datatest.Root(f), "..", "shared", "data", "mrt"))
	return err == nil
}

// seeds adds the first UPDATEs of every real file that is present.
func seeds(f *testing.F, add func(body []byte, o wire.Options)) {
	f.Helper()
	if hasMRT(f) {
		for _, path := range mrtFiles(f) {
			if filepath.Ext(path) == ".bz2" {
				continue
			}
			left := 20
			realUpdates(f, path, func(_ uint64, body []byte, o wire.Options) {
				if left--; left >= 0 {
					add(body, o)
				}
			})
		}
	}
	add(body(net192, net198, igp, path4, hop, reach6, unreach6), wire.Options{ASOctets: 4})
	add(body(nil, net198, igp, path2, hop, attr(0xc0, 17, seq4(65536)...), attr(0xc0, 7, 1, 2, 3, 4, 5, 6)), wire.Options{ASOctets: 2})
}

func flags(o wire.Options) byte {
	b := o.ASOctets
	if o.AddPathIPv4 {
		b |= 8
	}
	if o.AddPathIPv6 {
		b |= 16
	}
	return b
}

func FuzzDecodeUpdate(f *testing.F) {
	seeds(f, func(body []byte, o wire.Options) { f.Add(body, flags(o)) })
	f.Fuzz(func(t *testing.T, body []byte, flags byte) {
		if len(body) > 65535 {
			return
		}
		o := wire.Options{
			ASOctets: flags & 6, AddPathIPv4: flags&8 != 0, AddPathIPv6: flags&16 != 0, Multicast: flags&32 != 0, NextHopOptional: flags&64 != 0,
		}
		var d wire.Decoder
		var u *wire.Update
		var err error
		bounded(t, len(body), func() { u, err = d.DecodeUpdate(body, o) })
		if err != nil {
			if !errors.Is(err, wire.ErrTruncated) && !errors.Is(err, wire.ErrBadLength) && !errors.Is(err, wire.ErrBadNLRI) {
				t.Fatalf("got %v, want one of the sentinels", err)
			}
			return
		}
		if n := len(u.Withdrawn) + len(u.Announced); n > len(body) {
			t.Fatalf("%d prefixes of %d octets", n, len(body))
		}
		for _, n := range slices.Concat(u.Withdrawn, u.Announced) {
			if n.Prefix != n.Prefix.Masked() || !n.Prefix.IsValid() {
				t.Fatalf("prefix %v is not masked", n.Prefix)
			}
		}
		if u.TreatAsWithdraw && len(u.Announced) > 0 {
			t.Fatal("announcements in a message that is treated as withdrawn")
		}
		if !marksHold(u, o) {
			return
		}
		first := ours(u)
		again(t, u, o, first)
		if want, err := theirs(body, o); err == nil && u.Malformed == nil && o.ASOctets != 0 && len(u.Other) == 0 {
			if diff := cmp.Diff(want, first); diff != "" {
				t.Fatalf("-gobgp +ours\n%s", diff)
			}
		}
	})
}

// marksHold reports whether the marks of ADD-PATH determine the reading of every field, by our
// decoder and by others.
func marksHold(u *wire.Update, o wire.Options) bool {
	for _, n := range slices.Concat(u.Withdrawn, u.Announced) {
		marked, least := o.AddPathIPv4, 8
		if n.Prefix.Addr().Is6() {
			marked, least = o.AddPathIPv6, 16
		}
		if marked && (n.PathID == 0 || n.PathID >= 1<<27) || !marked && (n.PathID != 0 || n.Prefix.Bits() < least) {
			return false
		}
	}
	return true
}

// again encodes a decoded update and decodes the result, which must be the same.
func again(t *testing.T, u *wire.Update, o wire.Options, want routes) {
	t.Helper()
	if u.Malformed != nil || len(u.Other) > 0 {
		return
	}
	var d wire.Decoder
	o.ASOctets = 4
	encoded := encode(u, o)
	if len(encoded) > 65535 {
		return
	}
	second, err := d.DecodeUpdate(encoded, o)
	if err != nil {
		t.Fatalf("decoding again: %v: %x", err, encoded)
	}
	got := ours(second)
	want.Aggregator, got.Aggregator = "", ""
	for _, r := range []*routes{&want, &got} { // the families are sorted out by encoding
		r.Withdrawn, r.Announced = slices.Sorted(slices.Values(r.Withdrawn)), slices.Sorted(slices.Values(r.Announced))
		r.MPNextHop = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-first +again\n%s", diff)
	}
}

// encode encodes an update with 4-octet AS numbers.
func encode(u *wire.Update, o wire.Options) []byte {
	var plain [2][]byte // withdrawn, announced
	var mp [2][3][]byte // by family
	for i, list := range [2][]wire.NLRI{u.Withdrawn, u.Announced} {
		for _, n := range list {
			family := bgp.FamilyOf(n.Prefix)
			to := &plain[i]
			if n.MP {
				to = &mp[i][family]
			}
			if family == bgp.IPv4 && o.AddPathIPv4 || family == bgp.IPv6 && o.AddPathIPv6 {
				*to = binary.BigEndian.AppendUint32(*to, n.PathID)
			}
			*to = append(append(*to, byte(n.Prefix.Bits())), n.Prefix.Addr().AsSlice()[:(n.Prefix.Bits()+7)/8]...)
		}
	}
	var attributes [][]byte
	for family := byte(1); family <= 2; family++ {
		if v := mp[0][family]; v != nil {
			attributes = append(attributes, attr(0x90, 15, slices.Concat([]byte{0, family, 1}, v)...))
		}
		if v := mp[1][family]; v != nil {
			attributes = append(attributes, attr(0x90, 14, slices.Concat([]byte{0, family, 1, 16}, hop6, []byte{0}, v)...))
		}
	}
	return body(plain[0], plain[1], append(attributes, encodeAttributes(&u.Attributes)...)...)
}

func encodeAttributes(a *wire.Attributes) [][]byte {
	var list [][]byte
	if a.HasOrigin {
		list = append(list, attr(0x40, 1, a.Origin))
	}
	var path []byte
	for _, s := range a.Path {
		for part := range slices.Chunk(s.ASNs, 255) {
			path = append(path, byte(s.Type), byte(len(part)))
			for _, asn := range part {
				path = binary.BigEndian.AppendUint32(path, uint32(asn))
			}
		}
	}
	list = append(list, attr(0x50, 2, path...))
	if a.NextHop.IsValid() {
		list = append(list, attr(0x40, 3, a.NextHop.AsSlice()...))
	}
	if a.HasMED {
		list = append(list, attr(0x80, 4, binary.BigEndian.AppendUint32(nil, a.MED)...))
	}
	if a.HasLocalPref {
		list = append(list, attr(0x40, 5, binary.BigEndian.AppendUint32(nil, a.LocalPref)...))
	}
	if a.AtomicAggregate {
		list = append(list, attr(0x40, 6))
	}
	var communities, large []byte
	for _, c := range a.Communities {
		communities = binary.BigEndian.AppendUint32(communities, c)
	}
	for _, c := range a.LargeCommunities {
		for _, part := range c {
			large = binary.BigEndian.AppendUint32(large, part)
		}
	}
	if communities != nil {
		list = append(list, attr(0xd0, 8, communities...))
	}
	if large != nil {
		list = append(list, attr(0xd0, 32, large...))
	}
	return list
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte{4, 0xfb, 0xf0, 0, 180, 192, 0, 2, 1, 0})
	f.Add([]byte{4, 0xfb, 0xf0, 0, 180, 192, 0, 2, 1, 14, 2, 12, 65, 4, 0, 1, 0, 0, 69, 4, 0, 1, 1, 3})
	f.Add([]byte{4, 0xfb, 0xf0, 0, 180, 192, 0, 2, 1, 255, 255, 0, 9, 2, 0, 6, 1, 4, 0, 2, 0, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		var o *wire.Open
		var err error
		bounded(t, len(body), func() { o, err = wire.DecodeOpen(body) })
		if err != nil && !errors.Is(err, wire.ErrTruncated) && !errors.Is(err, wire.ErrBadLength) {
			t.Fatalf("got %v, want one of the sentinels", err)
		}
		if err == nil && len(o.Families)+len(o.AddPath) > len(body) {
			t.Fatalf("%d families of %d octets", len(o.Families)+len(o.AddPath), len(body))
		}
		if _, err := wire.DecodeNotification(body); (err != nil) != (len(body) < 2) {
			t.Fatalf("a NOTIFICATION of %d octets: %v", len(body), err)
		}
	})
}

func FuzzMRT(f *testing.F) {
	if hasMRT(f) {
		for _, path := range mrtFiles(f) {
			start := make([]byte, 8<<10)
			n, _ := io.ReadFull(openMRT(f, path), start) // what a short file brings is enough
			f.Add(start[:n])
		}
	}
	f.Add(slices.Concat(bgp4mp(epoch, body(net192, nil)), []byte("garbage"), bgp4mp(epoch, body(net192, nil))))
	ends := []byte{0xfb, 0xf0, 203, 0, 113, 1, 0xfb, 0xff, 203, 0, 113, 254}
	f.Add(slices.Concat(record(epoch, wire.MRTBGP, 1, slices.Concat(ends, body(net192, nil))), record(epoch, wire.MRTBGP, 3, slices.Concat(ends[:6], []byte{0, 6, 0, 1}))))
	f.Fuzz(func(t *testing.T, file []byte) {
		bounded(t, 16*len(file), func() { readFuzzed(t, file) })
	})
}

// readFuzzed reads and parses every record. The octets of records, damage and padding add up to the
// file.
func readFuzzed(t *testing.T, file []byte) {
	t.Helper()
	r := wire.NewMRTReader(bytes.NewReader(file))
	var d wire.Decoder
	var index wire.MRTPeerIndex
	var rib wire.MRTRIB
	at := int64(0)
	pad := func(to int64) {
		for at < to && file[at] == 0 {
			at++
		}
	}
	for number := uint64(1); ; number++ {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if e, ok := errors.AsType[*wire.MRTError](err); ok {
			if pad(e.Offset); e.Offset != at || e.Skipped <= 0 || e.Number != number {
				t.Fatalf("damage %v at offset %d of record %d", e, at, number)
			}
			at += e.Skipped
			continue
		}
		if pad(rec.Offset); err != nil || rec.Offset != at || rec.Number != number {
			t.Fatalf("record %d at %d, %v; want %d at %d", rec.Number, rec.Offset, err, number, at)
		}
		at = r.Offset()
		switch rec.Class() {
		case wire.MRTPeerIndexRecord:
			_ = rec.PeerIndex(&index)
		case wire.MRTRIBRecord:
			_ = rec.RIB(&rib)
			for _, e := range rib.Entries {
				_, _ = d.DecodeAttributes(e.Attributes, wire.Options{ASOctets: 4})
			}
		default:
			_, _ = describe(&rec)
		}
	}
	if pad(int64(len(file))); at != int64(len(file)) {
		t.Fatalf("%d of %d octets are accounted for", at, len(file))
	}
}
