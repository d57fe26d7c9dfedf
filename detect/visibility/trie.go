package visibility

import (
	"math/bits"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// trie is a path-compressed radix tree of the prefixes that are known or seen, in flat memory.
// Node number 0 means no node.
type trie struct {
	family bgp.Family
	nodes  []node
	root   uint32
	free   uint32 // first free node; free nodes are linked through up
}

// node is a prefix, or a fork without a prefix.
type node struct {
	key   rib.Key
	up    uint32
	child [2]uint32
	row   uint32 // noRow for a fork
}

// noRow marks a fork.
const noRow = ^uint32(0)

func newTrie(f bgp.Family) trie { return trie{family: f, nodes: make([]node, 1)} }

// insert adds row at k and returns its node.
func (t *trie) insert(k rib.Key, row uint32) uint32 {
	if t.root == 0 {
		t.root = t.add(node{key: k, row: row})
		return t.root
	}
	for at := t.root; ; {
		n := &t.nodes[at]
		common := t.common(n.key, k)
		if common < n.key.Bits() {
			return t.split(at, k, row, common)
		}
		if n.key == k {
			n.row = row
			return at
		}
		side := t.bit(k, n.key.Bits())
		if n.child[side] == 0 {
			leaf := t.add(node{key: k, row: row, up: at})
			t.nodes[at].child[side] = leaf
			return leaf
		}
		at = n.child[side]
	}
}

// split adds k beside or above the node at.
func (t *trie) split(at uint32, k rib.Key, row uint32, common int) uint32 {
	old := t.nodes[at]
	if common == k.Bits() {
		above := t.add(node{key: k, row: row, up: old.up})
		t.replace(old.up, at, above)
		t.nodes[above].child[t.bit(old.key, common)] = at
		t.nodes[at].up = above
		return above
	}
	s := rib.Width(t.family) - common
	fork := t.add(node{key: rib.Key(k.Address()>>s<<s<<8 | uint64(common)), row: noRow, up: old.up})
	leaf := t.add(node{key: k, row: row, up: fork})
	t.replace(old.up, at, fork)
	t.nodes[fork].child[t.bit(old.key, common)] = at
	t.nodes[fork].child[t.bit(k, common)] = leaf
	t.nodes[at].up = fork
	return leaf
}

// remove removes the prefix of a node.
func (t *trie) remove(at uint32) {
	t.nodes[at].row = noRow
	for at != 0 && t.nodes[at].row == noRow {
		n := t.nodes[at]
		if n.child[0] != 0 && n.child[1] != 0 {
			return
		}
		only := n.child[0] | n.child[1]
		t.replace(n.up, at, only)
		if only != 0 {
			t.nodes[only].up = n.up
		}
		t.nodes[at] = node{up: t.free}
		t.free = at
		if only != 0 {
			return
		}
		at = n.up
	}
}

// replace makes by the child of up in the place of was.
func (t *trie) replace(up, was, by uint32) {
	switch {
	case up == 0:
		t.root = by
	case t.nodes[up].child[0] == was:
		t.nodes[up].child[0] = by
	default:
		t.nodes[up].child[1] = by
	}
}

// above returns the row and the node of the nearest prefix that contains the node's prefix. row is
// noRow if there is none.
func (t *trie) above(at uint32) (row, atRow uint32) {
	for at = t.nodes[at].up; at != 0; at = t.nodes[at].up {
		if r := t.nodes[at].row; r != noRow {
			return r, at
		}
	}
	return noRow, 0
}

// below calls f with every row under k, including k's own, in order.
func (t *trie) below(k rib.Key, f func(row uint32)) {
	if at := t.at(k); at != 0 {
		t.walk(at, f)
	}
}

// at returns the node of k, or the highest node under k; 0 if there is none.
func (t *trie) at(k rib.Key) uint32 {
	at := t.root
	for at != 0 {
		n := &t.nodes[at]
		if k.Contains(t.family, n.key) {
			return at
		}
		if !n.key.Contains(t.family, k) {
			return 0
		}
		at = n.child[t.bit(k, n.key.Bits())]
	}
	return 0
}

// around calls f with every row whose prefix contains k, including k itself, the shortest first.
func (t *trie) around(k rib.Key, f func(row uint32)) {
	for at := t.root; at != 0; {
		n := &t.nodes[at]
		if !n.key.Contains(t.family, k) {
			return
		}
		if n.row != noRow {
			f(n.row)
		}
		if n.key.Bits() == k.Bits() {
			return
		}
		at = n.child[t.bit(k, n.key.Bits())]
	}
}

// walk calls f with every row at and under a node, in order of address and length.
func (t *trie) walk(at uint32, f func(row uint32)) {
	if at == 0 {
		return
	}
	n := t.nodes[at]
	if n.row != noRow {
		f(n.row)
	}
	t.walk(n.child[0], f)
	t.walk(n.child[1], f)
}

// walkUntil is walk until f returns false. It reports whether f never returned false.
func (t *trie) walkUntil(at uint32, f func(row uint32) bool) bool {
	if at == 0 {
		return true
	}
	n := t.nodes[at]
	return (n.row == noRow || f(n.row)) && t.walkUntil(n.child[0], f) && t.walkUntil(n.child[1], f)
}

func (t *trie) add(n node) uint32 {
	if at := t.free; at != 0 {
		t.free = t.nodes[at].up
		t.nodes[at] = n
		return at
	}
	i := len(t.nodes)
	t.nodes = rib.Lengthen(t.nodes, i+1)
	t.nodes[i] = n
	return uint32(i)
}

// common returns the number of leading bits that two prefixes share, at most the length of the
// shorter one.
func (t *trie) common(a, b rib.Key) int {
	diff := bits.LeadingZeros64((a.Address() ^ b.Address()) << (64 - rib.Width(t.family)))
	return min(diff, a.Bits(), b.Bits())
}

// bit returns bit i of the address, counted from the front.
func (t *trie) bit(k rib.Key, i int) int {
	return int(k.Address()>>(rib.Width(t.family)-1-i)) & 1
}
