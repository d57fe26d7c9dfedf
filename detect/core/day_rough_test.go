package core

import (
	"fmt"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// disturb makes every kind of disturbance happen.
func (p *dayPlayer) disturb() {
	p.filledGap(0, 3*hours, 45, 300)
	p.filledGap(1, 5*hours, 1200, 900)
	p.takeOver(2, 8*hours, 8)
	p.takeOver(3, 9*hours, 95)
	p.unfilledGap(3, 11*hours)
	p.gapWithinGap(1, 12*hours)
	p.filledGap(2, 13*hours-120, 600, 300) // a loss begins in it
	p.ghosts(0, 15*hours)
	p.late(1, 18*hours, 900, true)
	p.late(2, 19*hours, 90, false)
	p.filledGap(0, 20*hours, 30, 60)
	p.filledGap(0, 20*hours+300, 30, 60)
}

// filledGap: the stream stops for a while, and the fill comes later.
func (p *dayPlayer) filledGap(c int, from, length, after int64) {
	to, id := from+length, fmt.Sprint("gap", from)
	p.lost = append(p.lost, span{c, from, to})
	p.silent = append(p.silent, span{c, from, to})
	p.touched = append(p.touched, span{c, from - 60, max(to+after+120, from+dayGate)})
	p.at(c, to, func() {
		p.gap(c, to, id, from-1)
		p.say(c, "live", to, &pb.CollectorUp{})
	})
	p.at(c, to+after, func() {
		p.replay(c, "fill/"+id, from-1, to)
		p.say(c, "fill/"+id, to+after, &pb.GapEnd{Id: id, Complete: true, Filled: true})
	})
}

// takeOver: an owner is gone. Another begins, and the first one still sends records.
func (p *dayPlayer) takeOver(c int, from, length int64) {
	to, id := from+length, fmt.Sprint("take", from)
	known := from - 30 // the last time on bgp.feeds
	p.lost = append(p.lost, span{c, from, to})
	p.silent = append(p.silent, span{c, from, to})
	p.touched = append(p.touched, span{c, from - 60, to + 420})
	stale := func() {
		x := &p.c[c]
		x.epoch--
		seq := x.seq["live"]
		x.seq["live"] += 1000
		p.say(c, "live", to+2, p.message(c, dayChange{peer: 0, network: 0}))
		p.say(c, "live", to+2, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST})
		p.say(c, "live", to+2, &pb.GapBegin{Id: "stale"})
		p.table(c, to, "stale", p.empty())
		p.say(c, "table/stale", to+2, &pb.GapEnd{Id: "stale", Complete: true})
		x.epoch++
		x.seq["live"] = seq
	}
	p.at(c, to, func() {
		p.c[c].epoch++
		p.c[c].seq["live"] = 0
		p.say(c, "live", to, &pb.EpochBegin{})
		stale()
		p.gap(c, to, id, known)
		p.say(c, "live", to, &pb.CollectorUp{})
	})
	p.at(c, to+5, stale)
	p.at(c, to+300, func() {
		p.replay(c, "fill/"+id, known, to)
		p.say(c, "fill/"+id, to+300, &pb.GapEnd{Id: id, Complete: true, Filled: true})
	})
}

// unfilledGap: a file is missing in the archive; a table and the updates since bring the collector
// back.
func (p *dayPlayer) unfilledGap(c int, from int64) {
	to, id, boot := from+50, fmt.Sprint("gap", from), fmt.Sprint("boot", from)
	p.lost = append(p.lost, span{c, from, to})
	p.silent = append(p.silent, span{c, from, to})
	p.touched = append(p.touched, span{c, from - 60, from + 2760})
	p.at(c, to, func() {
		p.gap(c, to, id, from)
		p.say(c, "live", to, &pb.CollectorUp{})
	})
	p.at(c, to+300, func() {
		p.replay(c, "fill/"+id, from, from+20)
		p.say(c, "fill/"+id, to+300, &pb.GapEnd{Id: id, Filled: true})
	})
	var dump [][]uint32
	p.at(c, to+600, func() { dump = p.snapshot(c) })
	p.at(c, to+900, func() { p.gap(c, to+900, boot, 0) })
	p.at(c, to+1200, func() {
		p.table(c, to+600, boot, dump)
		p.replay(c, "fill/"+boot, to+600, to+1000)
		p.say(c, "fill/"+boot, to+1200, &pb.GapEnd{Id: boot, Complete: true, Families: []pb.Family{pb.Family_FAMILY_IPV4}})
	})
}

// gapWithinGap: a gap begins before the earlier gap is filled.
func (p *dayPlayer) gapWithinGap(c int, from int64) {
	p.lost = append(p.lost, span{c, from, from + 40}, span{c, from + 100, from + 130})
	p.silent = append(p.silent, span{c, from, from + 40}, span{c, from + 100, from + 130})
	p.touched = append(p.touched, span{c, from - 60, from + 720})
	p.at(c, from+40, func() { p.gap(c, from+40, "outer", from) })
	p.at(c, from+60, func() { p.replay(c, "fill/outer", from, from+20) })
	p.at(c, from+130, func() { p.gap(c, from+130, "inner", from+100) })
	p.at(c, from+600, func() {
		p.replay(c, "fill/inner", from, from+130)
		p.say(c, "fill/inner", from+600, &pb.GapEnd{Id: "inner", Complete: true, Filled: true})
	})
}

// ghosts: withdrawals and announcements are lost without a gap, and the daily check corrects them.
func (p *dayPlayer) ghosts(c int, from int64) {
	p.lost = append(p.lost, span{c, from, from + 300})
	p.touched = append(p.touched, span{c, from - 60, from + 1200})
	var dump [][]uint32
	p.at(c, from+330, func() { p.say(c, "live", from+330, &pb.CheckBegin{Id: "check"}) })
	p.at(c, from+390, func() { dump = p.snapshot(c) })
	p.at(c, from+690, func() {
		p.table(c, from+390, "check", dump)
		for i := range *dayPeers {
			_, wrong, _ := p.holding(c, i)
			p.swept[0] += wrong
		}
		p.say(c, "table/check", from+690, &pb.CheckEnd{Id: "check", Complete: true})
		for i := range *dayPeers {
			_, wrong, _ := p.holding(c, i)
			p.swept[1] += wrong
		}
	})
}

// late: the collector's records come late. ingest reports that, or is itself late.
func (p *dayPlayer) late(c int, from, length int64, said bool) {
	to := from + length
	p.lost = append(p.lost, span{c, from, to})
	p.silent = append(p.silent, span{c, from, to})
	p.touched = append(p.touched, span{c, from - 60, max(to+120, from+dayGate)})
	if said {
		p.at(c, from, func() {
			p.say(c, "live", from, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_STALE})
		})
	}
	p.at(c, to, func() {
		p.replay(c, "live", from, to)
		if said {
			p.say(c, "live", to, &pb.CollectorUp{})
		}
	})
}
