package rib

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

func key(t *testing.T, s string) Key {
	t.Helper()
	_, k, ok := KeyOf(netip.MustParsePrefix(s))
	if !ok {
		t.Fatalf("%s has no key", s)
	}
	return k
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   []byte
		want string // empty: refused
	}{
		{[]byte{4, 24, 198, 51, 100}, "198.51.100.0/24"},
		{[]byte{4, 8, 10}, "10.0.0.0/8"},
		{[]byte{4, 23, 198, 51, 100}, "198.51.100.0/23"},
		{[]byte{4, 7, 10}, ""},               // shorter than /8
		{[]byte{4, 25, 198, 51, 100, 0}, ""}, // longer than /24
		{[]byte{4, 23, 198, 51, 101}, ""},    // host bits
		{[]byte{4, 24, 198, 51}, ""},         // cut
		{[]byte{6, 32, 0x20, 0x01, 0x0d, 0xb8}, "2001:db8::/32"},
		{[]byte{6, 48, 0x20, 0x01, 0x0d, 0xb8, 0, 1}, "2001:db8:1::/48"},
		{[]byte{6, 49, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0}, ""},
		{[]byte{6, 15, 0x20, 0x00}, ""},
		{[]byte{5, 24, 198, 51, 100}, ""},
		{nil, ""},
	} {
		f, k, ok := ParseKey(tt.in)
		if !ok {
			if tt.want != "" {
				t.Errorf("%v: got nothing, want %s", tt.in, tt.want)
			}
			continue
		}
		p := k.Prefix(f)
		if p.String() != tt.want {
			t.Errorf("%v: got %v, want %q", tt.in, p, tt.want)
		}
		if f2, k2, ok := KeyOf(p); f2 != f || k2 != k || !ok {
			t.Errorf("%v: KeyOf gives %v %x, want %v %x", p, f2, k2, f, k)
		}
		if got, want := k.Space(f), bgp.Space(p); got != want {
			t.Errorf("%v: space %d, want %d", p, got, want)
		}
	}
}

// edges returns a row's pairs as upstream>origin:slots, for tests with few slots.
func edges(tb *Table, k Key) map[string]uint64 {
	out := map[string]uint64{}
	if r, ok := tb.Row(k); ok {
		tb.EachPair(r, func(o, u bgp.ASN, slots []uint64) { out[fmt.Sprintf("%d>%d", u, o)] = slots[0] })
	}
	return out
}

func held(tb *Table, k Key) uint64 {
	r, ok := tb.Row(k)
	if !ok {
		return 0
	}
	return tb.Held(r)[0]
}

func slotsOf(t *testing.T, tb *Table, n int) {
	t.Helper()
	for i := range n {
		if s, ok := tb.AddSlot(); !ok || s != i {
			t.Fatalf("slot %d: got %d %v", i, s, ok)
		}
	}
}

// TestEvidence: a withdrawal ends holding, and leaves the pair over which the prefix was heard
// last.
func TestEvidence(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	slotsOf(t, tb, 3)
	k := key(t, "198.51.100.0/24")
	tb.Announce(0, k, 0, 64500, 64510)
	tb.Announce(1, k, 0, 64500, 64511)
	tb.Announce(2, k, 0, 64500, 64510)
	tb.Announce(1, k, 0, 64500, 64510) // moves, and leaves an empty pair behind
	if _, w, ok := tb.Withdraw(0, k, 0, false); w != Lost || !ok {
		t.Error("a withdrawal of a held prefix is no loss")
	}
	if _, w, _ := tb.Withdraw(0, k, 0, false); w != Nothing {
		t.Error("a second withdrawal is a loss")
	}
	if got := held(tb, k); got != 0b110 {
		t.Errorf("held by %b, want 110", got)
	}
	if diff := cmp.Diff(map[string]uint64{"64510>64500": 0b111}, edges(tb, k)); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if got := []int{tb.Size(0), tb.Size(1), tb.Size(2)}; !cmp.Equal(got, []int{0, 1, 1}) {
		t.Errorf("sizes %v, want 0 1 1", got)
	}
	if len(tb.TakeDirty()) != 1 || len(tb.TakeDirty()) != 0 {
		t.Error("the row is to be dirty once")
	}
	if _, a, _ := tb.Announce(1, k, 0, 64500, 64510); a != Again || len(tb.TakeDirty()) != 0 {
		t.Error("the same announcement again changes something")
	}
}

// TestLearn: with learn set, the withdrawal of a prefix that was never heard proves that it was
// held.
func TestLearn(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	slotsOf(t, tb, 2)
	k := key(t, "198.51.100.0/24")
	if _, _, ok := tb.Withdraw(0, k, 0, false); ok || tb.index.n != 0 {
		t.Error("a withdrawal of an unknown prefix makes a row")
	}
	if _, w, ok := tb.Withdraw(0, k, 0, true); w != Unheard || !ok {
		t.Error("a withdrawal teaches nothing")
	}
	if diff := cmp.Diff(map[string]uint64{"0>0": 1}, edges(tb, k)); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if _, w, _ := tb.Withdraw(0, k, 0, true); w != Nothing {
		t.Error("the second withdrawal is news")
	}
}

// TestAddPath: a slot holds a prefix while it has any path id of it (RFC 7911).
func TestAddPath(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv6)
	slotsOf(t, tb, 1)
	k := key(t, "2001:db8::/32")
	tb.Announce(0, k, 1, 64500, 64510)
	tb.Announce(0, k, 2, 64500, 64511)
	tb.Announce(0, k, 2, 64500, 64511)
	if _, w, _ := tb.Withdraw(0, k, 1, false); w != Nothing || held(tb, k) != 1 {
		t.Error("lost with a path left")
	}
	if _, w, _ := tb.Withdraw(0, k, 7, false); w != Nothing || held(tb, k) != 1 {
		t.Error("an unknown path id takes it")
	}
	if _, w, _ := tb.Withdraw(0, k, 2, false); w != Lost || held(tb, k) != 0 {
		t.Error("held with no path left")
	}
}

// TestClearSlots: a session's end clears its column, evidence and path ids, and nothing else.
func TestClearSlots(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	slotsOf(t, tb, 130)
	a, b := key(t, "198.51.100.0/24"), key(t, "203.0.113.0/24")
	for _, s := range []int{1, 70, 129} {
		tb.Announce(s, a, 0, 64500, bgp.ASN(s))
		tb.Announce(s, b, 5, 64501, 64510)
	}
	tb.RemoveSlot(70)
	r, _ := tb.Row(a)
	if got := ones(tb.Held(r)); got != 2 || tb.Held(r)[1] != 0 {
		t.Errorf("held %v, want slots 1 and 129", tb.Held(r))
	}
	n := 0
	tb.EachPair(r, func(_, u bgp.ASN, _ []uint64) {
		if n++; u == 70 {
			t.Error("the pair of the cleared slot is left")
		}
	})
	if n != 2 || tb.Size(70) != 0 || tb.Size(129) != 2 {
		t.Errorf("got %d pairs, sizes %d %d, want 2, 0 2", n, tb.Size(70), tb.Size(129))
	}
	if s, _ := tb.AddSlot(); s != 70 {
		t.Errorf("slot %d, want 70 again", s)
	}
}

// TestGap: the table does not change pairs that the live stream touched, and drops prefixes that it
// does not hold.
func TestGap(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	slotsOf(t, tb, 2)
	stale, kept, gone, moved, fresh := key(t, "10.0.0.0/16"), key(t, "10.1.0.0/16"), key(t, "10.2.0.0/16"), key(t, "10.3.0.0/16"), key(t, "10.4.0.0/16")
	never := key(t, "10.5.0.0/16")
	for _, k := range []Key{stale, kept, gone, moved} {
		tb.Announce(0, k, 0, 64500, 64510)
		tb.Announce(1, k, 0, 64500, 64510)
	}
	tb.BeginGap(0)
	tb.Withdraw(0, gone, 0, false)
	tb.Withdraw(0, never, 0, false) // not held, but in the table
	tb.Announce(0, moved, 0, 64501, 64510)
	for _, k := range []Key{kept, gone, moved, fresh, never} {
		r, _ := tb.TableRow(k)
		tb.Tabulate([]uint64{0b11}, r, 64599, 64598) // without effect on slot 1, which is not in the gap
	}
	tb.EndGap(Tabled, 0)
	for _, tt := range []struct {
		k    Key
		want uint64
	}{{stale, 0b10}, {kept, 0b11}, {gone, 0b10}, {moved, 0b11}, {fresh, 0b01}, {never, 0}} {
		if got := held(tb, tt.k); got != tt.want {
			t.Errorf("%v: held by %b, want %b", tt.k.Prefix(bgp.IPv4), got, tt.want)
		}
	}
	if diff := cmp.Diff(map[string]uint64{"64510>64501": 1, "64510>64500": 2}, edges(tb, moved)); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if tb.Size(0) != 3 || tb.Size(1) != 4 {
		t.Errorf("sizes %d %d, want 3 4", tb.Size(0), tb.Size(1))
	}
}

// TestGapReset: a session that ends during a gap makes its table void.
func TestGapReset(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	slotsOf(t, tb, 1)
	k := key(t, "10.0.0.0/16")
	tb.Announce(0, k, 0, 64500, 64510)
	tb.BeginGap(0)
	tb.ClearSlots([]uint64{1})
	r, _ := tb.TableRow(k)
	tb.Tabulate([]uint64{1}, r, 64500, 64510)
	tb.EndGap(Tabled, 0)
	if held(tb, k) != 0 {
		t.Error("the table of a session that ended came back")
	}
}

// TestForget: a row that no slot holds can be freed and is used again.
func TestForget(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	slotsOf(t, tb, 1)
	a, b := key(t, "10.0.0.0/16"), key(t, "10.1.0.0/16")
	r, _, _ := tb.Announce(0, a, 0, 64500, 64510)
	if tb.Forget(r) {
		t.Error("a held row is forgotten")
	}
	tb.Withdraw(0, a, 0, false)
	if !tb.Forget(r) || tb.index.n != 0 {
		t.Error("the row is not forgotten")
	}
	if r2, _, _ := tb.Announce(0, b, 0, 64500, 64510); r2 != r || tb.index.n != 1 || len(edges(tb, b)) != 1 {
		t.Errorf("row %d, want %d again, empty", r2, r)
	}
	tb.BeginGap(0)
	tb.Withdraw(0, b, 0, false)
	if tb.Forget(r) {
		t.Error("what the live stream said in a gap is forgotten")
	}
	tb.AddSlot()
	other, _, _ := tb.Announce(1, a, 0, 64500, 64510)
	tb.Withdraw(1, a, 0, false)
	if !tb.Forget(other) {
		t.Error("a gap of one peer keeps what another one withdrew")
	}
	tb.EndGap(Filled, 0)
	if !tb.Forget(r) {
		t.Error("the row is not forgotten after the gap")
	}
}

// TestModel compares a table with maps under random changes.
func TestModel(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	tb := New(bgp.IPv4)
	const slots, prefixes = 100, 40
	slotsOf(t, tb, slots)
	type at struct{ slot, prefix int }
	holds, heard := map[at]bool{}, map[at]uint32{}
	k := func(p int) Key { return Key(uint64(10<<24|p<<16)<<8 | 16) }
	for range 50_000 {
		x := at{rng.IntN(slots), rng.IntN(prefixes)}
		switch rng.IntN(20) {
		case 0:
			mask := make([]uint64, tb.Words())
			mask[x.slot>>6] |= 1 << (x.slot & 63)
			tb.ClearSlots(mask)
			for p := range prefixes {
				delete(holds, at{x.slot, p})
				delete(heard, at{x.slot, p})
			}
		case 1, 2, 3, 4, 5, 6, 7, 8:
			tb.Withdraw(x.slot, k(x.prefix), 0, false)
			delete(holds, x)
		default:
			up := uint32(rng.IntN(4) + 1)
			tb.Announce(x.slot, k(x.prefix), 0, 64500, bgp.ASN(up))
			holds[x], heard[x] = true, up
		}
	}
	for p := range prefixes {
		r, ok := tb.Row(k(p))
		if !ok {
			continue
		}
		pairs := 0
		tb.EachPair(r, func(_, up bgp.ASN, bits []uint64) {
			pairs++
			for s := range slots {
				if got, want := bits[s>>6]&(1<<(s&63)) != 0, heard[at{s, p}] == uint32(up); got != want {
					t.Fatalf("prefix %d upstream %d slot %d: heard %v, want %v", p, up, s, got, want)
				}
			}
		})
		if pairs > 4 {
			t.Errorf("prefix %d has %d pairs, want 4 at most", p, pairs)
		}
		for s := range slots {
			if got, want := tb.Held(r)[s>>6]&(1<<(s&63)) != 0, holds[at{s, p}]; got != want {
				t.Fatalf("prefix %d slot %d: held %v, want %v", p, s, got, want)
			}
		}
	}
}

// TestBudget checks the budget of doc.go.
func TestBudget(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(addition{}); got != 16 {
		t.Errorf("an addition has %d octets, want 16", got)
	}
	for _, tt := range []struct{ slots, pairs, budget, gap int }{{64, 1, 18, 16}, {400, 1, 18, 16}, {400, 2, 28, 16}, {400, 4, 48, 16}} {
		tb := New(bgp.IPv4)
		slotsOf(t, tb, tt.slots)
		const n = 2 * pageRows
		for i := range n {
			k := Key(uint64(10<<24|i<<8)<<8 | 24)
			for s := range tt.slots {
				tb.Announce(s, k, 0, 64500, bgp.ASN(64510+max(0, tt.pairs-1-s)))
			}
		}
		tb.Repack()
		if got := (tb.status.octets() + tb.pairs.octets()) / n; got > tt.budget {
			t.Errorf("%d slots, %d pairs: %d octets a prefix, want %d at most", tt.slots, tt.pairs, got, tt.budget)
		}
		tb.BeginGap(0)
		for r := range Row(n) {
			tb.Tabulate(tb.one(0), r, 64500, 64510)
		}
		got := 0
		for _, x := range []*bitRows{&tb.watch.touched, &tb.watch.known} {
			for w := range x.words {
				got += 8 * pageRows * len(x.words[w])
			}
		}
		if got /= n; got > tt.gap {
			t.Errorf("%d slots, %d pairs: %d octets a prefix in a gap, want %d at most", tt.slots, tt.pairs, got, tt.gap)
		}
		if tb.Unwatch(0); tb.watch != nil {
			t.Error("bits are kept after the gap")
		}
	}
}

// octets returns the memory that p takes.
func (p *packed) octets() (n int) {
	for _, b := range p.blocks {
		n += 8 + int(unsafe.Sizeof(*b)) + cap(b.data)
	}
	return n
}

// BenchmarkApply announces (three in four, over one of two upstreams) and withdraws prefixes of a
// 600,000-prefix table seen by 40 peers, in random order. cpu-ns/op does not count the time of
// other processes.
func BenchmarkApply(b *testing.B) {
	const n, peers = 600_000, 40
	tb := New(bgp.IPv4)
	for range peers {
		tb.AddSlot()
	}
	keys := make([]Key, n)
	for i := range keys {
		keys[i] = Key(uint64(1<<24+i<<8)<<8 | 24)
		for s := range peers {
			tb.Announce(s, keys[i], 0, bgp.ASN(i/8), bgp.ASN(s&1))
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	order := make([]uint32, 1<<20)
	for i := range order {
		order[i] = uint32(rng.IntN(n))
	}
	b.ResetTimer()
	began, i := cpu(b), 0
	for b.Loop() {
		x, s := order[i&(1<<20-1)], i%peers
		if i&3 == 0 {
			tb.Withdraw(s, keys[x], 0, false)
		} else {
			tb.Announce(s, keys[x], 0, bgp.ASN(x/8), bgp.ASN(i>>3&1))
		}
		if i++; i&0xffff == 0 {
			tb.TakeDirty()
		}
	}
	b.ReportMetric(float64(cpu(b)-began)/float64(b.N), "cpu-ns/op")
}

// BenchmarkTabulate applies the tables of 4 collectors with 10 full feeds each to an empty table:
// 600,000 prefixes, each over two upstreams, in the order of a file, with all gaps open at once.
// pairs/cpu-s counts peers.
func BenchmarkTabulate(b *testing.B) {
	const n, peers, collectors = 600_000, 10, 4
	keys := make([]Key, n)
	for i := range keys {
		keys[i] = Key(uint64(1<<24+i<<8)<<8 | 24)
	}
	began := cpu(b)
	for b.Loop() {
		tb := New(bgp.IPv4)
		var slots []int
		for range peers * collectors {
			s, _ := tb.AddSlot()
			slots = append(slots, s)
		}
		tb.BeginGap(slots...)
		for c := range collectors {
			even, odd := make([]uint64, 1), make([]uint64, 1)
			for p := range peers {
				x := [][]uint64{even, odd}[p&1]
				x[0] |= 1 << (c*peers + p)
			}
			for i, k := range keys {
				r, _ := tb.TableRow(k)
				tb.Tabulate(even, r, bgp.ASN(i/8), 10)
				tb.Tabulate(odd, r, bgp.ASN(i/8), 11)
			}
			tb.EndGap(Tabled, slots[c*peers:(c+1)*peers]...)
		}
		tb.TakeDirty()
	}
	b.ReportMetric(float64(b.N)*n*peers*collectors/(float64(cpu(b)-began)/1e9), "pairs/cpu-s")
}

// cpu returns the process's user time in nanoseconds.
func cpu(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano()
}

// ones counts the bits of b.
func ones(b []uint64) int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// TestVacate: a session that ended leaves the pairs of the prefixes that it held, and nothing of
// the prefixes that it had withdrawn.
func TestVacate(t *testing.T) {
	t.Parallel()
	tb := New(bgp.IPv4)
	slotsOf(t, tb, 2)
	kept, withdrawn := Key(10<<40|8), Key(11<<40|8)
	for s := range 2 {
		tb.Announce(s, kept, 0, 64500, 64510)
		tb.Announce(s, withdrawn, 0, 64500, 64510)
		tb.Withdraw(s, withdrawn, 0, false)
	}
	lapsed := func(s int) (out []Key) {
		tb.Lapsed(s, func(r Row) { out = append(out, tb.Key(r)) })
		return out
	}
	tb.Vacate(true, 0)
	if got := lapsed(0); tb.Size(0) != 0 || len(got) != 1 || got[0] != kept {
		t.Errorf("whole: %d held, lapsed %v, want none held and %v lapsed", tb.Size(0), got, kept)
	}
	tb.Announce(0, withdrawn, 0, 64500, 64510) // a part of the new table
	tb.Vacate(false, 0)
	if got := lapsed(0); tb.Size(0) != 0 || len(got) != 2 {
		t.Errorf("part: %d held, lapsed %v, want none held and both lapsed", tb.Size(0), got)
	}
	if tb.ForgetLapsed(0); len(lapsed(0)) != 0 || tb.Size(1) != 1 || len(lapsed(1)) != 1 {
		t.Errorf("forgotten: lapsed %v, and %v of the other slot", lapsed(0), lapsed(1))
	}
}
