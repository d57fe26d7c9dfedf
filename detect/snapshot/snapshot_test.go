package snapshot_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
	"github.com/darkmap/darkmap/internal/bgp"
)

// values has one field of each kind.
type values struct {
	Small    uint8
	Large    uint64
	Negative int64
	Yes      bool
	Text     string
	Octets   []byte
	Nil      []byte
	Addr     netip.Addr
	Prefix   netip.Prefix
	None     netip.Prefix
	Set      []uint64
	Full     []uint64
	List     []int32
	Empty    []int32
	Pointer  *uint16
	Nothing  *uint16
	Map      map[string]int8
	Rows     map[uint32]struct{}
	Numbers  []uint32
}

func code(c *snapshot.Coder, v *values) {
	snapshot.Uint(c, &v.Small)
	snapshot.Uint(c, &v.Large)
	snapshot.Int(c, &v.Negative)
	snapshot.Bool(c, &v.Yes)
	snapshot.Text(c, &v.Text)
	snapshot.Octets(c, &v.Octets)
	snapshot.Octets(c, &v.Nil)
	snapshot.Addr(c, &v.Addr)
	snapshot.Prefix(c, &v.Prefix)
	snapshot.Prefix(c, &v.None)
	snapshot.Words(c, &v.Set, 100)
	snapshot.Words(c, &v.Full, 100)
	snapshot.Slice(c, &v.List, snapshot.Int)
	snapshot.Slice(c, &v.Empty, snapshot.Int)
	snapshot.Pointer(c, &v.Pointer, snapshot.Uint)
	snapshot.Pointer(c, &v.Nothing, snapshot.Uint)
	snapshot.Map(c, &v.Map, cmp.Compare[string], snapshot.Text, snapshot.Int)
	snapshot.NumberMap(c, &v.Rows, 1000, snapshot.Nothing)
	snapshot.Numbers(c, &v.Numbers, 1000)
}

func example() *values {
	five := uint16(5)
	v := &values{
		Small: 255, Large: math.MaxUint64, Negative: math.MinInt64, Yes: true, Text: strings.Repeat("ä", 40_000), Octets: bytes.Repeat([]byte{1, 2, 3}, 30_000),
		Addr: netip.MustParseAddr("::ffff:192.0.2.1"), Prefix: netip.MustParsePrefix("2001:db8::/128"), Set: []uint64{1 << 63, 0, 1}, Full: make([]uint64, 50),
		Empty: []int32{}, Pointer: &five, Map: map[string]int8{"b": -1, "a": 1}, Rows: map[uint32]struct{}{999: {}, 0: {}, 7: {}}, Numbers: []uint32{0, 1, 999},
	}
	for i := range v.Full {
		v.Full[i] = math.MaxUint64 - uint64(i)
	}
	for i := range 20_000 {
		v.List = append(v.List, int32(i-10_000))
	}
	return v
}

// TestValues: written values are read again, also across blocks, and one snapshot may follow
// another.
func TestValues(t *testing.T) {
	t.Parallel()
	want := example()
	var b bytes.Buffer
	for range 2 {
		c := snapshot.NewWriter(&b, "values", 7)
		code(c, want)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r := bytes.NewReader(b.Bytes())
	for range 2 {
		var got values
		c := snapshot.NewReader(r, "values", 7)
		code(c, &got)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(want, &got) {
			t.Errorf("read %.2000v, want %.2000v", got, *want)
		}
	}
	if r.Len() != 0 {
		t.Errorf("%d octets are left", r.Len())
	}
}

// TestErrors: octets that are no whole snapshot of this kind and format are refused, with the part
// and the octet.
func TestErrors(t *testing.T) {
	t.Parallel()
	whole := snapshottest.Write(t, func(c *snapshot.Coder) {
		c.Part("first")
		code(c, example())
	})
	read := func(b []byte) error {
		return snapshottest.Read(b, func(c *snapshot.Coder) {
			c.Part("first")
			code(c, &values{})
		})
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	content := snapshottest.Content(whole)
	foreign := bytes.Replace(content, []byte("a test"), []byte("a cat!"), 1)
	other := bytes.Replace(content, []byte("first"), []byte("third"), 1)
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":          {nil, "it ends too early"},
		"cut short":      {whole[:len(whole)-9], "it ends too early"},
		"without an end": {whole[:len(whole)-8], "it ends too early"},
		"a bit":          {damaged, "the checksum of block"},
		"no snapshot":    {snapshottest.Seal([]byte("\x03abc")), "does not begin as a snapshot"},
		"another kind":   {snapshottest.Seal(foreign), `a snapshot of "a cat!"`},
		"another part":   {snapshottest.Seal(other), `the part "third"`},
		"goes on":        {snapshottest.Seal(append(bytes.Clone(content), 0)), "goes on after its end"},
		"a long block":   {[]byte{255, 255, 255, 255, 0, 0, 0, 0}, "which is more than"},
	} {
		err := read(tt.b)
		if !errors.Is(err, snapshot.ErrInvalid) || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	c := snapshot.NewReader(bytes.NewReader(whole), "a test", 2)
	if err := c.Err(); !errors.Is(err, snapshot.ErrInvalid) || !strings.Contains(err.Error(), "format 1") || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("another format: got %v", err)
	}
	if err := read(snapshottest.Seal(content)); err != nil {
		t.Errorf("blocks that end elsewhere: %v", err)
	}
}

// failing is a writer that fails after some octets.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestWriterFails(t *testing.T) {
	t.Parallel()
	c := snapshot.NewWriter(&failing{left: 70_000}, "a test", 1)
	code(c, example())
	if err := c.Close(); !errors.Is(err, io.ErrShortWrite) || errors.Is(err, snapshot.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

// FuzzValues reads any content: no panic, and values that were read are the same after they are
// written and read again.
func FuzzValues(f *testing.F) {
	five := uint16(5)
	f.Add(snapshottest.Content(snapshottest.Write(f, func(c *snapshot.Coder) {
		code(c, &values{Text: "a", Octets: []byte{1}, Set: []uint64{5}, Full: []uint64{1, 2}, List: []int32{1}, Pointer: &five, Map: map[string]int8{"a": 1}})
	})))
	f.Fuzz(func(t *testing.T, content []byte) {
		var v values
		if err := snapshottest.Read(snapshottest.Seal(content), func(c *snapshot.Coder) { code(c, &v) }); err != nil {
			if !errors.Is(err, snapshot.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		var again values
		snapshottest.Copy(t, func(c *snapshot.Coder) { code(c, &v) }, func(c *snapshot.Coder) { code(c, &again) })
	})
}

func TestDomain(t *testing.T) {
	t.Parallel()
	snapshottest.Type(t, func(c *snapshot.Coder, v *bgp.PeerKey) { snapshot.PeerKey(c, v) })
	snapshottest.Type(t, func(c *snapshot.Coder, v *bgp.Position) { snapshot.Position(c, v) })
	snapshottest.Type(t, func(c *snapshot.Coder, v *bgp.Votes) { snapshot.Votes(c, v) })
}
