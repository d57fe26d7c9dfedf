package rib

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// index finds the row of a key. It is a hash table of row numbers with linear probing, at most
// three quarters full. The table keeps the keys.
type index struct {
	slots []Row // the row plus one; 0 is an empty place. The length is a power of two
	n     int
	seed  uint64 // random, so that an attacker cannot choose prefixes that collide
}

const leastIndex = 16

// at returns the place at which the search for k begins.
func (x *index) at(k Key) uint32 {
	h := (uint64(k) ^ x.seed) * 0x9e3779b97f4a7c15
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return uint32(h >> (64 - bits.Len(uint(len(x.slots)-1))))
}

// find returns the row of k. keys has the key of each row.
func (x *index) find(k Key, keys []Key) (Row, bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(x.slots) - 1)
	for i := x.at(k); x.slots[i] != 0; i = (i + 1) & mask {
		if r := x.slots[i] - 1; keys[r] == k {
			return r, true
		}
	}
	return 0, false
}

// add inserts row r. Its key is in keys and not in the index.
func (x *index) add(r Row, keys []Key) {
	if 4*(x.n+1) > 3*len(x.slots) {
		was := x.slots
		if was == nil {
			var b [8]byte
			_, _ = rand.Read(b[:]) // it never fails
			x.seed = binary.LittleEndian.Uint64(b[:])
		}
		x.slots = make([]Row, max(leastIndex, 2*len(was)))
		for _, s := range was {
			if s != 0 {
				x.put(s, keys[s-1])
			}
		}
	}
	x.put(r+1, keys[r])
	x.n++
}

// put stores an entry, the row plus one, in the first free place.
func (x *index) put(slot Row, k Key) {
	mask := uint32(len(x.slots) - 1)
	i := x.at(k)
	for x.slots[i] != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = slot
}

// remove deletes k, which is in the index. Later entries move up if that brings them nearer to the
// places at which their searches begin.
func (x *index) remove(k Key, keys []Key) {
	mask := uint32(len(x.slots) - 1)
	i := x.at(k)
	for keys[x.slots[i]-1] != k {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; x.slots[j] != 0; j = (j + 1) & mask {
		if home := x.at(keys[x.slots[j]-1]); (j-home)&mask >= (j-i)&mask {
			x.slots[i], i = x.slots[j], j
		}
	}
	x.slots[i] = 0
	x.n--
}
