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
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// The MRT types of the archives (RFC 6396 §4).
const (
	mrtBGP4MPET = 17

	mrtStateChange = 5 // STATE_CHANGE_AS4
	mrtMessage     = 1
	mrtMessageAS4  = 4
)

// fileLength is the time span of an updates file in RIS's archive.
const fileLength = 5 * time.Minute

// WriteArchives writes the archive of a play into dir, in RIS's layout, and returns the path of the
// index.
func (s *Schedule) WriteArchives(dir string, start time.Time, factor float64) (string, error) {
	a := archives{s: s, dir: dir, start: start.UTC(), factor: factor}
	for _, host := range s.Hosts() {
		if err := a.host(host); err != nil {
			return "", err
		}
	}
	path := filepath.Join(dir, "index.tsv")
	if err := os.WriteFile(path, []byte(a.index.String()), 0o600); err != nil {
		return "", fmt.Errorf("writing the index: %w", err)
	}
	return path, nil
}

// archives writes the archives of a play.
type archives struct {
	s      *Schedule
	dir    string
	start  time.Time
	factor float64
	index  strings.Builder
}

// played returns the time in the play of a time in the schedule.
func (a *archives) played(at time.Duration) time.Time {
	return a.start.Add(time.Duration(float64(at) / a.factor))
}

// host writes the files of one collector: successive update files, and a dump every DumpEvery.
func (a *archives) host(host string) error {
	length := a.s.FileLength
	if length == 0 {
		length = fileLength
	}
	held, decode, nextDump := a.s.tables[host].clone(), &wire.Decoder{}, time.Duration(0)
	dump := func() error {
		b, err := held.dump(a.played(nextDump))
		if err != nil {
			return err
		}
		_, err = a.write(host, "rib", a.played(nextDump), a.played(nextDump), b)
		return err
	}
	if err := dump(); err != nil {
		return err
	}
	from, to := time.Duration(0), length
	var b []byte
	flush := func() error {
		_, err := a.write(host, "updates", a.played(from), a.played(to), b)
		from, to, b = to, to+length, nil
		return err
	}
	for i := range a.s.Events {
		e := &a.s.Events[i]
		if e.Host != host {
			continue
		}
		for e.At >= to {
			if err := flush(); err != nil {
				return err
			}
		}
		for a.s.DumpEvery > 0 && e.At >= nextDump+a.s.DumpEvery {
			nextDump += a.s.DumpEvery
			if err := dump(); err != nil {
				return err
			}
		}
		if a.s.DumpEvery > 0 {
			if err := held.hear(decode, e); err != nil {
				return err
			}
		}
		b = e.appendMRT(b, a.played(e.At))
	}
	return flush()
}

// write writes one file and its line in the index, and returns the file's path.
func (a *archives) write(host, kind string, from, to time.Time, records []byte) (string, error) {
	name := map[string]string{"rib": "bview", "updates": "updates"}[kind] +
		from.Format(".20060102.150405") + fmt.Sprintf(".%03d.gz", from.Nanosecond()/1e6)
	path := filepath.Join(a.dir, host, from.Format("2006.01"), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("writing an archive: %w", err)
	}
	f, err := os.Create(path) //nolint:gosec // the test's own folder
	if err != nil {
		return "", fmt.Errorf("writing an archive: %w", err)
	}
	z := gzip.NewWriter(f)
	_, err = z.Write(records)
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	fmt.Fprintf(&a.index, "ris/%s\t%s\t%s\t%s\t%s\n", host, kind, from.Format(time.RFC3339Nano),
		to.Format(time.RFC3339Nano), path)
	return path, nil
}

// appendMRT appends the record of an event: a message or a change of state, as BGP4MP_ET.
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
	body = binary.BigEndian.AppendUint16(append(body, 0, 0), uint16(afi)) // unknown interface
	body = append(append(body, e.Peer.Address.AsSlice()...), local.AsSlice()...)
	if e.Message != nil {
		return appendMRT(b, t, subtype, append(body, e.Message...))
	}
	before := bgp.Established
	if e.State == bgp.Established {
		before = bgp.OpenConfirm
	}
	body = binary.BigEndian.AppendUint16(body, uint16(before))
	return appendMRT(b, t, subtype, binary.BigEndian.AppendUint16(body, uint16(e.State)))
}

// appendMRT appends a record of type BGP4MP_ET (RFC 6396 §3).
func appendMRT(b []byte, t time.Time, subtype uint16, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(t.Unix()))
	b = binary.BigEndian.AppendUint16(b, mrtBGP4MPET)
	b = binary.BigEndian.AppendUint16(b, subtype)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)+4))
	return append(binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()/1000)), body...)
}
