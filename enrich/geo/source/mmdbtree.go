package source

import (
	"encoding/binary"
	"fmt"
	"math"
)

// mmdbTree is the search tree of an MMDB in its file format: nodes of two records each (MaxMind DB
// File Format 2.0, "Node Layout"). A record with a value below nodes refers to a node.
type mmdbTree struct {
	content    []byte
	nodes      uint32
	recordBits uint
}

func (t mmdbTree) record(node uint32, side int) uint32 {
	b := t.content[uint(node)*t.recordBits/4:]
	switch t.recordBits {
	case 24:
		b = b[side*3:]
		return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	case 28:
		if side == 0 {
			return uint32(b[3]>>4)<<24 | uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
		}
		return binary.BigEndian.Uint32(b[3:]) & 0x0fffffff
	}
	return binary.BigEndian.Uint32(b[4*side:])
}

// check rejects a broken tree. A walk visits a node once for every path to it, so a file in which
// both records of 128 nodes in a row refer to the next node would take forever. Sound files share a
// few nodes: the nodes of IPv4 occur at several places of IPv6.
func (t mmdbTree) check() error {
	if t.recordBits != 24 && t.recordBits != 28 && t.recordBits != 32 {
		return fmt.Errorf("records of %d bits: %w", t.recordBits, ErrUnrecognised)
	}
	if uint64(t.nodes)*uint64(t.recordBits)/4 > uint64(len(t.content)) {
		return fmt.Errorf("%d nodes in %d octets: %w", t.nodes, len(t.content), ErrDamaged)
	}
	// paths holds the number of paths from each node to leaves. 0: not counted yet. open: being
	// counted.
	paths := make([]uint32, t.nodes)
	const open = math.MaxUint32
	var count func(node uint32, depth int) (uint32, error)
	count = func(node uint32, depth int) (uint32, error) {
		switch {
		case node >= t.nodes:
			return 1, nil
		case depth > 128 || paths[node] == open:
			return 0, fmt.Errorf("a tree deeper than an address: %w", ErrDamaged)
		case paths[node] != 0:
			return paths[node], nil
		}
		paths[node] = open
		var sum uint64
		for side := range 2 {
			n, err := count(t.record(node, side), depth+1)
			if err != nil {
				return 0, err
			}
			sum += uint64(n)
		}
		if sum > 8*MaxRows {
			return 0, fmt.Errorf("more than %d networks: %w", 8*MaxRows, ErrTooLarge)
		}
		paths[node] = uint32(sum)
		return paths[node], nil
	}
	_, err := count(0, 0)
	return err
}
