package snapshot

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// Unsigned is the constraint of Uint.
type Unsigned interface {
	~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Signed is the constraint of Int.
type Signed interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64
}

// Uint codes an unsigned number.
func Uint[T Unsigned](c *Coder, v *T) {
	if !c.Reading() {
		c.put(binary.AppendUvarint(c.block, uint64(*v)))
		return
	}
	x := c.uint()
	if *v = T(x); uint64(*v) != x {
		c.Fail("the number %d is too large", x)
	}
}

// Int codes a signed number.
func Int[T Signed](c *Coder, v *T) {
	if !c.Reading() {
		x := int64(*v)
		c.put(binary.AppendUvarint(c.block, uint64(x<<1)^uint64(x>>63)))
		return
	}
	u := c.uint()
	x := int64(u>>1) ^ -int64(u&1)
	if *v = T(x); int64(*v) != x {
		c.Fail("the number %d is too large", x)
	}
}

// Number codes a number from 0 to below n, such as the index of an element in a list.
func Number[T Unsigned | Signed](c *Coder, v *T, n int) {
	u := uint64(*v)
	if Uint(c, &u); !c.Reading() {
		return
	}
	if u >= uint64(max(n, 0)) {
		if c.err == nil {
			c.Fail("number %d of %d", u, n)
		}
		u = 0
	}
	*v = T(u)
}

// Bool codes a truth value.
func Bool(c *Coder, v *bool) {
	u := uint8(0)
	if *v {
		u = 1
	}
	if Uint(c, &u); u > 1 {
		c.Fail("the truth value %d", u)
	}
	*v = u == 1
}

// Text codes a string.
func Text[T ~string](c *Coder, v *T) {
	if c.Reading() {
		*v = T(c.octets(c.uint()))
		return
	}
	n := uint64(len(*v))
	Uint(c, &n)
	for s := *v; len(s) > 0; {
		k := min(len(s), piece)
		c.put(append(c.block, s[:k]...))
		s = s[k:]
	}
}

// Octets codes a slice of octets, which may be nil.
func Octets[T ~[]byte](c *Coder, v *T) {
	n, ok := c.length(len(*v), *v == nil)
	if c.Reading() {
		if *v = nil; ok {
			*v = c.octets(uint64(n))
		}
		return
	}
	for b := *v; len(b) > 0; {
		k := min(len(b), piece)
		c.put(append(c.block, b[:k]...))
		b = b[k:]
	}
}

// octets reads n octets. It allocates as they come.
func (c *Coder) octets(n uint64) []byte {
	if n > maxText {
		c.Fail("a text of %d octets, which is more than %d", n, maxText)
		return nil
	}
	out := make([]byte, 0, min(n, piece))
	for uint64(len(out)) < n {
		if !c.more() {
			return nil
		}
		k := min(len(c.block)-c.at, int(n)-len(out))
		out = append(out, c.block[c.at:c.at+k]...)
		c.at += k
	}
	return out
}

// length codes the length of a slice or map of n elements; ok is false if the slice or map is nil.
func (c *Coder) length(n int, isNil bool) (length int, ok bool) {
	u := uint64(n) + 1
	if isNil {
		u = 0
	}
	Uint(c, &u)
	if u == 0 {
		return 0, false
	}
	if u > 1<<32 {
		c.Fail("a list of %d elements", u-1)
		return 0, false
	}
	return int(u - 1), true
}

// Prefix codes a prefix, or the zero value.
func Prefix(c *Coder, v *netip.Prefix) {
	a, n := v.Addr(), uint64(v.Bits()+1)
	Addr(c, &a)
	Uint(c, &n)
	if c.Reading() {
		if *v = netip.PrefixFrom(a, int(n)-1); n > 129 || !v.IsValid() {
			if *v = (netip.Prefix{}); n != 0 || a.IsValid() {
				c.Fail("a prefix of %d bits of %v", int64(n)-1, a)
			}
		}
	}
}

// Addr codes an address without a zone, or the zero value.
func Addr(c *Coder, v *netip.Addr) {
	if !c.Reading() {
		b := v.AsSlice()
		Octets(c, &b)
		return
	}
	var b []byte
	if Octets(c, &b); b == nil {
		*v = netip.Addr{}
		return
	}
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		c.Fail("an address of %d octets", len(b))
	}
	*v = a
}

// Bits codes a set of numbers below 64 x len(v). The reader must know len(v); v is filled in place.
func Bits(c *Coder, v []uint64) {
	if c.Reading() {
		c.readBits(v)
		return
	}
	n, listed := 0, 4*len(v)
	for _, w := range v {
		n += bits.OnesCount64(w)
	}
	if n > listed {
		b := binary.AppendUvarint(c.block, uint64(listed)+1)
		for _, w := range v {
			if b = binary.LittleEndian.AppendUint64(b, w); len(b) >= blockSize {
				c.put(b)
				b = c.block
			}
		}
		c.put(b)
		return
	}
	b, last := binary.AppendUvarint(c.block, uint64(n)), 0
	for i, w := range v {
		for ; w != 0; w &= w - 1 {
			x := i<<6 + bits.TrailingZeros64(w)
			b = binary.AppendUvarint(b, uint64(x-last))
			last = x
		}
		if len(b) >= blockSize {
			c.put(b)
			b = c.block
		}
	}
	c.put(b)
}

// readBits reads a set that Bits has written.
func (c *Coder) readBits(v []uint64) {
	clear(v)
	n, listed := c.uint(), uint64(4*len(v))
	switch {
	case n > listed+1:
		c.Fail("a set of %d of %d numbers", n, 64*len(v))
	case n == listed+1:
		for i := range v {
			if len(c.block)-c.at < 8 {
				if b := c.octets(8); len(b) == 8 {
					v[i] = binary.LittleEndian.Uint64(b)
				}
				continue
			}
			v[i] = binary.LittleEndian.Uint64(c.block[c.at:])
			c.at += 8
		}
	default:
		x := uint64(0)
		for i := range n {
			d := c.uint()
			if x += d; x >= uint64(64*len(v)) || d == 0 && i > 0 {
				c.Fail("number %d in a set of numbers below %d", x, 64*len(v))
				return
			}
			v[x>>6] |= 1 << (x & 63)
		}
	}
}

// Words codes a set of numbers as Bits does, with its length, which is at most limit words.
func Words(c *Coder, v *[]uint64, limit int) {
	n, ok := c.length(len(*v), *v == nil)
	if c.Reading() {
		if *v = nil; !ok {
			return
		}
		if n > limit {
			c.Fail("a set of %d words, which is more than %d", n, limit)
			return
		}
		*v = make([]uint64, n)
	}
	if ok {
		Bits(c, *v)
	}
}

// Slice codes a slice; each codes one element. After an error the slice is nil.
func Slice[T any](c *Coder, v *[]T, each func(*Coder, *T)) {
	n, ok := c.length(len(*v), *v == nil)
	if !c.Reading() {
		for i := range *v {
			each(c, &(*v)[i])
		}
		return
	}
	if *v = nil; !ok {
		return
	}
	out := make([]T, 0, min(n, 16))
	for len(out) < n && c.err == nil {
		var x T
		each(c, &x)
		out = append(out, x)
	}
	switch {
	case c.err != nil:
	case cap(out) > n+n/8+16:
		*v = slices.Clip(slices.Clone(out))
	default:
		*v = out
	}
}

// Pointer codes the value that a pointer points to, or nil. Two equal pointers become two different
// ones.
func Pointer[T any](c *Coder, v **T, each func(*Coder, *T)) {
	set := *v != nil
	if Bool(c, &set); c.Reading() {
		if *v = nil; set && c.err == nil {
			*v = new(T)
		}
	}
	if *v != nil {
		each(c, *v)
	}
}

// Of returns the coder of a pointer that is never nil; each codes the value that it points to.
func Of[T any](each func(*Coder, *T)) func(*Coder, **T) {
	return func(c *Coder, v **T) {
		if c.Reading() {
			*v = new(T)
		}
		each(c, *v)
	}
}

// Map codes a map; compare orders its keys. After an error the map is nil.
func Map[K comparable, V any](
	c *Coder, v *map[K]V, compare func(a, b K) int, key func(*Coder, *K), value func(*Coder, *V),
) {
	n, ok := c.length(len(*v), *v == nil)
	if !c.Reading() {
		for _, k := range sortedKeys(*v, compare) {
			x := (*v)[k]
			key(c, &k)
			value(c, &x)
		}
		return
	}
	if *v = nil; !ok {
		return
	}
	out := make(map[K]V, min(n, 16))
	var last K
	for i := 0; i < n && c.err == nil; i++ {
		var k K
		var x V
		key(c, &k)
		value(c, &x)
		if i > 0 && c.err == nil && compare(last, k) >= 0 {
			c.Fail("keys of a map that are not in order")
		}
		out[k], last = x, k
	}
	if c.err == nil {
		*v = out
	}
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// Nothing codes the values of a map that is a set.
func Nothing(*Coder, *struct{}) {}

// Numbers codes a list of ascending numbers below n.
func Numbers[T Unsigned](c *Coder, v *[]T, n int) {
	next := uint64(0) // the smallest number that may follow
	Slice(c, v, func(c *Coder, x *T) { ascending(c, x, &next, n) })
}

// NumberMap codes a map whose keys are numbers below n.
func NumberMap[K Unsigned, V any](c *Coder, m *map[K]V, n int, value func(*Coder, *V)) {
	next := uint64(0)
	Map(c, m, cmp.Compare[K], func(c *Coder, k *K) { ascending(c, k, &next, n) }, value)
}

// ascending codes a number below n as its distance from the smallest number that may follow the one
// before.
func ascending[T Unsigned](c *Coder, v *T, next *uint64, n int) {
	d := uint64(*v) - *next
	Uint(c, &d)
	x := *next + d
	if c.Reading() {
		if d > uint64(n) || x >= uint64(n) {
			c.Fail("number %d of %d", x, n)
			x = 0
		}
		*v = T(x)
	}
	*next = x + 1
}
