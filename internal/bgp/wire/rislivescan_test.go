package wire_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// escaped makes the JSON parser read a frame that the quick decoder would accept.
func escaped(line []byte) []byte {
	return bytes.Replace(line, []byte(`"ris_message"`), []byte(`"ris\u005fmessage"`), 1)
}

// TestScanRISLive: scanning finds the same fields as the JSON parser.
func TestScanRISLive(t *testing.T) {
	t.Parallel()
	var quick, slow wire.RISLiveDecoder
	for _, file := range risFiles {
		for i, line := range risLines(t, file.name) {
			var a, b wire.RISLiveMessage
			errA, errB := quick.Decode(line, &a), slow.Decode(escaped(line), &b)
			if (errA == nil) != (errB == nil) {
				t.Errorf("%s line %d: %v by scanning, %v by parsing", file.name, i+1, errA, errB)
				continue
			}
			if errA != nil {
				continue
			}
			if diff := cmp.Diff(b, a, cmpopts.EquateComparable(b.Peer), cmpopts.EquateErrors()); diff != "" {
				t.Errorf("%s line %d (-parsed +scanned):\n%s", file.name, i+1, diff)
			}
			var h wire.RISLiveHead
			ok := wire.ScanRISLive(line, &h)
			if want := b.Collector != ""; ok != want {
				t.Errorf("%s line %d: found %v, want %v", file.name, i+1, ok, want)
			}
			if ok && (h.Timestamp != b.Timestamp || !bytes.Equal(h.ID, b.ID)) {
				t.Errorf("%s line %d: head %d %q, want %d %q", file.name, i+1, h.Timestamp, h.ID, b.Timestamp, b.ID)
			}
		}
	}
}

// TestRISLiveTie: the JSON path decides the width of an AS_PATH that parses with both. AS_TRANS
// matches any large number.
func TestRISLiveTie(t *testing.T) {
	t.Parallel()
	body := []byte{0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2, 10, 2, 2, 0xfb, 0xf0, 0xfb, 0xf1, 1, 1, 0x5b, 0xa0, 0x40, 3, 0, 24, 198, 51, 100}
	raw := append(bytes.Repeat([]byte{0xff}, 16), 0, byte(19+len(body)), 2)
	raw = append(raw, body...)
	for path, want := range map[string]uint8{"64496,64497,[198820]": 2, "64496,64497,[23456]": 2, "4227922929,16866208": 4, "64496,64497,[64498]": 4} {
		var d wire.RISLiveDecoder
		var m wire.RISLiveMessage
		if err := d.Decode(risMessage("UPDATE", `"path":[`+path+`],`+rawField(raw)), &m); err != nil {
			t.Fatal(err)
		}
		if m.Options.ASOctets != want {
			t.Errorf("path %s: %d octets, want %d", path, m.Options.ASOctets, want)
		}
	}
}

// TestScanRISLiveRefuses: the scanner never accepts a cut frame or one that is no message.
func TestScanRISLiveRefuses(t *testing.T) {
	t.Parallel()
	whole := risMessage("UPDATE", `"path":[1,[2,3]],"x":{"a\"}":"}"},`+rawField(bytes.Repeat([]byte{0xff}, 23)))
	var h wire.RISLiveHead
	if !wire.ScanRISLive(whole, &h) || h.Timestamp != 1419264900_250000 || string(h.Host) != "rrc21.ripe.net" || string(h.Peer) != "203.0.113.1" {
		t.Fatalf("%s: %+v", whole, h)
	}
	for n := range whole {
		if wire.ScanRISLive(whole[:n], &h) {
			t.Errorf("taken: %s", whole[:n])
		}
	}
	for _, bad := range []string{"", "{}", "[]", "null", `{"type":"ris_message"}`, `{"type":"ris_message","data":[]}`, `{"type":"pong","data":{"timestamp":1,"host":"rrc00"}}`, string(whole) + "x", string(whole) + "\x00"} {
		if wire.ScanRISLive([]byte(bad), &h) {
			t.Errorf("taken: %s", bad)
		}
	}
}

func FuzzScanRISLive(f *testing.F) {
	f.Add(risMessage("UPDATE", rawField(bytes.Repeat([]byte{0xff}, 23))))
	f.Add(risMessage("KEEPALIVE", `"path":[1,[2]],"a":{"b":"\\"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h wire.RISLiveHead
		if wire.ScanRISLive(b, &h) && len(h.Host) > len(b) {
			t.Error("more than there was")
		}
		var d wire.RISLiveDecoder
		var m wire.RISLiveMessage
		_ = d.Decode(b, &m)
	})
}

func BenchmarkRISLiveDecode(b *testing.B) { benchRIS(b, func(line []byte) []byte { return line }) }

func BenchmarkRISLiveDecodeParsed(b *testing.B) { benchRIS(b, escaped) }

func benchRIS(b *testing.B, change func([]byte) []byte) {
	b.Helper()
	lines := risLines(b, "morrowc-1k-msgs")
	for i := range lines {
		lines[i] = change(lines[i])
	}
	var d wire.RISLiveDecoder
	var m wire.RISLiveMessage
	i := 0
	for b.Loop() {
		if err := d.Decode(lines[i%len(lines)], &m); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkScanRISLive(b *testing.B) {
	lines := risLines(b, "morrowc-1k-msgs")
	var h wire.RISLiveHead
	i := 0
	for b.Loop() {
		wire.ScanRISLive(lines[i%len(lines)], &h)
		i++
	}
}
