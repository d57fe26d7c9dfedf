package outage

import (
	"encoding/json"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// loss is how much of an entity is gone.
type loss struct {
	prefixes int
	space    uint64
	percent  bgp.Decimal
}

// worse returns the greater loss.
func worse(a, b loss) loss {
	if b.percent > a.percent || b.percent == a.percent && b.prefixes > a.prefixes {
		return b
	}
	return a
}

// lesser returns the smaller loss.
func lesser(a, b loss) loss {
	if worse(a, b) == a {
		return b
	}
	return a
}

// interval is a stretch of time, Unix seconds.
type interval struct{ start, end int64 }

// maxGaps bounds the list of an event's pauses.
const maxGaps = 100

// event is an outage in the course of its life.
type event struct {
	id    string
	kind  bgp.Kind
	state bgp.State
	seq   uint32
	blip  bool
	// within: a short loss that was published by itself, and is told in the intermittent event that is its successor.
	within bool

	first int64      // the first window with the loss
	start int64      // refined
	end   int64      // 0 while it lasts
	gaps  []interval // the last maxGaps
	// pauses counts all of them.
	pauses int

	base      baseline
	threshold uint64 // the loss that opened it; half of it is quiet
	byNumber  bool   // opened by the number of an AS's lost prefixes, with less space than opens one
	known     uint64 // of a moved event: the entity's known space when it opened
	peak, now loss
	score     int64 // hundredths of percent-minutes

	// startBlind and endBlind are minutes without verdicts right before the loss showed, and before the first quiet minute.
	startBlind, endBlind interval

	quiet      int   // quiet minutes so far
	quietSince int64 // the first of them
	quietScore int64 // of them, taken off again when they end the event

	spells      spells // of an outage
	announced   int    // minutes in which the routes came and went again
	minutes     int    // since it opened
	losses      int    // of an intermittent event
	lostMinutes int    // of an intermittent event
	long        bool   // of an intermittent event: it was an outage, so that its losses may be long

	digest     *digest
	churn      *bgp.Churn
	flaps      bgp.Flaps
	sameTime   int
	outages    int // of the 7 days before
	neighbours []string
	movedTo    []bgp.ASN // who has originated its prefixes
	notes      []string
	settled    bool // closed as the new normal: nothing re-opens it

	returned   bgp.EndReason     // how the routes came back in the first quiet minute
	unexpected []UnexpectedRoute // of kind origin: every route that was seen, with the most voters that held it
	// takenAway is lost space that left the watch list while the event was open.
	takenAway uint64
	watch     []bgp.WatchMember // that the last record named

	reason      bgp.EndReason // set while it is closed or retracted
	successor   string
	predecessor string

	publishedAt int64 // window
	// unknown: the engine took over from another one, and no record of this id was published.
	unknown bool
	// adopted: the engine knows the event from its record alone. base and digest are those of the record.
	adopted bool
	// unseen is when an adopted event was not watched; end is 0 while it cannot be judged, for so many minutes with verdicts as unjudged counts.
	unseen   interval
	unjudged int
	told     told
	relation
	previous json.RawMessage
}

// note adds a sentence once.
func (ev *event) note(s string) {
	if !slices.Contains(ev.notes, s) {
		ev.notes = append(ev.notes, s)
	}
}

// resume forgets why the event had ended.
func (ev *event) resume() { ev.returned, ev.reason, ev.successor = bgp.NotEnded, bgp.NotEnded, "" }

// run is a condition that holds minute after minute.
type run struct {
	first    int64 // window
	minutes  int
	score    int64
	peak     loss
	digest   *digest
	deep     bool   // in one of the minutes hardly anybody held the prefix, or enough of the entity's space
	suspect  *event // sent as suspected
	rejected bool   // of a large entity: it was looked at and is too narrow
	held     int    // minutes of it in which nothing was decided, because the panel gate was shut
}

// end is when a run was over that held without a break.
func (r *run) end() int64 { return r.first + int64(r.minutes)*minute }

// extend counts a minute in which the condition holds or not, and returns the run that ended.
func extend(r **run, holds bool, window int64, l loss) (ended *run) {
	if !holds {
		ended, *r = *r, nil
		return ended
	}
	if *r == nil {
		*r = &run{first: window}
	}
	(*r).minutes++
	(*r).score += int64(l.percent)
	(*r).peak = worse((*r).peak, l)
	return nil
}
