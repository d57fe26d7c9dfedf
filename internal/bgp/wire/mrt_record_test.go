package wire_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// describe parses a record with the parser of its class and returns its content in words.
func describe(rec *wire.MRTRecord) (string, error) {
	switch rec.Class() {
	case wire.MRTMessageRecord:
		m, err := rec.Message()
		return fmt.Sprintf("%v %v of %v %v, %d octets, add-path %v, local %v: %d",
			m.PeerASN, m.PeerAddress, m.LocalASN, m.LocalAddress, m.ASOctets, m.AddPath, m.Local, len(m.Message)), err
	case wire.MRTStateRecord:
		s, err := rec.StateChange()
		return fmt.Sprintf("%v %v of %v %v: %v to %v", s.PeerASN, s.PeerAddress, s.LocalASN, s.LocalAddress, s.Old, s.New), err
	case wire.MRTPeerIndexRecord:
		var x wire.MRTPeerIndex
		err := rec.PeerIndex(&x)
		return fmt.Sprintf("%v %q %v", x.CollectorBGPID, x.ViewName, x.Peers), err
	case wire.MRTRIBRecord:
		var rib wire.MRTRIB
		err := rec.RIB(&rib)
		return fmt.Sprintf("%d %v add-path %v %v", rib.Sequence, rib.Prefix, rib.AddPath, rib.Entries), err
	case wire.MRTTableDumpRecord:
		r, err := rec.TableDump()
		return fmt.Sprintf("%v %v %v %d %d octets %v", r.Prefix, r.PeerASN, r.PeerAddress, r.Originated, r.ASOctets, r.Attributes), err
	case wire.MRTOther:
	}
	return "other", nil
}

func TestMRTRecords(t *testing.T) {
	t.Parallel()
	v4 := []byte{0, 1, 0, 1, 203, 0, 113, 1, 203, 0, 113, 2}
	v6 := slices.Concat([]byte{0, 1, 0, 2}, hop6, local6)
	as2, as4 := []byte{0xfb, 0xf0, 0xfb, 0xf1}, []byte{0, 1, 0, 0, 0, 0, 0xfb, 0xf1}
	keepalive := message(wire.MessageKeepalive, nil)
	entry := []byte{0, 0, 0, 0, 0, 9, 0, 2, 1, 2}
	bgp, et, v1, v2 := wire.MRTBGP4MP, wire.MRTBGP4MPET, wire.MRTTableDump, wire.MRTTableDumpV2
	tests := map[string]struct {
		kind    wire.MRTType
		subtype uint16
		body    []byte
		format  string
		want    string
		err     error
	}{
		"message": {bgp, 1, slices.Concat(as2, v4, keepalive), "BGP4MP", "AS64496 203.0.113.1 of AS64497 203.0.113.2, 2 octets, add-path false, local false: 19", nil},
		"AS4":     {bgp, 4, slices.Concat(as4, v4, keepalive), "BGP4MP", "AS65536 203.0.113.1 of AS64497 203.0.113.2, 4 octets, add-path false, local false: 19", nil},
		"IPv6":    {et, 4, slices.Concat(as4, v6, keepalive), "BGP4MP_ET", "AS65536 2001:db8::1 of AS64497 fe80::1, 4 octets, add-path false, local false: 19", nil},
		"local":   {et, 6, slices.Concat(as2, v4, keepalive), "BGP4MP_ET_LOCAL", "AS64496 203.0.113.1 of AS64497 203.0.113.2, 2 octets, add-path false, local true: 19", nil},
		"local 4": {bgp, 7, slices.Concat(as4, v4, keepalive), "BGP4MP_LOCAL", "AS65536 203.0.113.1 of AS64497 203.0.113.2, 4 octets, add-path false, local true: 19", nil},
		"AP":      {bgp, 8, slices.Concat(as2, v4, keepalive), "BGP4MP_AP", "AS64496 203.0.113.1 of AS64497 203.0.113.2, 2 octets, add-path true, local false: 19", nil},
		"AP 4":    {et, 9, slices.Concat(as4, v4, keepalive), "BGP4MP_ET_AP", "AS65536 203.0.113.1 of AS64497 203.0.113.2, 4 octets, add-path true, local false: 19", nil},
		"local AP 4": {
			bgp, 11, slices.Concat(as4, v4, keepalive), "BGP4MP_LOCAL_AP", "AS65536 203.0.113.1 of AS64497 203.0.113.2, 4 octets, add-path true, local true: 19", nil,
		},
		"Zebra's OPEN":            {bgp, 1, slices.Concat(as2, keepalive), "BGP4MP", "AS64496 0.0.0.0 of AS64497 0.0.0.0, 2 octets, add-path false, local false: 19", nil},
		"message is cut":          {bgp, 1, as2, "BGP4MP", "", wire.ErrTruncated},
		"addresses are cut":       {bgp, 1, slices.Concat(as2, v4[:9]), "BGP4MP", "", wire.ErrTruncated},
		"family 3":                {bgp, 1, slices.Concat(as2, []byte{0, 0, 0, 3}, v4), "BGP4MP", "", wire.ErrUnsupported},
		"state":                   {bgp, 0, slices.Concat(as2, v4, []byte{0, 6, 0, 1}), "BGP4MP", "AS64496 203.0.113.1 of AS64497 203.0.113.2: established to idle", nil},
		"state of AS4":            {et, 5, slices.Concat(as4, v6, []byte{0, 5, 0, 6}), "BGP4MP_ET", "AS65536 2001:db8::1 of AS64497 fe80::1: openconfirm to established", nil},
		"Zebra's state":           {bgp, 0, slices.Concat(as2, []byte{0, 6, 0, 1}), "BGP4MP", "AS64496 0.0.0.0 of AS64497 0.0.0.0: established to idle", nil},
		"state is cut":            {bgp, 0, slices.Concat(as2, v4, []byte{0, 6, 0}), "BGP4MP", "", wire.ErrTruncated},
		"entry of old":            {bgp, 2, []byte{1}, "MRT_16_2", "other", nil},
		"OSPF":                    {11, 0, nil, "MRT_11_0", "other", nil},
		"table dump":              {v1, 1, slices.Concat([]byte{0, 0, 0, 1, 198, 51, 100, 7, 24, 1, 0, 0, 0, 9, 203, 0, 113, 1, 0xfb, 0xf0, 0, 2, 1, 2}), "TABLE_DUMP", "198.51.100.0/24 AS64496 203.0.113.1 9 2 octets [1 2]", nil},
		"table dump, IPv6":        {v1, 2, slices.Concat([]byte{0, 0, 0, 1}, hop6, []byte{32, 1, 0, 0, 0, 9}, hop6, []byte{0xfb, 0xf0, 0, 0}), "TABLE_DUMP", "2001:db8::/32 AS64496 2001:db8::1 9 2 octets []", nil},
		"table dump, 4 octets":    {v1, 3, slices.Concat([]byte{0, 0, 0, 1, 198, 51, 100, 0, 24, 1, 0, 0, 0, 9, 203, 0, 113, 1, 0, 1, 0, 0, 0, 0}), "TABLE_DUMP", "198.51.100.0/24 AS65536 203.0.113.1 9 4 octets []", nil},
		"table dump, /33":         {v1, 1, slices.Concat([]byte{0, 0, 0, 1, 198, 51, 100, 7, 33, 1, 0, 0, 0, 9, 203, 0, 113, 1, 0xfb, 0xf0, 0, 0}), "TABLE_DUMP", "", wire.ErrBadNLRI},
		"table dump, length lies": {v1, 1, slices.Concat([]byte{0, 0, 0, 1, 198, 51, 100, 7, 24, 1, 0, 0, 0, 9, 203, 0, 113, 1, 0xfb, 0xf0, 0, 3, 1, 2}), "TABLE_DUMP", "", wire.ErrBadLength},
		"table dump is cut":       {v1, 1, []byte{0, 0, 0, 1, 198, 51, 100, 7, 24}, "TABLE_DUMP", "", wire.ErrTruncated},
		"peers": {
			v2, 1, slices.Concat([]byte{192, 0, 2, 1, 0, 2, 'r', 'v', 0, 2, 0, 192, 0, 2, 9, 203, 0, 113, 1, 0xfb, 0xf0, 3, 192, 0, 2, 8}, hop6, []byte{0, 1, 0, 0}),
			"TABLE_DUMP2", `192.0.2.1 "rv" [{192.0.2.9 203.0.113.1 AS64496} {192.0.2.8 2001:db8::1 AS65536}]`, nil,
		},
		"peers are cut":         {v2, 1, []byte{192, 0, 2, 1, 0, 0, 0, 2, 0, 192, 0, 2, 9, 203, 0, 113, 1, 0xfb, 0xf0, 3, 192}, "TABLE_DUMP2", "", wire.ErrTruncated},
		"octets follow peers":   {v2, 1, []byte{192, 0, 2, 1, 0, 0, 0, 1, 0, 192, 0, 2, 9, 203, 0, 113, 1, 0, 0, 0xfb, 0xf0}, "TABLE_DUMP2", "", wire.ErrBadLength},
		"rib, AP not marked":    {v2, 2, slices.Concat([]byte{0, 0, 0, 5, 24, 198, 51, 100, 0, 1, 0, 7, 0, 0, 0, 9, 0, 0, 0, 3, 0, 1, 8}), "TABLE_DUMP2", "5 198.51.100.0/24 add-path true [{7 9 3 [8]}]", nil},
		"rib, AP mark alone":    {v2, 8, slices.Concat([]byte{0, 0, 0, 5, 24, 198, 51, 100, 0, 1}, entry), "TABLE_DUMP2_AP", "5 198.51.100.0/24 add-path false [{0 9 0 [1 2]}]", nil},
		"name lies":             {v2, 1, []byte{192, 0, 2, 1, 0, 9, 0, 0}, "TABLE_DUMP2", "", wire.ErrTruncated},
		"rib":                   {v2, 2, slices.Concat([]byte{0, 0, 0, 5, 24, 198, 51, 100, 0, 1}, entry), "TABLE_DUMP2", "5 198.51.100.0/24 add-path false [{0 9 0 [1 2]}]", nil},
		"rib, IPv6":             {v2, 4, slices.Concat([]byte{0, 0, 0, 5}, db8, []byte{0, 1}, entry), "TABLE_DUMP2", "5 2001:db8::/32 add-path false [{0 9 0 [1 2]}]", nil},
		"rib, AP":               {v2, 8, slices.Concat([]byte{0, 0, 0, 5, 24, 198, 51, 100, 0, 1, 0, 7, 0, 0, 0, 9, 0, 0, 0, 3, 0, 1, 8}), "TABLE_DUMP2_AP", "5 198.51.100.0/24 add-path true [{7 9 3 [8]}]", nil},
		"rib, generic":          {v2, 6, slices.Concat([]byte{0, 0, 0, 5, 0, 1, 1, 24, 198, 51, 100, 0, 1}, entry), "TABLE_DUMP2", "5 198.51.100.0/24 add-path false [{0 9 0 [1 2]}]", nil},
		"rib, generic VPN":      {v2, 6, slices.Concat([]byte{0, 0, 0, 5, 0, 1, 128, 24, 198, 51, 100, 0, 1}, entry), "TABLE_DUMP2", "", wire.ErrUnsupported},
		"rib, multicast":        {v2, 3, slices.Concat([]byte{0, 0, 0, 5, 24, 198, 51, 100, 0, 1}, entry), "TABLE_DUMP2", "", wire.ErrUnsupported},
		"rib, host bits":        {v2, 2, slices.Concat([]byte{0, 0, 0, 5, 20, 198, 51, 111, 0, 1}, entry), "TABLE_DUMP2", "5 198.51.96.0/20 add-path false [{0 9 0 [1 2]}]", nil},
		"rib, /33":              {v2, 2, slices.Concat([]byte{0, 0, 0, 5, 33, 198, 51, 100, 0, 0, 0, 1}, entry), "TABLE_DUMP2", "", wire.ErrBadNLRI},
		"rib, /255":             {v2, 4, slices.Concat([]byte{0, 0, 0, 5, 255}, make([]byte, 40)), "TABLE_DUMP2", "", wire.ErrBadNLRI},
		"rib, count lies":       {v2, 2, slices.Concat([]byte{0, 0, 0, 5, 24, 198, 51, 100, 0xff, 0xff}, entry), "TABLE_DUMP2", "5 198.51.100.0/24 add-path false [{0 9 0 [1 2]}]", wire.ErrTruncated},
		"rib, attributes lie":   {v2, 2, slices.Concat([]byte{0, 0, 0, 5, 24, 198, 51, 100, 0, 1}, entry[:9]), "TABLE_DUMP2", "", wire.ErrBadLength},
		"rib is cut":            {v2, 2, []byte{0, 0, 0, 5, 24, 198}, "TABLE_DUMP2", "", wire.ErrTruncated},
		"rib, nothing":          {v2, 2, nil, "TABLE_DUMP2", "", wire.ErrTruncated},
		"rib, generic, nothing": {v2, 6, []byte{0, 0}, "TABLE_DUMP2", "", wire.ErrUnsupported},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := wire.MRTRecord{Type: tt.kind, Subtype: tt.subtype, Body: tt.body}
			got, err := describe(&rec)
			if !errors.Is(err, tt.err) || rec.Format() != tt.format {
				t.Errorf("body %x: got %s, %v, want %s, %v", tt.body, rec.Format(), err, tt.format, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" && tt.want != "" {
				t.Errorf("body %x: -want +got\n%s", tt.body, diff)
			}
		})
	}
}

// TestMRTMicroseconds reads the time of BGP4MP_ET.
func TestMRTMicroseconds(t *testing.T) {
	t.Parallel()
	r := wire.NewMRTReader(strings.NewReader(string(record(epoch, wire.MRTBGP4MPET, 4, []byte{0, 0, 0, 123, 'b'})) +
		string(record(epoch, wire.MRTBGP4MPET, 4, []byte{0, 0}))))
	rec, err := r.Next()
	if err != nil || rec.Timestamp != epoch*1e6+123 || string(rec.Body) != "b" {
		t.Errorf("got %d, %q, %v, want %d with body b", rec.Timestamp, rec.Body, err, int64(epoch*1e6+123))
	}
	if _, err := r.Next(); !errors.Is(err, wire.ErrBadLength) {
		t.Errorf("a body of 2 octets: got %v, want %v", err, wire.ErrBadLength)
	}
}
