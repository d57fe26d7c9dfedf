// Package snapshottest compares, in tests of packages that have a state, the written snapshot of a
// value with the value that is read from it.
package snapshottest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/darkmap/darkmap/detect/snapshot"
)

// TB has the methods of testing.TB that this package uses. *rapid.T has them as well.
type TB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Write returns the snapshot that code writes.
func Write(tb TB, code func(*snapshot.Coder)) []byte {
	tb.Helper()
	var b bytes.Buffer
	c := snapshot.NewWriter(&b, "a test", 1)
	code(c)
	if err := c.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// Read reads a snapshot with code.
func Read(b []byte, code func(*snapshot.Coder)) error {
	c := snapshot.NewReader(bytes.NewReader(b), "a test", 1)
	code(c)
	return c.Close()
}

// Copy writes a snapshot with from and reads it with to. It fails unless to then writes the same
// snapshot. It returns the snapshot.
func Copy(tb TB, from, to func(*snapshot.Coder)) []byte {
	tb.Helper()
	b := Write(tb, from)
	if err := Read(b, to); err != nil {
		tb.Fatal(err)
	}
	Same(tb, b, Write(tb, to))
	return b
}

// Same fails unless two snapshots are the same.
func Same(tb TB, want, got []byte) {
	tb.Helper()
	if bytes.Equal(want, got) {
		return
	}
	want, got = Content(want), Content(got)
	at := 0
	for at < min(len(want), len(got)) && want[at] == got[at] {
		at++
	}
	around := func(b []byte) []byte { return b[max(0, min(at-60, len(b))):min(at+40, len(b))] }
	tb.Fatalf("snapshots of %d and %d octets differ at %d:\nwant %q\ngot  %q",
		len(want), len(got), at, around(want), around(got))
}

// Type tests that code writes and reads every field of a T, except the fields madeAgain, which are
// rebuilt after reading.
func Type[T any](t *testing.T, code func(*snapshot.Coder, *T), madeAgain ...string) {
	t.Helper()
	var in, out T
	v := reflect.ValueOf(&in).Elem()
	for _, name := range madeAgain {
		if _, ok := v.Type().FieldByName(name); !ok {
			t.Errorf("%T has no field %s", in, name)
		}
	}
	n := 0
	for i := range v.NumField() {
		if f := v.Type().Field(i); !slices.Contains(madeAgain, f.Name) {
			fill(open(v.Field(i)), &n)
		}
	}
	b := Write(t, func(c *snapshot.Coder) { code(c, &in) })
	if err := Read(b, func(c *snapshot.Coder) { code(c, &out) }); err != nil {
		t.Errorf("%T: %v", in, err)
		return
	}
	w := reflect.ValueOf(&out).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if slices.Contains(madeAgain, f.Name) {
			continue
		}
		if want, got := open(v.Field(i)).Interface(), open(w.Field(i)).Interface(); !reflect.DeepEqual(want, got) {
			t.Errorf("%T: field %s is read as %+v, want %+v", in, f.Name, got, want)
		}
	}
}

// open makes an unexported field settable.
func open(v reflect.Value) reflect.Value {
	at := unsafe.Pointer(v.UnsafeAddr()) //nolint:gosec // of tests: it reads fields that are not exported
	return reflect.NewAt(v.Type(), at).Elem()
}

// fill sets a value, and all values below it, to a value that is not zero, a different one each
// time.
func fill(v reflect.Value, n *int) {
	*n = *n%100 + 1
	switch v.Interface().(type) {
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(*n)})))
		return
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(*n), 0, 0}), 16)))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(int64(*n), 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.String:
		v.SetString(string([]byte{'a' + byte(*n%26), 'a' + byte(*n/26)}))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			fill(open(f), n)
		}
	default:
		panic("a field of type " + v.Type().String())
	}
}

// Content returns the content of a snapshot, without the headers of its blocks.
func Content(b []byte) (out []byte) {
	for len(b) >= 8 {
		n := int(binary.LittleEndian.Uint32(b))
		out, b = append(out, b[8:8+n]...), b[8+n:]
	}
	return out
}

// Seal makes a snapshot of a content, with correct checksums. Its blocks end at other octets than
// the blocks of a writer.
func Seal(content []byte) []byte {
	var out bytes.Buffer
	table, number := crc32.MakeTable(crc32.Castagnoli), uint32(0)
	block := func(b []byte) {
		var h [12]byte
		binary.LittleEndian.PutUint32(h[:], number)
		binary.LittleEndian.PutUint32(h[4:], uint32(len(b)))
		binary.LittleEndian.PutUint32(h[8:], crc32.Update(crc32.Checksum(h[:8], table), table, b))
		out.Write(h[4:])
		_, _ = io.Copy(&out, bytes.NewReader(b))
		number++
	}
	for len(content) > 0 {
		n := min(len(content), 99_991)
		block(content[:n])
		content = content[n:]
	}
	block(nil)
	return out.Bytes()
}
