package simulate

import (
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// record is one record that a collector writes about a session.
type record struct {
	at      int64
	session *session
	// mask names the prefixes of group that are announced with path, or withdrawn. Records of the
	// other kinds use endOfRIB, or from and to.
	mask     uint32
	group    int32
	path     int8
	endOfRIB bgp.Family
	from, to bgp.FSMState
}

// held is one entry of a table: a session that holds a prefix, and the number of its path.
type held struct {
	session *session
	path    int8
}

// recording is the recording of one collector: the table at its start by group and prefix, and the
// records after it, in order.
type recording struct {
	start   int64
	table   [][][]held
	records []record
}

// sender plays one session. real holds the peer's routes and seen the routes that the collector
// heard, by group and prefix.
type sender struct {
	w          *World
	s          *session
	peerIndex  int
	real, seen [][]int8
	up         bool
	// busy is the end of the running table transfer. Earlier changes are sent after it.
	busy    int64
	records []record
	// table is a copy of seen at start. Records before start are dropped.
	start, end int64
	table      [][]int8
}

// record returns the recording of a collector.
func (w *World) record(collector string) recording {
	r := recording{start: w.start, table: make([][][]held, len(w.groups))}
	end := w.end
	if collector == w.cfg.Late {
		r.start += LateBy.Microseconds()
	}
	if collector == w.cfg.Early {
		end -= EarlyBy.Microseconds()
	}
	for g := range w.groups {
		r.table[g] = make([][]held, len(w.groups[g].prefixes))
	}
	for i, p := range w.peers {
		if p.collector != collector {
			continue
		}
		for _, s := range p.sessions {
			play := w.play(i, s, r.start, end)
			r.records = append(r.records, play.records...)
			for g, paths := range play.table {
				for n, k := range paths {
					if k != withdrawn {
						r.table[g][n] = append(r.table[g][n], held{s, k})
					}
				}
			}
		}
	}
	slices.SortStableFunc(r.records, func(a, b record) int { return compare(a.at, b.at) })
	return r
}

// play runs one session from the start of the world to end, and keeps the collector's records from
// start on.
func (w *World) play(peerIndex int, s *session, start, end int64) *sender {
	p := &sender{w: w, s: s, peerIndex: peerIndex, up: true, start: start, end: end}
	p.real, p.seen = make([][]int8, len(w.groups)), make([][]int8, len(w.groups))
	for g := range w.groups {
		k := int8(withdrawn)
		if s.carries(w.groups[g].family) && w.hears(s.peer, &w.groups[g]) {
			k = 0
		}
		for n := range w.groups[g].prefixes {
			first := k
			if w.groups[g].absent&(1<<n) != 0 {
				first = withdrawn
			}
			p.real[g], p.seen[g] = append(p.real[g], first), append(p.seen[g], first)
		}
	}
	changes := w.plan.changes[s.index]
	for _, pause := range w.plan.pauses[s.index] {
		changes = p.apply(changes, pause.down)
		p.down(pause)
		changes = p.apply(changes, pause.up)
		p.comeBack(pause)
	}
	p.apply(changes, end)
	p.snapshot(end)
	return p
}

// snapshot copies the table when the time first reaches the start of the recording.
func (p *sender) snapshot(at int64) {
	if p.table != nil || at < p.start {
		return
	}
	p.table = make([][]int8, len(p.seen))
	for g := range p.seen {
		p.table[g] = slices.Clone(p.seen[g])
	}
}

// apply plays the changes before t and returns the rest.
func (p *sender) apply(changes []change, t int64) []change {
	for len(changes) > 0 && changes[0].at < t {
		c := changes[0]
		changes = changes[1:]
		var news uint32
		for n := range p.real[c.group] {
			if c.mask&(1<<n) != 0 {
				p.real[c.group][n] = c.path
				if c.silent {
					p.seen[c.group][n] = c.path
				}
				if p.seen[c.group][n] != c.path {
					news |= 1 << n
				}
			}
		}
		if p.up && news != 0 {
			p.tell(max(c.at, p.busy), int(c.group), news, c.path)
		}
	}
	return changes
}

// tell records a message about prefixes of a group, and updates seen.
func (p *sender) tell(at int64, g int, mask uint32, path int8) {
	p.keep(record{at: at, mask: mask, group: int32(g), path: path})
	for n := range p.seen[g] {
		if mask&(1<<n) != 0 {
			p.seen[g][n] = path
		}
	}
}

// keep appends a record if it is within the recording.
func (p *sender) keep(r record) {
	p.snapshot(r.at)
	r.session = p.s
	if r.at >= p.start && r.at < p.end {
		p.records = append(p.records, r)
	}
}

func (p *sender) state(at int64, from, to bgp.FSMState) {
	p.keep(record{at: at, from: from, to: to})
}

// down ends the session. If the collector notices, it forgets the table.
func (p *sender) down(pause pause) {
	p.up = false
	if !pause.state {
		return
	}
	if pause.down >= p.w.start {
		p.state(pause.down, bgp.Established, bgp.Idle)
	}
	for g := range p.seen {
		for n := range p.seen[g] {
			p.seen[g][n] = withdrawn
		}
	}
}

// comeBack starts the session again and sends the whole table, one message for each group and path.
// Then it sends End-of-RIB if the peer supports it. A pause without state messages had no new
// session, so it ends without End-of-RIB.
func (p *sender) comeBack(pause pause) {
	p.up = true
	if pause.state {
		p.state(pause.up-2*second, bgp.Idle, bgp.Connect)
		p.state(pause.up-second, bgp.Connect, bgp.OpenSent)
		p.state(pause.up-second/4, bgp.OpenSent, bgp.OpenConfirm)
		p.state(pause.up, bgp.OpenConfirm, bgp.Established)
	}
	step := max(pause.transfer/int64(len(p.w.groups)), 1)
	at := pause.up
	for g := range p.real {
		at += step
		for k := range int8(8) {
			var mask uint32
			for n, have := range p.real[g] {
				if have == k {
					mask |= 1 << n
				}
			}
			if mask != 0 {
				p.tell(at, g, mask, k)
			}
		}
	}
	p.busy = at + step
	if pause.state && p.s.peer.endOfRIB {
		for _, f := range p.s.families {
			p.keep(record{at: p.busy, endOfRIB: f})
		}
		p.busy++
	}
}

// originated returns the time at which a route of a table was learned: some days before start.
func originated(start int64, g int, s *session) time.Time {
	return time.UnixMicro(start - day - int64(g*37+s.index*101)%(20*24)*hour)
}
