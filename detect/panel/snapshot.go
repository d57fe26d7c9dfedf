package panel

import (
	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/bgp"
)

// maxSlots bounds the slots of a snapshot. It equals the bound of the rib.
const maxSlots = 1024

// Code writes the sessions and the voters, or reads them into a new Panel. rows is one more than
// the highest row of the rib.
func (p *Panel) Code(c *snapshot.Coder, rows int) {
	snapshot.Slice(c, &p.sessions, func(c *snapshot.Coder, v **Session) {
		snapshot.Pointer(c, v, func(c *snapshot.Coder, s *Session) { s.code(c, rows) })
	})
	if len(p.sessions) > maxSlots {
		c.Fail("%d sessions, which is more than %d", len(p.sessions), maxSlots)
	}
	snapshot.Text(c, &p.knowledge)
	switch p.knowledge {
	case bgp.TablesUndecided, bgp.TablesLearned, bgp.TablesComplete:
	default:
		c.Fail("the knowledge %.20q", p.knowledge)
	}
	p.codeVoters(c, p.voters)
	codeNeed(c, &p.need)
	p.codeVoters(c, p.chosen)
	snapshot.Int(c, &p.in)
	snapshot.Int(c, &p.out)
	for i := range p.leavers {
		snapshot.Int(c, &p.leavers[i])
	}
	codeGate(c, &p.gate)
}

func codeGate(c *snapshot.Coder, v *gate) {
	snapshot.Slice(c, &v.voters, snapshot.Int)
	snapshot.Int(c, &v.since)
	snapshot.Int(c, &v.calm)
	snapshot.Words(c, &v.before, bitsOf(maxSlots))
	snapshot.Int(c, &v.shutAt)
	snapshot.Int(c, &v.usual)
	if len(v.voters) > gateWindows {
		c.Fail("voters of %d windows, which is more than %d", len(v.voters), gateWindows)
	}
}

func codeNeed(c *snapshot.Coder, v *Need) {
	snapshot.Int(c, &v.Voters)
	snapshot.Int(c, &v.Collectors)
}

// codeVoters writes voters, or reads into them.
func (p *Panel) codeVoters(c *snapshot.Coder, v *Voters) {
	snapshot.Int(c, &v.N)
	snapshot.Int(c, &v.Collectors)
	snapshot.Words(c, &v.Mask, bitsOf(maxSlots))
	snapshot.Words(c, &v.Leaders, bitsOf(maxSlots))
	snapshot.Slice(c, &v.second, func(c *snapshot.Coder, f *follower) {
		snapshot.Number(c, &f.slot, 64*len(v.Mask))
		snapshot.Number(c, &f.leader, 64*len(v.Leaders))
	})
	snapshot.Slice(c, &v.collector, snapshot.Uint)
	for slot := range 64 * len(v.Mask) {
		if v.Votes(slot) && slot >= len(v.collector) {
			c.Fail("slot %d votes and has no collector", slot)
			return
		}
	}
}

func (s *Session) code(c *snapshot.Coder, rows int) {
	snapshot.PeerKey(c, &s.Key)
	snapshot.Bool(c, &s.Up)
	snapshot.Bool(c, &s.Masked)
	snapshot.Bool(c, &s.Ended)
	snapshot.Bool(c, &s.Awaiting)
	snapshot.Bool(c, &s.Complete)
	snapshot.Bool(c, &s.Unreadable)
	snapshot.Int(c, &s.Since)
	snapshot.Int(c, &s.LastHeard)
	snapshot.Int(c, &s.transferUntil)
	snapshot.Bool(c, &s.member)
	snapshot.Int(c, &s.shrunk)
	snapshot.Bool(c, &s.lost)
	snapshot.Bool(c, &s.extra)
	snapshot.Uint(c, &s.voted) // A value above rememberWindows counts as rememberWindows.
	s.burst.code(c, rows)
	codeSpoken(c, &s.spoken)
	snapshot.Bool(c, &s.growing)
	codeLapse(c, &s.lapse)
	snapshot.Bool(c, &s.inGap)
	codeKnowledge(c, &s.before)
}

func (b *burst) code(c *snapshot.Coder, rows int) {
	snapshot.Int(c, &b.since)
	snapshot.Int(c, &b.window)
	snapshot.Int(c, &b.counted)
	snapshot.Int(c, &b.withdrawn)
	snapshot.Int(c, &b.distinct)
	snapshot.Bool(c, &b.ended)
	b.seen.code(c, rows)
}

func (x *rowSet) code(c *snapshot.Coder, rows int) {
	snapshot.NumberMap(c, &x.few, rows, snapshot.Nothing)
	snapshot.Words(c, &x.many, bitsOf(rows))
	if x.few != nil && x.many != nil {
		c.Fail("a set of rows is stored as a list and as a bitset")
	}
}

func codeSpoken(c *snapshot.Coder, v *spoken) {
	snapshot.Int(c, &v.announced)
	snapshot.Int(c, &v.unheard)
	snapshot.Int(c, &v.most)
	snapshot.Int(c, &v.gone)
}

func codeLapse(c *snapshot.Coder, v *lapse) {
	snapshot.Int(c, &v.at)
	snapshot.Int(c, &v.size)
}

func codeKnowledge(c *snapshot.Coder, v *knowledge) {
	snapshot.Bool(c, &v.complete)
	snapshot.Bool(c, &v.awaiting)
	snapshot.Int(c, &v.transferUntil)
}
