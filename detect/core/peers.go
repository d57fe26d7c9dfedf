package core

import (
	"slices"
	"strings"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// maxPeers bounds the peers of a collector: more than any collector has, and a bound on the
	// memory that a hostile stream takes.
	maxPeers = 1 << 16
	// forgetSeconds is the time after which a session that is down is forgotten.
	forgetSeconds = 24 * 3600
)

// collector is the state of one collector.
type collector struct {
	name    string
	masked  masking
	peers   map[bgp.Peer]*peer
	same    map[bgp.Peer]*peer   // by another AS number of the peer, see identity.go
	at      map[bgp.Peer][]*peer // by key without AS number
	gap     *gap
	gaps    uint64 // number of gaps so far
	check   *check
	beacons beaconLog
}

// masking is whether a collector's peers are taken out of every denominator.
type masking uint8

const (
	unmasked masking = iota
	masked
	ended // its files have ended, which is no loss
)

// peer is a neighbour of a collector.
type peer struct {
	key   bgp.PeerKey
	upAt  int64 // time of the last Peer Up; 0: none
	down  bool  // the last state was Peer Down
	slots [len(bgp.Families)]peerSlot
	gap   gapPeer
	// reading counts the messages of the peer that can be read, and those that cannot.
	reading reading
}

// peerSlot is a peer's slot of the rib in one family.
type peerSlot struct {
	slot    int
	used    bool // false: the peer has no slot
	named   bool // a table named the peer
	refused bool // no slot was free; a table may still name the peer
}

func (d *Detector) collector(name string) *collector {
	c := d.collectors[name]
	if c == nil {
		name = strings.Clone(name)
		c = &collector{
			name: name, peers: make(map[bgp.Peer]*peer),
			same: make(map[bgp.Peer]*peer), at: make(map[bgp.Peer][]*peer),
		}
		d.collectors[name] = c
	}
	return c
}

// heard notes that a peer sent a message about a family, and returns its slot, or -1 if it has
// none. A message of a peer that is not up sets it up: files begin in the middle of sessions, and a
// Peer Up can be missing.
func (d *Detector) heard(f *familyState, c *collector, p *peer, now int64) int {
	ps := &p.slots[f.family-bgp.IPv4]
	if f.left {
		spoke(c, p)
		return -1
	}
	if !ps.used && !d.seat(f, c, p, now) {
		return -1
	}
	s := f.panel.Session(ps.slot)
	s.LastHeard, s.Key.ASN = now, p.key.ASN
	if !s.Up {
		s.PeerUp(now, d.cfg.Panel.TransferSeconds())
	}
	spoke(c, p)
	return ps.slot
}

// spoke notes that the live stream had a message of a peer.
func spoke(c *collector, p *peer) {
	p.down = false
	if c.gap != nil {
		c.gap.of(p).spoke = true
	}
}

// seat gives a peer a slot in a family. It returns false if the peer was refused.
func (d *Detector) seat(f *familyState, c *collector, p *peer, now int64) bool {
	ps := &p.slots[f.family-bgp.IPv4]
	if ps.refused || f.left {
		return false
	}
	slot, ok := f.rib.AddSlot()
	if !ok {
		ps.refused = true
		f.refused++
		return false
	}
	ps.slot, ps.used = slot, true
	for len(f.peers) <= slot {
		f.peers = append(f.peers, nil)
	}
	f.peers[slot] = p
	s := &panel.Session{
		Key: p.key, Up: true, Masked: c.masked != unmasked, Ended: c.masked == ended,
		Since: now, LastHeard: now,
	}
	switch {
	case p.upAt != 0:
		s.PeerUp(p.upAt, d.cfg.Panel.TransferSeconds())
	case p.down:
		s.PeerUp(now, d.cfg.Panel.TransferSeconds())
	default:
		s.Awaiting = d.trimmed
	}
	s.Unreadable = p.reading.poor()
	f.panel.Add(slot, s)
	if g := c.gap; g.covers(f.family, p) {
		s.GapBegin(!g.short)
		f.rib.BeginGap(slot)
	}
	return true
}

// Peer implements visibility.Peers.
func (f *familyState) Peer(slot int) (bgp.PeerKey, bool) {
	if slot >= len(f.peers) || f.peers[slot] == nil {
		return bgp.PeerKey{}, false
	}
	return f.peers[slot].key, true
}

// end clears the columns of peers whose sessions end at now. The evidence of a whole table stays: a
// prefix of it that is missing in the peer's next table was lost with the session. The evidence of
// a part of a table stays too. Without a table all prefixes of the slot become unknown.
func (f *familyState) end(now int64, slots ...int) {
	if len(slots) == 0 {
		return
	}
	mask := make([]uint64, f.rib.Words())
	var whole, part []int
	for _, s := range slots {
		switch f.panel.Session(s).Lapse(now, f.rib.Size(s)) {
		case panel.WholeTable:
			whole = append(whole, s)
		case panel.PartOfTable:
			part = append(part, s)
		case panel.NoTable:
			mask[s>>6] |= 1 << (s & 63)
		}
	}
	f.rib.ClearSlots(mask)
	f.rib.Vacate(true, whole...)
	f.rib.Vacate(false, part...)
	f.swept = true
}

// lapse notes the prefixes that are missing in the new tables of sessions, once there are verdicts:
// they were lost when the session before ended.
func (f *familyState) lapse() {
	for _, l := range f.panel.Lapses(f.rib.Size) {
		if !l.Comparable {
			f.rib.ForgetLapsed(l.Slot)
			continue
		}
		f.rib.Lapsed(l.Slot, func(r rib.Row) { f.vis.Lapsed(r, l.Slot, l.At) })
	}
}

// peerUp begins a session. The state of the session before is void, and the peer sends its table
// now.
func (d *Detector) peerUp(c *collector, in *pb.Peer, now int64) error {
	p, err := c.peer(in)
	if err != nil {
		return err
	}
	p.upAt, p.down, p.reading = now, false, reading{}
	d.setUnreadable(p)
	c.leave(p)
	for _, f := range d.families {
		ps := &p.slots[f.family-bgp.IPv4]
		ps.refused = false
		if ps.used {
			f.end(now, ps.slot)
			s := f.panel.Session(ps.slot)
			s.PeerUp(now, d.cfg.Panel.TransferSeconds())
			s.LastHeard = now
		}
	}
	return nil
}

// peerDown ends a session. This is never a withdrawal: the peer leaves every denominator.
func (d *Detector) peerDown(c *collector, in *pb.Peer, now int64) error {
	p, err := c.peer(in)
	if err != nil {
		return err
	}
	p.upAt, p.down = 0, true
	c.leave(p)
	for _, f := range d.families {
		if ps := &p.slots[f.family-bgp.IPv4]; ps.used {
			f.end(now, ps.slot)
			s := f.panel.Session(ps.slot)
			s.PeerDown()
			s.LastHeard = now
		}
	}
	return nil
}

// leave takes a peer whose session comes or goes out of the open gap: the answer to the gap is
// about the session before.
func (c *collector) leave(p *peer) {
	if c.gap != nil {
		c.gap.of(p).left = true
	}
}

// mask takes a collector's peers out of every denominator, or back in.
func (d *Detector) mask(c *collector, m masking, now int64) {
	if (c.masked != unmasked) != (m != unmasked) {
		c.beacons.disturbed = now
	}
	c.masked = m
	for _, p := range c.peers {
		for _, f := range d.families {
			if ps := &p.slots[f.family-bgp.IPv4]; ps.used {
				s := f.panel.Session(ps.slot)
				s.Masked, s.Ended = m != unmasked, m == ended
			}
		}
	}
}

// lose ends all sessions of a collector in one pass.
func (d *Detector) lose(c *collector, now int64) {
	d.dropCheck(c)
	for _, f := range d.families {
		var slots []int
		for _, p := range c.peers {
			p.upAt, p.down = 0, true
			if ps := &p.slots[f.family-bgp.IPv4]; ps.used {
				slots = append(slots, ps.slot)
			}
		}
		f.end(now, slots...)
		for _, slot := range slots {
			s := f.panel.Session(slot)
			s.PeerDown()
			s.LastHeard = now
		}
	}
	for _, p := range c.peers {
		c.leave(p)
	}
}

// admit evicts sessions above MaxSessions when the window that began at start closes, in this
// order: (1) sessions that are new in this window and that no table names; (2) to make space for
// new sessions that a table names, older ones without a known table that no table names (a table
// that comes for one gives it a slot again); (3) the remaining new sessions. Within a group the
// highest key goes first. Once an hour admit forgets sessions that have been down for a day.
func (f *familyState) admit(start int64) {
	var used int
	var strangers, idle, named []*peer // new; older without a table; new and named by a table
	for slot, p := range f.peers {
		if p == nil {
			continue
		}
		s := f.panel.Session(slot)
		if start%3600 == 0 && !s.Up && start-s.LastHeard > forgetSeconds {
			f.unseat(p)
			continue
		}
		used++
		switch {
		case s.Since >= start && p.slots[f.family-bgp.IPv4].named:
			named = append(named, p)
		case s.Since >= start:
			strangers = append(strangers, p)
		case !s.Complete && !p.slots[f.family-bgp.IPv4].named:
			idle = append(idle, p)
		}
	}
	if used <= MaxSessions {
		return
	}
	for _, group := range [][]*peer{strangers, idle, named} {
		slices.SortFunc(group, func(a, b *peer) int { return b.key.Compare(a.key) })
	}
	idle = idle[:min(len(idle), len(named))]
	for _, p := range slices.Concat(
		strangers, idle, named)[:min(used-MaxSessions, len(strangers)+len(idle)+len(named))] {
		f.unseat(p)
		p.slots[f.family-bgp.IPv4].refused = true
		f.refused++
	}
}

// unseat takes a peer's slot away.
func (f *familyState) unseat(p *peer) {
	ps := &p.slots[f.family-bgp.IPv4]
	f.vis.ForgetSlot(ps.slot)
	f.rib.RemoveSlot(ps.slot)
	f.panel.Remove(ps.slot)
	f.peers[ps.slot] = nil
	f.swept = true
	*ps = peerSlot{}
}
