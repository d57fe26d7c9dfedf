package simulate

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"math/bits"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

// naive is a reference that shares no code with the detector. It reads an export's octets with a
// parser of its own, and keeps the holders in plain bitsets. For each minute it records the
// prefixes that less than half of the peers hold. A peer whose session came up counts from ten
// minutes later on.
type naive struct {
	t       *testing.T
	records []naiveRecord
	voters  map[naiveVoter]int   // numbered within the family, from 0
	index   map[netip.Prefix]int // of the slices below
	all     []netip.Prefix
	holders []uint64
	since   map[netip.Addr]int64 // session up; votes 10 min later
	down    map[netip.Addr]bool
	partial map[netip.Addr]bool

	minutes int
	// low lists, by prefix, the minutes (from the start) at whose end fewer than half of the voters
	// held it. some lists those with 20 to 80 %.
	low, some [][]int
}

type naiveVoter struct {
	address netip.Addr
	family  bgp.Family
}

type naiveRecord struct {
	at   int64
	body []byte
	kind uint16
	sub  uint16
}

func readNaive(t *testing.T, dir string, files []File, start, end int64) *naive {
	t.Helper()
	n := &naive{
		t: t, voters: map[naiveVoter]int{}, index: map[netip.Prefix]int{}, since: map[netip.Addr]int64{}, down: map[netip.Addr]bool{},
		partial: map[netip.Addr]bool{},
	}
	for _, f := range files {
		if f.Collector == "" {
			continue
		}
		records := n.read(filepath.Join(dir, f.Name))
		if len(records) != f.Records {
			t.Errorf("%s: read %d records, the export says %d", f.Name, len(records), f.Records)
		}
		if !slices.IsSortedFunc(records, func(a, b naiveRecord) int { return compare(a.at, b.at) }) {
			t.Errorf("%s is not in order of time", f.Name)
		}
		if records[0].kind == 13 {
			n.table(records)
			continue
		}
		n.records = append(n.records, records...)
	}
	// Peers with few prefixes in the table are no full feeds.
	counts := map[int]int{}
	for i, h := range n.holders {
		for b := range 64 {
			if n.all[i].Addr().Is4() && h&(1<<b) != 0 {
				counts[b]++
			}
		}
	}
	for v, i := range n.voters {
		if v.family == bgp.IPv4 && counts[i] < 500 {
			n.partial[v.address] = true
		}
	}
	slices.SortStableFunc(n.records, func(a, b naiveRecord) int { return compare(a.at, b.at) })
	n.run(start, end)
	return n
}

func (n *naive) read(file string) []naiveRecord {
	n.t.Helper()
	zipped, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		n.t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		n.t.Fatal(err)
	}
	var out []naiveRecord
	for len(b) > 0 {
		length := binary.BigEndian.Uint32(b[8:])
		r := naiveRecord{int64(binary.BigEndian.Uint32(b)) * 1e6, b[12 : 12+length], binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])}
		if r.kind == 17 {
			r.at += int64(binary.BigEndian.Uint32(r.body))
			r.body = r.body[4:]
		}
		out, b = append(out, r), b[12+length:]
	}
	return out
}

// prefix returns the prefix's index.
func (n *naive) prefix(p netip.Prefix) int {
	i, ok := n.index[p]
	if !ok {
		i = len(n.all)
		n.index[p] = i
		n.all, n.holders, n.low, n.some = append(n.all, p), append(n.holders, 0), append(n.low, nil), append(n.some, nil)
	}
	return i
}

// voter returns the peer's bit within a family.
func (n *naive) voter(a netip.Addr, f bgp.Family) uint64 {
	v := naiveVoter{a, f}
	i, ok := n.voters[v]
	if !ok {
		for o := range n.voters {
			if o.family == f {
				i++
			}
		}
		n.voters[v] = i
	}
	return 1 << i
}

func (n *naive) table(records []naiveRecord) {
	var peers []netip.Addr
	for _, r := range records {
		b := r.body
		if r.sub == 1 {
			b = b[4+2+binary.BigEndian.Uint16(b[4:]):]
			count := binary.BigEndian.Uint16(b)
			b = b[2:]
			for range count {
				size := 4
				if b[0]&1 != 0 {
					size = 16
				}
				a, _ := netip.AddrFromSlice(b[5 : 5+size])
				peers, b = append(peers, a), b[5+size+4:]
			}
			continue
		}
		p, rest := nlri(b[4:], r.sub == 4)
		count := binary.BigEndian.Uint16(rest)
		rest = rest[2:]
		for range count {
			a := peers[binary.BigEndian.Uint16(rest)]
			n.holders[n.prefix(p)] |= n.voter(a, bgp.FamilyOf(p))
			rest = rest[8+binary.BigEndian.Uint16(rest[6:]):]
		}
	}
}

func nlri(b []byte, six bool) (netip.Prefix, []byte) {
	octets := (int(b[0]) + 7) / 8
	var raw [16]byte
	copy(raw[:], b[1:1+octets])
	a := netip.AddrFrom16(raw)
	if !six {
		a = netip.AddrFrom4([4]byte(raw[:4]))
	}
	return netip.PrefixFrom(a, int(b[0])), b[1+octets:]
}

func (n *naive) run(start, end int64) {
	next := 0
	for at := start + minute; at <= end; at += minute {
		for next < len(n.records) && n.records[next].at < at {
			n.apply(n.records[next])
			next++
		}
		n.count(at)
		n.minutes++
	}
}

func (n *naive) apply(r naiveRecord) {
	size := 4
	if binary.BigEndian.Uint16(r.body[10:]) == 2 {
		size = 16
	}
	a, _ := netip.AddrFromSlice(r.body[12 : 12+size])
	b := r.body[12+2*size:]
	if r.sub == 5 {
		switch binary.BigEndian.Uint16(b[2:]) {
		case 6:
			n.since[a], n.down[a] = r.at, false
		case 1:
			n.down[a] = true
			for k, p := range n.all {
				if i, votes := n.voters[naiveVoter{a, bgp.FamilyOf(p)}]; votes {
					n.holders[k] &^= 1 << i
				}
			}
		}
		return
	}
	b = b[19:]
	withdrawn := b[2 : 2+binary.BigEndian.Uint16(b)]
	b = b[2+len(withdrawn):]
	attributes := b[2 : 2+binary.BigEndian.Uint16(b)]
	n.each(a, withdrawn, false, false)
	n.each(a, b[2+len(attributes):], false, true)
	for len(attributes) > 0 {
		length, header := int(attributes[2]), 3
		if attributes[0]&0x10 != 0 {
			length, header = int(binary.BigEndian.Uint16(attributes[2:])), 4
		}
		value := attributes[header : header+length]
		switch attributes[1] {
		case 14:
			n.each(a, value[4+int(value[3])+1:], true, true)
		case 15:
			n.each(a, value[3:], true, false)
		}
		attributes = attributes[header+length:]
	}
}

func (n *naive) each(a netip.Addr, b []byte, six, announced bool) {
	for len(b) > 0 {
		var p netip.Prefix
		p, b = nlri(b, six)
		bit := n.voter(a, bgp.FamilyOf(p))
		if announced {
			n.holders[n.prefix(p)] |= bit
		} else {
			n.holders[n.prefix(p)] &^= bit
		}
	}
}

func (n *naive) count(at int64) {
	var voters [3]uint64
	for v, i := range n.voters {
		if a := v.address; !n.partial[a] && !n.down[a] && (n.since[a] == 0 || n.since[a] <= at-10*minute) {
			voters[v.family] |= 1 << i
		}
	}
	for p, h := range n.holders {
		v := voters[bgp.FamilyOf(n.all[p])]
		have, all := bits.OnesCount64(h&v), bits.OnesCount64(v)
		if all < 20 {
			n.t.Fatalf("minute %d: only %d voters", n.minutes, all)
		}
		if have*2 < all {
			n.low[p] = append(n.low[p], n.minutes)
		}
		if have*5 >= all && have*5 < 4*all {
			n.some[p] = append(n.some[p], n.minutes)
		}
	}
}

// longest is the length of the longest run of minutes.
func longest(minutes []int) (most int) {
	run := 0
	for i, m := range minutes {
		if i > 0 && minutes[i-1] != m-1 {
			run = 0
		}
		run++
		most = max(most, run)
	}
	return most
}
