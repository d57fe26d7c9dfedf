package outage

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// wasOutage is the note of an intermittent event that was an outage. Its losses may be long.
const wasOutage = "It was an outage until its routes had come and gone again and again within an hour."

// spells are the intervals of an outage in which its loss held without a break.
type spells struct {
	since int64      // the first window of the present spell; 0 while the loss pauses
	calm  int64      // the first quiet window of the present pause; 0 if there is none
	past  []interval // the spells that ended within FlapMinutes
	brief []int64    // windows within FlapMinutes in which the routes came back and were lost again
	count int        // number of all spells that ended
	lost  int        // minutes in which the loss held all the time
}

// begin starts the first spell, or the next one after the event had been closed.
func (s *spells) begin(r *run) { s.since, s.calm, s.lost = r.first, 0, s.lost+r.minutes }

// pass counts a window. It reports whether the routes are back after a spell, or were back for a
// part of the minute (brief).
func (s *spells) pass(window int64, quiet, brief bool) (returned bool) {
	switch {
	case quiet:
		if s.calm == 0 {
			s.calm = window
		}
		if s.since == 0 {
			return false
		}
		s.past = append(s.past, interval{s.since, window})
		s.count, s.since = s.count+1, 0
		return true
	case s.since == 0:
		s.since = window
	}
	if brief {
		s.brief = append(s.brief, window)
		return true
	}
	s.lost++
	return false
}

// followSpells counts a minute of an open outage. It reports whether the outage has become an
// intermittent event.
func (e *Engine) followSpells(ent *entity, rd *reading, quiet bool) bool {
	ev := ent.ev
	brief := rd.brief && !quiet
	if brief {
		ev.announced++
	}
	if !quiet && ev.spells.calm != 0 {
		ev.pause(ev.spells.calm, e.window)
		ev.spells.calm = 0
	}
	if !ev.spells.pass(e.window, quiet, brief) || !e.flapping(ev) {
		return false
	}
	ev.kind, ev.long = bgp.KindIntermittent, true
	ev.losses, ev.lostMinutes = ev.spells.count+ev.announced, ev.spells.lost
	ev.quiet, ev.endBlind, ev.now = 0, interval{}, rd.loss
	ev.note(wasOutage)
	ent.lastEnd = max(ent.lastEnd, e.endOfLoss(rd))
	ev.returned = e.returnOf(ent, ev, rd.loss, e.allowedShort(rd))
	e.publish(ent, ev, bgp.EventUpdated)
	return true
}

// flapping reports whether the outage's last return makes it an intermittent event. One condition
// is FlapLosses returns of a minute or more within FlapMinutes, if the loss took at most two
// thirds of that time. The other is FlapLosses minutes, and a third of all minutes, in which the
// routes came back and were lost again.
func (e *Engine) flapping(ev *event) bool {
	s, from := &ev.spells, e.window-int64(e.cfg.FlapMinutes)*minute
	s.past = slices.DeleteFunc(s.past, func(p interval) bool { return p.end < from })
	s.brief = slices.DeleteFunc(s.brief, func(w int64) bool { return w < from })
	from = max(from, ev.first)
	var lost int64
	for _, p := range s.past {
		lost += p.end - max(p.start, from)
	}
	if len(s.past) >= e.cfg.FlapLosses && s.since == 0 {
		return lost*3 <= (e.window-from)*2
	}
	return len(s.brief) >= e.cfg.FlapLosses && int64(len(s.brief))*3*minute >= e.window+minute-from
}

// endOfLoss returns the end of a loss that does not hold in this window: the beginning of the
// window, or its end if the routes came back and were lost again within it.
func (e *Engine) endOfLoss(rd *reading) int64 {
	if rd.brief {
		return e.window + minute
	}
	return e.window
}

// pause adds an interval to the pauses of the event's loss.
func (ev *event) pause(start, end int64) {
	if len(ev.gaps) == maxGaps {
		ev.gaps = append(ev.gaps[:0:0], ev.gaps[1:]...)
	}
	ev.gaps = append(ev.gaps, interval{start, end})
	ev.pauses++
}
