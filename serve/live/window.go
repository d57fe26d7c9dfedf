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

// RingMinutes is the number of minutes for which changes are kept. A client that was away for
// longer gets a whole snapshot.
const RingMinutes = 70

// Window holds the changes of one decided minute.
type Window struct {
	// ID names the minute and the place in the topics behind its last record. It is the id of a
	// server-sent event. A process accepts in Changes the ids from other processes that read the
	// same topics.
	ID string
	// Minute is the beginning of the minute, UTC.
	Minute time.Time
	// Outages are the records of outages in the order of decision. Each is one event of one outage.
	// Outage has no Previous.
	Outages []outagelog.Entry
	// Values are the values of the minute, by family, type and code. They include prefixes.
	Values []Value

	place  place
	public func() *Window
}

// Public returns the minute without private data.
func (w *Window) Public() *Window { return w.public() }

// seal prepares the public form, which is made once on demand. lists are the public watch lists at
// the end of the minute.
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

// position is the place up to which a partition was read.
type position struct {
	// next is the offset behind the last taken record or, before the first one, the offset at which
	// reading began.
	next int64
	// seen means that a record was taken.
	seen bool
}

// place holds the positions of the partitions at the end of a minute.
type place struct {
	// generation names the topics as they were created. It changes if they are deleted and made
	// again.
	generation string
	positions  map[slot]position
}

// ErrNoID means that a text is not the id of a window.
var ErrNoID = errors.New("no id of a minute")

// The marks before an offset of an id.
const (
	markSeen   = "."
	markUnseen = "~"
)

// windowID returns the id of a minute at a place: MINUTE-GENERATION, then the offsets of the
// partitions by topic and partition.
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

// maxID bounds the length of an id.
const maxID = 1000

// parseID parses an id: the minute since 1970, the generation, and a position for each partition.
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

// agrees reports whether an id, perhaps from another process, names the end of this minute: there
// is no record between the two places.
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
