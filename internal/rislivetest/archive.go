package rislivetest

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// The MRT types that are written (RFC 6396 §4).
const (
	mrtTableDumpV2 = 13
	mrtBGP4MPET    = 17

	mrtPeerIndexTable = 1
	mrtStateChange    = 5 // STATE_CHANGE_AS4
	mrtMessage        = 1
	mrtMessageAS4     = 4
)

// fileLength is what a file of RIS's archive spans.
const fileLength = 5 * time.Minute

// WriteArchives writes what the archive would hold of a play into dir, as RIS lays it out, and returns the path of the index.
func (s *Schedule) WriteArchives(dir string, start time.Time, factor float64) (string, error) {
	start = start.UTC()
	length := s.FileLength
	if length == 0 {
		length = fileLength
	}
	span := time.Duration(float64(length) / factor)
	var index strings.Builder
	for _, host := range s.Hosts() {
		rib := appendMRT(nil, start, mrtTableDumpV2, mrtPeerIndexTable, []byte{192, 0, 2, 254, 0, 0, 0, 0})
		if err := writeArchive(&index, dir, host, "rib", start, start, rib); err != nil {
			return "", err
		}
		from, to := start, start.Add(span)
		var b []byte
		for i := range s.Events {
			e := &s.Events[i]
			if e.Host != host {
				continue
			}
			t := start.Add(time.Duration(float64(e.At) / factor))
			for ; !t.Before(to); from, to, b = to, to.Add(span), nil {
				if err := writeArchive(&index, dir, host, "updates", from, to, b); err != nil {
					return "", err
				}
			}
			b = e.appendMRT(b, t)
		}
		if err := writeArchive(&index, dir, host, "updates", from, to, b); err != nil {
			return "", err
		}
	}
	path := filepath.Join(dir, "index.tsv")
	if err := os.WriteFile(path, []byte(index.String()), 0o600); err != nil {
		return "", fmt.Errorf("writing the index: %w", err)
	}
	return path, nil
}

// writeArchive writes one file and its line of the index.
func writeArchive(index *strings.Builder, dir, host, kind string, from, to time.Time, records []byte) error {
	name := map[string]string{"rib": "bview", "updates": "updates"}[kind] + from.Format(".20060102.150405") + fmt.Sprintf(".%03d.gz", from.Nanosecond()/1e6)
	path := filepath.Join(dir, host, from.Format("2006.01"), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("writing an archive: %w", err)
	}
	f, err := os.Create(path) //nolint:gosec // the test's own folder
	if err != nil {
		return fmt.Errorf("writing an archive: %w", err)
	}
	z := gzip.NewWriter(f)
	_, err = z.Write(records)
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	fmt.Fprintf(index, "ris/%s\t%s\t%s\t%s\t%s\n", host, kind, from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano), path)
	return nil
}

// appendMRT appends the record of an event: BGP4MP_ET, a message or a change of state.
func (e *Event) appendMRT(b []byte, t time.Time) []byte {
	local, afi := netip.AddrFrom4([4]byte{192, 0, 2, 254}), bgp.AFIIPv4
	if e.Peer.Address.Is6() {
		local, afi = netip.MustParseAddr("2001:db8::fe"), bgp.AFIIPv6
	}
	subtype := uint16(mrtMessageAS4)
	switch {
	case e.Message == nil:
		subtype = mrtStateChange
	case e.ASOctets == 2:
		subtype = mrtMessage
	}
	var body []byte
	for _, asn := range []uint32{uint32(e.Peer.ASN), 64496} {
		if subtype == mrtMessage {
			body = binary.BigEndian.AppendUint16(body, uint16(asn))
		} else {
			body = binary.BigEndian.AppendUint32(body, asn)
		}
	}
	body = binary.BigEndian.AppendUint16(append(body, 0, 0), uint16(afi)) // interface index: unknown
	body = append(append(body, e.Peer.Address.AsSlice()...), local.AsSlice()...)
	if e.Message != nil {
		return appendMRT(b, t, mrtBGP4MPET, subtype, append(body, e.Message...))
	}
	before := bgp.Established
	if e.State == bgp.Established {
		before = bgp.OpenConfirm
	}
	body = binary.BigEndian.AppendUint16(body, uint16(before))
	return appendMRT(b, t, mrtBGP4MPET, subtype, binary.BigEndian.AppendUint16(body, uint16(e.State)))
}

// appendMRT appends a record.
func appendMRT(b []byte, t time.Time, kind, subtype uint16, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(t.Unix()))
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, subtype)
	if kind != mrtBGP4MPET {
		return append(binary.BigEndian.AppendUint32(b, uint32(len(body))), body...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)+4))
	return append(binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()/1000)), body...)
}
