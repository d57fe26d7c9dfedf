package panel

// fewRows is the number of rows up to which a rowSet keeps them one by one. Live feeds announce
// some thousands in ten minutes; a table has a million.
const fewRows = 1 << 14

// rowSet is a set of rows of the rib. The zero value is empty.
type rowSet struct {
	few map[uint32]struct{}
	// many replaces few from fewRows on: one bit a row.
	many []uint64
}

// begun reports whether any row was added.
func (x *rowSet) begun() bool { return x.few != nil || x.many != nil }

func (x *rowSet) has(row uint32) bool {
	if x.many != nil {
		return hasBit(x.many, int(row))
	}
	_, ok := x.few[row]
	return ok
}

// add adds a row to the set and reports whether the set did not have it before.
func (x *rowSet) add(row uint32) bool {
	if x.has(row) {
		return false
	}
	switch {
	case x.many != nil:
		x.put(row)
	case len(x.few) < fewRows:
		if x.few == nil {
			x.few = make(map[uint32]struct{})
		}
		x.few[row] = struct{}{}
	default:
		for r := range x.few {
			x.put(r)
		}
		x.put(row)
		x.few = nil
	}
	return true
}

// put sets the bit of a row.
func (x *rowSet) put(row uint32) {
	if n := bitsOf(int(row) + 1); n > len(x.many) {
		x.many = append(x.many, make([]uint64, n-len(x.many))...)
	}
	setBit(x.many, int(row))
}
