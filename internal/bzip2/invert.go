package bzip2

// Inverting the Burrows-Wheeler transform follows n indices through a table larger than the fast
// caches, so each step waits for memory. Steps from another index do not wait for it. So the
// inverter follows several ways at once. Each begins at its own index and ends at the start of
// another one. In the end the ways are joined. The indices are a permutation, so two ways meet only
// at a start.
const (
	lanes  = 8   // ways followed at the same time
	starts = 128 // all ways: more than lanes, because some are short
	// stretch is the number of consecutive octets of a way.
	stretch = 2048
	// startBit marks, in the table, the indices at which a way begins.
	startBit = 1 << 31
	// indexBits is the mask of an index, large enough for maxBlock.
	indexBits = 1<<20 - 1
)

// way is a part of the octets of a block: those from one start to the next.
type way struct {
	// first is the number of its first stretch; used is the number of octets in its last one.
	first, used int32
	// next is the way that follows it.
	next int32
}

// lane is a way that is being followed.
type lane struct {
	// at is the current index. to is the position of the next octet, end the end of the stretch.
	at      uint32
	to, end int32
	way     int32
}

// inverter inverts transforms.
type inverter struct {
	// octets holds the stretches. follows holds, by stretch, the number of the stretch that
	// continues it; -1 if there is none.
	octets  []byte
	follows []int32
	ways    [starts]way
	// begins holds the indices at which the ways begin.
	begins [starts]uint32
	lanes  [lanes]lane
}

// invert writes the octets in order: the octet of entry first, then that of the entry to which it
// points, and so on. An entry has an octet in its low 8 bits and the index of the next entry above
// them. invert changes the table.
func (v *inverter) invert(table []uint32, first uint32, out []byte) {
	if len(table) < lanes*starts {
		for i := range out {
			e := table[first]
			out[i] = byte(e)
			first = e >> 8
		}
		return
	}
	v.follows = v.follows[:0]
	for i := range v.begins {
		v.begins[i] = uint32((i*len(table) + starts - 1) / starts)
	}
	v.begins[0] = first
	for _, at := range v.begins {
		table[at] |= startBit
	}
	v.walk(table)
	v.join(out)
}

// walk follows all ways.
func (v *inverter) walk(table []uint32) {
	begun, active := 0, lanes
	for i := range v.lanes {
		v.lanes[i] = v.start(table, begun)
		begun++
	}
	for active > 0 {
		for k := 0; k < active; k++ {
			l := &v.lanes[k]
			e := table[l.at]
			if e&startBit != 0 {
				v.ways[l.way].used = l.to % stretch
				v.ways[l.way].next = v.wayAt(l.at, len(table))
				if begun < starts {
					*l = v.start(table, begun)
					begun++
					continue
				}
				active--
				*l = v.lanes[active]
				k--
				continue
			}
			v.octets[l.to] = byte(e)
			l.at = e >> 8 & indexBits
			if l.to++; l.to == l.end {
				v.extend(l)
			}
		}
	}
}

// start starts to follow a way, and takes its first step.
func (v *inverter) start(table []uint32, id int) lane {
	n := v.stretch()
	v.ways[id].first = n
	e := table[v.begins[id]]
	v.octets[n*stretch] = byte(e)
	return lane{at: e >> 8 & indexBits, to: n*stretch + 1, end: (n + 1) * stretch, way: int32(id)}
}

// extend gives a new stretch to a lane whose stretch is full.
func (v *inverter) extend(l *lane) {
	n := v.stretch()
	v.follows[l.to/stretch-1] = n
	l.to, l.end = n*stretch, (n+1)*stretch
}

// stretch returns the number of a new stretch.
func (v *inverter) stretch() int32 {
	n := len(v.follows)
	v.follows = append(v.follows, -1)
	if need := (n + 1) * stretch; need > len(v.octets) {
		v.octets = append(v.octets, make([]byte, max(need-len(v.octets), len(v.octets)))...)
	}
	return int32(n)
}

// wayAt returns the way that begins at the index.
func (v *inverter) wayAt(at uint32, n int) int32 {
	if at == v.begins[0] {
		return 0
	}
	return int32(int(at) * starts / n)
}

// join writes the ways in order, from the first on.
func (v *inverter) join(out []byte) {
	for id := int32(0); len(out) > 0; id = v.ways[id].next {
		for s := v.ways[id].first; s >= 0 && len(out) > 0; s = v.follows[s] {
			end := (s + 1) * stretch
			if v.follows[s] < 0 {
				end = s*stretch + v.ways[id].used
			}
			out = out[copy(out, v.octets[s*stretch:end]):]
		}
	}
}
