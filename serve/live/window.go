package live

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/outagelog"
)

// RingMinutes is for how many minutes the changes are kept: who was away for longer gets a whole snapshot.
const RingMinutes = 70

// Window is what one decided minute brought.
type Window struct {
	// ID names the minute and the place in the topics behind its last record. It is the id of a server-sent event. Processes that read
	// the same topics give the same minute ids that Changes of each other accept.
	ID string
	// Minute is the beginning of the minute, UTC.
	Minute time.Time
	// Outages are the records of outages in the order in which they were decided. Each is one event of one outage; Outage has no Previous.
	Outages []outagelog.Entry
	// Values are the entities whose values came, by family, type and code; prefixes too.
	Values []Value

	place  place
	public func() *Window
}

// Public is the minute without what only people who are logged in may see.
func (w *Window) Public() *Window { return w.public() }

// seal makes the public form once, when it is asked for. lists are the public watch lists at the end of the minute.
func (w *Window) seal(lists map[string]bool) *Window {
	w.public = sync.OnceValue(func() *Window {
		out := &Window{ID: w.ID, Minute: w.Minute, Outages: publicEntries(w.Outages), place: w.place}
		for _, v := range w.Values {
			if publicValue(v, lists) {
				out.Values = append(out.Values, v)
			}
		}
		out.public = func() *Window { return out }
		return out
	})
	return w
}

// slot is a partition of a topic.
type slot struct {
	topic     string
	partition int32
}

// position is how far a partition was read.
type position struct {
	// next is the offset behind the last record that was taken or, before the first one, where reading began.
	next int64
	// seen: a record was taken.
	seen bool
}

// place is how far the partitions were read at the end of a minute.
type place struct {
	// generation names the topics as they were created: they are others after they were deleted.
	generation string
	positions  map[slot]position
}

// ErrNoID says that a text is no id of a window.
var ErrNoID = errors.New("no id of a minute")

// The marks before an offset of an id.
const (
	markSeen   = "."
	markUnseen = "~"
)

// windowID is the id of a minute at a place: MINUTE-GENERATION, then the offsets of the partitions by topic and partition.
func windowID(minute time.Time, p place) string {
	var b strings.Builder
	b.WriteString(strconv.FormatInt(minute.Unix()/60, 36) + "-" + p.generation)
	for _, s := range p.slots() {
		mark := markUnseen
		if p.positions[s].seen {
			mark = markSeen
		}
		b.WriteString(mark + strconv.FormatInt(p.positions[s].next, 36))
	}
	return b.String()
}

// slots lists the partitions by topic and number.
func (p place) slots() []slot {
	return slices.SortedFunc(maps.Keys(p.positions), func(a, b slot) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
}

// maxID bounds what is read as an id.
const maxID = 1000

// parseID reads an id: the minute since 1970, the generation, and a position for each partition.
func parseID(id string) (minute int64, generation string, at []position, err error) {
	if len(id) > maxID {
		return 0, "", nil, ErrNoID
	}
	head, rest, ok := strings.Cut(id, "-")
	if minute, err = strconv.ParseInt(head, 36, 64); err != nil || !ok {
		return 0, "", nil, fmt.Errorf("%.40q: %w", id, ErrNoID)
	}
	end := strings.IndexAny(rest, markSeen+markUnseen)
	if end < 0 {
		return minute, rest, nil, nil
	}
	generation, rest = rest[:end], rest[end:]
	for rest != "" {
		seen := rest[:1] == markSeen
		rest = rest[1:]
		end := strings.IndexAny(rest, markSeen+markUnseen)
		if end < 0 {
			end = len(rest)
		}
		offset, err := strconv.ParseInt(rest[:end], 36, 64)
		if err != nil {
			return 0, "", nil, fmt.Errorf("%.40q: %w", id, ErrNoID)
		}
		at, rest = append(at, position{offset, seen}), rest[end:]
	}
	return minute, generation, at, nil
}

// agrees reports whether an id that another process may have given names the end of this minute: no record lies between the two places.
func (w *Window) agrees(generation string, at []position) bool {
	slots := w.place.slots()
	if generation != w.place.generation || len(at) != len(slots) {
		return false
	}
	for i, s := range slots {
		mine, theirs := w.place.positions[s], at[i]
		switch {
		case mine.seen && theirs.seen && mine.next != theirs.next,
			mine.seen && !theirs.seen && mine.next > theirs.next,
			!mine.seen && theirs.seen && theirs.next > mine.next:
			return false
		}
	}
	return true
}
