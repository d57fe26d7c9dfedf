package outage

import "github.com/darkmap/darkmap/internal/bgp"

// spells are the stretches of an outage in which its loss held without a break.
type spells struct {
	since int64      // the first window of the present one; 0 while the loss pauses
	calm  int64      // the first quiet window of the present pause; 0 where there was none
	past  []interval // those that ended within FlapMinutes
	count int        // of all that ended
	lost  int64      // seconds of all that ended
}

// pass counts a window and reports whether a spell ended with it: the routes are back, or they were for a part of the minute
// (brief).
func (s *spells) pass(window int64, quiet, brief bool) (ended bool) {
	if quiet && s.calm == 0 {
		s.calm = window
	}
	if !quiet && !brief {
		if s.since == 0 {
			s.since = window
		}
		return false
	}
	if s.since == 0 {
		return false
	}
	s.past = append(s.past, interval{s.since, window})
	s.count, s.lost, s.since = s.count+1, s.lost+window-s.since, 0
	return true
}

// followSpells counts a minute of an open outage. It reports whether the outage is an intermittent event from now on.
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
	ev.losses, ev.lostMinutes = ev.spells.count, int(ev.spells.lost/minute)
	ev.quiet, ev.now = 0, rd.loss
	ev.note("It was an outage until its routes had returned for the third time within an hour.")
	ent.lastEnd = max(ent.lastEnd, e.endOfLoss(rd))
	ev.returned = e.returnOf(ent, ev, rd.loss, e.allowedShort(rd))
	e.publish(ent, ev, bgp.EventUpdated)
	return true
}

// flapping reports whether the outage's last return makes it an intermittent event: so many within FlapMinutes, of which the
// loss took two thirds at most.
func (e *Engine) flapping(ev *event) bool {
	from := e.window - int64(e.cfg.FlapMinutes)*minute
	for len(ev.spells.past) > 0 && ev.spells.past[0].end < from {
		ev.spells.past = ev.spells.past[1:]
	}
	from = max(from, ev.first)
	var lost int64
	for _, p := range ev.spells.past {
		lost += p.end - max(p.start, from)
	}
	return len(ev.spells.past) >= e.cfg.FlapLosses && lost*3 <= (e.window-from)*2
}

// endOfLoss is when a loss was over that does not hold in this window: at its beginning, or at its end where the routes came
// and went within it.
func (e *Engine) endOfLoss(rd *reading) int64 {
	if rd.brief {
		return e.window + minute
	}
	return e.window
}

// pause lists a stretch in which the event's loss did not hold.
func (ev *event) pause(start, end int64) {
	if len(ev.gaps) == maxGaps {
		ev.gaps = append(ev.gaps[:0:0], ev.gaps[1:]...)
	}
	ev.gaps = append(ev.gaps, interval{start, end})
	ev.pauses++
}
