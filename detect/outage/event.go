package outage

import (
	"encoding/json"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// loss is the lost part of an entity.
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

// interval is a span of time, Unix seconds.
type interval struct{ start, end int64 }

// maxGaps bounds the list of an event's pauses.
const maxGaps = 100

// event is the state of an event from its beginning to its end.
type event struct {
	id    string
	kind  bgp.Kind
	state bgp.State
	seq   uint32
	blip  bool
	// within: a short loss that was published as an event of its own. It now belongs to an
	// intermittent event, which is its successor.
	within bool

	first int64      // the first window with the loss
	start int64      // the start after refinement
	end   int64      // 0 while it lasts
	gaps  []interval // the last maxGaps pauses
	// pauses counts all pauses.
	pauses int

	base      baseline
	threshold uint64 // the loss that opened the event; the event is quiet at half of it
	byNumber  bool   // opened by the number of lost prefixes of an AS, with less than threshold
	known     uint64 // of a moved event: the entity's known space when the event opened
	peak, now loss
	score     int64 // hundredths of percent-minutes

	// startBlind is the interval without verdicts right before the loss showed, endBlind that
	// right before the first quiet minute.
	startBlind, endBlind interval

	quiet      int   // quiet minutes so far
	quietSince int64 // the first quiet minute
	quietScore int64 // score at the first quiet minute: the event's score if it ends then

	spells      spells // of an outage
	announced   int    // minutes in which the routes came back and were lost again
	minutes     int    // minutes since the event opened
	losses      int    // of an intermittent event
	lostMinutes int    // of an intermittent event
	long        bool   // of an intermittent event: it was an outage, so its losses may be long

	digest     *digest
	churn      *bgp.Churn
	flaps      bgp.Flaps
	sameTime   int
	outages    int // number of outages in the 7 days before
	neighbours []string
	movedTo    []bgp.ASN // ASes that have originated its prefixes
	notes      []string
	settled    bool // closed as the new normal: it is never reopened

	returned   bgp.EndReason     // how the routes came back in the first quiet minute
	unexpected []UnexpectedRoute // of kind origin: each route that was seen, at its most voters
	// takenAway is lost space that left the watch list while the event was open.
	takenAway uint64
	watch     []bgp.WatchMember // members that the last record named

	reason      bgp.EndReason // set while it is closed or retracted
	successor   string
	predecessor string

	publishedAt int64 // window
	// unknown: the engine took over from another one, and no record with this id was published.
	unknown bool
	// adopted: the engine knows the event only from its record. base and digest are those of the
	// record.
	adopted bool
	// unseen is the time in which an adopted event was not watched. Its end is 0 while the event
	// cannot be judged. unjudged counts the minutes with verdicts in that time.
	unseen   interval
	unjudged int
	told     told
	relation
	previous json.RawMessage
}

// note adds a sentence to the notes if it is not there yet.
func (ev *event) note(s string) {
	if !slices.Contains(ev.notes, s) {
		ev.notes = append(ev.notes, s)
	}
}

// resume clears the reason and the successor of an event that had ended.
func (ev *event) resume() { ev.returned, ev.reason, ev.successor = bgp.NotEnded, bgp.NotEnded, "" }

// run is a condition that holds in consecutive minutes.
type run struct {
	first    int64 // window
	minutes  int
	score    int64
	peak     loss
	digest   *digest
	deep     bool   // in a minute hardly any voter held the prefix, or enough of the space
	suspect  *event // the event that was sent as suspected
	rejected bool   // of a large entity: too few origins lose something
	held     int    // minutes of the run without decisions because the panel gate was shut
}

// end returns the time at which a run of consecutive minutes was over.
func (r *run) end() int64 { return r.first + int64(r.minutes)*minute }

// extend counts a minute in which the condition holds or does not hold. It returns the run that
// ended in this minute, or nil.
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
