package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// with returns b with its octets from at on replaced.
func with(b []byte, at int, octets ...byte) []byte {
	b = slices.Clone(b)
	copy(b[at:], octets)
	return b
}

// random returns a mebibyte of random octets.
func random() []byte {
	b := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

type damage struct {
	Number uint64
	Offset int64
	Reason capture.Reason
	Raw    int // octets
}

func TestDamage(t *testing.T) {
	t.Parallel()
	one, ten := len(mrtUpdate(start)), mrtUpdates(10)
	lying := with(ten, 3*one+8, 0xff, 0xff, 0xff, 0xff)
	bmpOne, session := len(bmpUpdate()), bmpSession(10)
	bmpAt := len(session) - 4*bmpOne
	line := len(risLine(0))
	badRaw := bytes.Replace(risLines(3), []byte(`"raw":"FF`), []byte(`"raw":"`), 1)
	long := `{"type":"ris_message","data":"` + strings.Repeat("x", 3<<20) + `"}` + "\n"
	for _, tc := range []struct {
		name  string
		input []byte
		items uint64 // without notes
		want  []damage
	}{
		{"empty", nil, 0, []damage{{0, 0, capture.Empty, 0}}},
		{"empty gzip", gz(t, nil), 0, []damage{{0, 0, capture.Empty, 0}}},
		{"empty zstd", zst(t, []byte{}, zstd.WithZeroFrames(true)), 0, []damage{{0, 0, capture.Empty, 0}}},
		{"text", []byte("hello, world\nthis is no capture\n"), 0, []damage{{0, 0, capture.UnknownFormat, 0}}},
		{"web page", []byte("<!DOCTYPE html><html>404</html>"), 0, []damage{{0, 0, capture.UnknownFormat, 0}}},
		{"other JSON", []byte(`{"a":1}` + "\n" + `{"a":2}` + "\n"), 0, []damage{{1, 0, capture.UnknownFormat, 7}}},
		{"pcap", join([]byte{0xd4, 0xc3, 0xb2, 0xa1}, make([]byte, 100)), 0, []damage{{0, 0, capture.UnknownFormat, 0}}},
		{"random", random(), 0, []damage{{0, 0, capture.UnknownFormat, 0}}},
		{"zeros", make([]byte, 1<<20), 0, []damage{{0, 0, capture.UnknownFormat, 0}}},
		{"gzip in gzip", gz(t, gz(t, ten)), 0, []damage{{0, 0, capture.NestedCompression, 0}}},
		{"zstd in gzip", gz(t, zst(t, ten)), 0, []damage{{0, 0, capture.NestedCompression, 0}}},
		{"gzip header cut", gz(t, ten)[:5], 0, []damage{{0, 0, capture.Truncated, 0}}},
		{"gzip cut", stored(t, ten)[:15+3*one+40], 3, []damage{{4, int64(3 * one), capture.Truncated, 0}}},
		{"gzip checksum", with(gz(t, ten), len(gz(t, ten))-8, 1, 2, 3, 4), 10, []damage{{10, int64(10 * one), capture.BadCompression, 0}}},
		{"gzip, then garbage", join(gz(t, ten), []byte("garbage, garbage, garbage")), 10, []damage{{10, int64(10 * one), capture.BadCompression, 0}}},
		{"zstd window", zst(t, make([]byte, 64<<20), zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false)), 0, []damage{{0, 0, capture.BadCompression, 0}}},

		{"MRT header cut", ten[:9*one+5], 9, []damage{{10, int64(9 * one), capture.Truncated, 0}}},
		{"MRT body cut", ten[:9*one+40], 9, []damage{{10, int64(9 * one), capture.Truncated, 0}}},
		{"MRT length lies", lying, 9, []damage{{4, int64(3 * one), capture.BadLength, 0}}},
		{"MRT first length lies", with(ten, 8, 0xff, 0xff), 9, []damage{{1, 0, capture.BadLength, 0}}},
		{"MRT type unknown", with(ten, 3*one+4, 0x99), 9, nil},
		{"MRT type and length wrong", with(ten, 3*one+4, 0x99, 0, 0, 0, 0, 1), 9, []damage{{4, int64(3 * one), capture.BadHeader, 0}}},
		{"MRT length hides a record", with(ten, 3*one+8, binary.BigEndian.AppendUint32(nil, uint32(2*one-12))...), 9, []damage{{4, int64(3 * one), capture.BadRecord, 2 * one}}},
		{"MRT first octets lost", ten[7:], 9, []damage{{1, 0, capture.BadLength, 0}}},
		{"MRT body too short", join(ten[:one], mrt(start, 16, 4, []byte{1, 2, 3}), ten[one:]), 10, []damage{{2, int64(one), capture.BadRecord, 15}}},
		{"MRT marker wrong", with(ten, one+12+20, 0), 10, nil}, // reported by the decoder of the message
		{"MRT message cut", join(ten[:one], mrt(start, 16, 4, ten[12:one-3]), ten[one:]), 11, nil},
		{"MRT padding", join(ten[:one], mrt(start, 16, 4, join(ten[12:one], make([]byte, 9))), make([]byte, 100), ten[one:], make([]byte, 7)), 11, nil},
		{"MRT peer index with octets left over", join(mrt(start, 13, 1, join(peerIndex()[12:], []byte{1})), rib(0), rib(0)), 0, []damage{{1, 0, capture.BadRecord, len(peerIndex()) + 1}}},
		{"MRT RIB without peers", join(rib(0), peerIndex(), rib(0)), 1, []damage{{1, 0, capture.BadRecord, len(rib(0))}}},
		{
			"MRT length hides a table's entry", join(peerIndex(), mrt(start, 13, 2, join(rib(0)[12:], rib(0)[12:])), rib(0)), 2,
			[]damage{{2, int64(len(peerIndex())), capture.BadRecord, 2*len(rib(0)) - 12}},
		},
		{"MRT RIB peer unknown", join(peerIndex(), rib(0, 7), rib(0)), 2, []damage{{2, int64(len(peerIndex())), capture.BadRecord, len(rib(0, 7))}}},

		{"BMP cut", session[:len(session)-5], 11, []damage{{12, int64(len(session) - bmpOne), capture.Truncated, bmpOne - 5}}},
		{"BMP length 0", with(session, bmpAt+1, 0, 0, 0, 0), 11, []damage{{9, int64(bmpAt), capture.BadLength, bmpOne}}},
		{"BMP length 2^32-1", with(session, bmpAt+1, 0xff, 0xff, 0xff, 0xff), 11, []damage{{9, int64(bmpAt), capture.BadLength, bmpOne}}},
		{"BMP version 4", with(session, bmpAt, 4), 11, []damage{{9, int64(bmpAt), capture.BadHeader, bmpOne}}},
		{"BMP Peer Down without a reason", join(session, bmp(2, bmpPeer())), 13, []damage{{13, int64(len(session)), capture.BadRecord, 48}}},
		{"BMP marker wrong", with(session, bmpAt+48, 0), 12, nil},
		{
			"BMP statistics lie", join(session, bmp(1, bmpPeer(0xff, 0xff, 0xff, 0xff)), bmpUpdate()), 13,
			[]damage{{13, int64(len(session)), capture.BadRecord, 52}},
		},

		{"RIS Live cut", risLines(3)[:3*line-20], 2, []damage{{3, int64(2 * line), capture.Truncated, line - 20}}},
		{"RIS Live no JSON", join(risLine(0), []byte("?\n"), risLine(0)), 2, []damage{{2, int64(line), capture.BadRecord, 1}}},
		{"RIS Live other JSON", join(risLine(0), []byte("{}\n"), risLine(0)), 2, []damage{{2, int64(line), capture.BadRecord, 2}}},
		{"RIS Live nested", join(risLine(0), bytes.Repeat([]byte("["), 1<<16), []byte("\n"), risLine(0)), 2, []damage{{2, int64(line), capture.BadRecord, 1 << 16}}},
		{"RIS Live long", join(risLine(0), []byte(long), risLine(0)), 2, []damage{{2, int64(line), capture.BadLength, capture.MaxRaw}}},
		{"RIS Live raw cut", badRaw, 3, []damage{{1, 0, capture.BadRecord, line - 3}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, read := range []struct {
				how string
				r   io.Reader
			}{{"at once", bytes.NewReader(tc.input)}, {"octet by octet", iotest.OneByteReader(bytes.NewReader(tc.input))}} {
				r, err := capture.New(read.r, "name")
				if err != nil {
					t.Fatal(err)
				}
				res := readAll(t, r)
				var got []damage
				for _, d := range res.damages {
					got = append(got, damage{d.Number, d.Offset, d.Reason, len(d.Raw)})
					if whole := d.NoCapture() || d.Reason == capture.Empty; d.File != "name" || d.Err == nil || strings.HasPrefix(d.Error(), "name: record ") == whole {
						t.Errorf("damage: got %v", d)
					}
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s: damages: -want +got\n%s%v", read.how, diff, res.damages)
				}
				if got := res.stats.Items - uint64(res.kinds[capture.Note]); got != tc.items {
					t.Errorf("%s: items: got %d (%v), want %d", read.how, got, res.kinds, tc.items)
				}
				if got, want := res.stats.FileBytes, int64(len(tc.input)); len(givenUp(tc.want)) == 0 && got != want {
					t.Errorf("%s: octets read: got %d, want %d", read.how, got, want)
				}
			}
		})
	}
}

// givenUp returns the damages after which the rest of a file is not read.
func givenUp(want []damage) []damage {
	return slices.DeleteFunc(slices.Clone(want), func(d damage) bool {
		return d.Reason != capture.UnknownFormat && d.Reason != capture.NestedCompression && d.Reason != capture.BadCompression
	})
}

// TestDamageRaw checks that the raw octets of a bad record are the octets of that record.
func TestDamageRaw(t *testing.T) {
	t.Parallel()
	bad := mrt(start+1, 17, 4, append([]byte{0, 0, 1, 2}, 9, 9, 9))
	r, err := capture.New(bytes.NewReader(join(mrtUpdate(start), bad, mrtUpdate(start))), "x")
	if err != nil {
		t.Fatal(err)
	}
	res := readAll(t, r)
	if len(res.damages) != 1 || !bytes.Equal(res.damages[0].Raw, bad) {
		t.Errorf("got %v, want the raw octets %x", res.damages, bad)
	}
	if !errors.Is(res.damages[0], wire.ErrTruncated) {
		t.Errorf("got %v, want it to wrap %v", res.damages[0], wire.ErrTruncated)
	}
}

func TestReadFailure(t *testing.T) {
	t.Parallel()
	fault := errors.New("the disk is gone")
	for _, packed := range []bool{false, true} {
		input := mrtUpdates(10_000)
		if packed {
			input = gz(t, join(input, random()))
		}
		input = input[:600_000]
		r, err := capture.New(io.MultiReader(bytes.NewReader(input), iotest.ErrReader(fault)), "x")
		if err != nil {
			t.Fatal(err)
		}
		res := readAll(t, r)
		if len(res.damages) == 0 {
			t.Fatalf("packed %t: got no damage", packed)
		}
		if last := res.damages[len(res.damages)-1]; last.Reason != capture.ReadFailed || !errors.Is(last, fault) {
			t.Errorf("packed %t: got %v, want %s of %v", packed, last, capture.ReadFailed, fault)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := capture.Open(dir, nil); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a directory: got %v, want an error that says so", err)
	}
	if _, err := capture.Open(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v, want %v", err, os.ErrNotExist)
	}
	if _, err := capture.Open("-", nil); err == nil {
		t.Error("no standard input: got nil, want an error")
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, mrtUpdates(1), 0o200); err != nil {
		t.Fatal(err)
	}
	r, err := capture.Open(secret, nil)
	if os.Geteuid() == 0 { // root may read every file
		if err != nil {
			t.Errorf("as root: got %v, want nil", err)
		} else if err := r.Close(); err != nil {
			t.Error(err)
		}
	} else if !errors.Is(err, os.ErrPermission) {
		t.Errorf("a file without permission: got %v, want %v", err, os.ErrPermission)
	}
	r, err = capture.Open("-", bytes.NewReader(gz(t, mrtUpdates(3))))
	if err != nil {
		t.Fatal(err)
	}
	if res := readAll(t, r); res.kinds[capture.Message] != 3 || len(res.damages) != 0 {
		t.Errorf("standard input: got %v, %v, want 3 messages", res.kinds, res.damages)
	}
	if _, err := capture.New(nil, "x"); err == nil {
		t.Error("New without a reader: got nil, want an error")
	}
}

func TestSoundCaptures(t *testing.T) {
	t.Parallel()
	gzipped := join(gz(t, mrtUpdates(2)), gz(t, mrtUpdates(3))) // two members
	for _, tc := range []struct {
		name        string
		input       []byte
		format      capture.Format
		compression capture.Compression
		messages    int
	}{
		{"MRT", mrtUpdates(5), capture.MRT, capture.Plain, 5},
		{"MRT gzip", gzipped, capture.MRT, capture.Gzip, 5},
		{"MRT zstd", join(zst(t, mrtUpdates(2)), zst(t, mrtUpdates(3))), capture.MRT, capture.Zstd, 5},
		{"MRT of the time that is bzip2's magic", mrtUpdate(0x425a6839), capture.MRT, capture.Plain, 1},
		{"BMP", bmpSession(5), capture.BMP, capture.Plain, 5},
		{"BMP gzip", gz(t, bmpSession(5)), capture.BMP, capture.Gzip, 5},
		{"RIS Live", risLines(5), capture.RISLive, capture.Plain, 5},
		{"RIS Live zstd, byte order mark, blank lines, no last newline", zst(t, bytes.TrimSpace(join([]byte("\xef\xbb\xbf\r\n\n"), risLines(5)))), capture.RISLive, capture.Zstd, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, err := capture.New(bytes.NewReader(tc.input), "x")
			if err != nil {
				t.Fatal(err)
			}
			if r.Format() != tc.format || r.Compression() != tc.compression {
				t.Errorf("got %s, %s, want %s, %s", r.Format(), r.Compression(), tc.format, tc.compression)
			}
			var d wire.Decoder
			for n := 0; ; {
				it, err := r.Next()
				if errors.Is(err, io.EOF) {
					if n != tc.messages {
						t.Errorf("messages: got %d, want %d", n, tc.messages)
					}
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if it.Kind != capture.Message {
					continue
				}
				n++
				want := bgp.Peer{Address: it.Peer.Address, ASN: 64496}
				if it.Peer != want || it.Peer.Address.String() != "203.0.113.1" || !bytes.Equal(it.Message, update()) {
					t.Errorf("item %d: got %v %x, want 203.0.113.1, AS64496, %x", it.Number, it.Peer, it.Message, update())
				}
				u, err := d.DecodeUpdate(it.Message[wire.HeaderLength:], wire.Options{ASOctets: it.ASOctets})
				if err != nil || len(u.Announced) != 1 || u.Attributes.Path.String() != "64496 64497" {
					t.Errorf("item %d: got %+v, %v", it.Number, u, err)
				}
			}
			if read, size := r.Progress(); read != int64(len(tc.input)) || size != -1 {
				t.Errorf("progress: got %d of %d, want %d of -1", read, size, len(tc.input))
			}
		})
	}
}

// TestEveryLength checks that no value of a length field does harm.
func TestEveryLength(t *testing.T) {
	t.Parallel()
	ten, session := mrtUpdates(10), bmpSession(10)
	one, up := len(mrtUpdate(start)), len(bmpInitiation())
	for _, n := range []uint32{0, 1, 3, 4, 5, 6, 7, 11, 12, 47, 48, 49, 255, 256, 4096, 65535, 65536, 1<<20 - 1, 1 << 20, 1<<20 + 1, 1<<24 - 1, 1 << 24, 1<<24 + 1, 1 << 31, 1<<32 - 1} {
		length := binary.BigEndian.AppendUint32(nil, n)
		for _, input := range [][]byte{with(ten, 2*one+8, length...), with(session, up+1, length...)} {
			r, err := capture.New(bytes.NewReader(input), "x")
			if err != nil {
				t.Fatal(err)
			}
			if res := readAll(t, r); res.kinds[capture.Message] < 7 || len(res.damages) == 0 {
				t.Errorf("length %d of a %s record: got %v, %v", n, res.format, res.kinds, res.damages)
			}
		}
	}
}

// TestOversizeMessage checks that an item holds at most the maximum length of a BGP message, even
// if the octets are no message.
func TestOversizeMessage(t *testing.T) {
	t.Parallel()
	one := mrtUpdate(start)
	head := one[12 : len(one)-len(update())]
	big := mrt(start, 16, 4, join(head, with(update(), 16, 0, 5), make([]byte, 3<<20)))
	for name, input := range map[string][]byte{"MRT": join(one, big, one), "BMP": join(bmpSession(1), bmp(0, bmpPeer(join(with(update(), 16, 0, 5), make([]byte, 1<<19))...)), bmpUpdate())} {
		r, err := capture.New(bytes.NewReader(input), "x")
		if err != nil {
			t.Fatal(err)
		}
		var lengths []int
		for it, err := r.Next(); !errors.Is(err, io.EOF); it, err = r.Next() {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if it.Kind == capture.Message {
				lengths = append(lengths, len(it.Message))
			}
		}
		if diff := cmp.Diff([]int{len(update()), wire.MaxMessage, len(update())}, lengths); diff != "" {
			t.Errorf("%s: octets of the messages: -want +got\n%s", name, diff)
		}
	}
}

// TestOtherFormats checks that files of other formats are reported with their format, compressed or
// not, even if they contain records of a capture.
func TestOtherFormats(t *testing.T) {
	t.Parallel()
	records := mrtUpdates(10)
	for want, start := range map[string]string{
		"it is a pcap capture of network packets, ":       "\xd4\xc3\xb2\xa1\x02\x00\x04\x00",
		"it is a pcapng capture of network packets, ":     "\x0a\x0d\x0d\x0a\x1c\x00\x00\x00",
		"it is a zip archive, which has to be unpacked, ": "PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00",
		"it is a tar archive, which has to be unpacked, ": "updates.20141222.0000" + strings.Repeat("\x00", 236) + "ustar" + strings.Repeat("\x00", 250),
		"it is packed with xz, which is not supported, ":  "\xfd7zXZ\x00",
	} {
		input := join([]byte(start), records)
		for how, input := range map[string][]byte{"plain": input, "gzip": gz(t, input)} {
			r, err := capture.New(bytes.NewReader(input), "name")
			if err != nil {
				t.Fatal(err)
			}
			want := "name: " + want + "not an MRT, RIS Live or BMP file"
			if res := readAll(t, r); len(res.damages) != 1 || res.damages[0].Error() != want || res.stats.Items != 0 {
				t.Errorf("%s: got %v and %d items, want %s", how, res.damages, res.stats.Items, want)
			}
		}
	}
	for input, want := range map[string]string{
		"BGP4MP|1419264964|W|203.0.113.1|64496|192.0.2.0/24\n": "the text that bgpdump -m prints",
		"TIME: 12/22/14 16:16:04\nTYPE: BGP4MP\n":              "the text that bgpdump prints",
		"\xef\xbb\xbf \n<!DOCTYPE html><html>404</html>":       "a web page",
		"id;name\n1;\u00e4\n":                                  "text",
		`[{"a": 1}]`:                                           "a JSON array",
	} {
		r, err := capture.New(strings.NewReader(input), "name")
		if err != nil {
			t.Fatal(err)
		}
		if res := readAll(t, r); len(res.damages) != 1 || res.damages[0].Error() != "name: it is "+want+", not an MRT, RIS Live or BMP file" {
			t.Errorf("%q: got %v, want %s", input, res.damages, want)
		}
	}
}
