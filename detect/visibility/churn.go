package visibility

import (
	"math"
	"slices"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	fineSeconds = 300 // length of a bucket of the last hour
	fineBuckets = 16
	maxChurn    = 1 << 20 // prefixes in a bucket and in a day; further prefixes are not counted
)

// churn counts the route changes of the voters: by five minutes for the last 80 minutes, and by
// hour for the last day. It stores only prefixes with changes.
type churn struct {
	voters *panel.Voters
	window []uint32             // counts of the open window, by row
	rows   []rib.Row            // rows with a count in window
	fine   [fineBuckets]changes // by the number of the five minutes
	hours  [dayHours]changes    // by hour
	newest int64                // number of the newest five minutes
}

func newChurn() churn { return churn{voters: &panel.Voters{}} }

// count counts a change by a slot if the slot voted when the window began.
func (c *churn) count(r rib.Row, slot int) {
	if !c.voters.Votes(slot) {
		return
	}
	if int(r) >= len(c.window) {
		c.window = rib.Lengthen(c.window, int(r)+1)
	}
	if c.window[r] == 0 {
		c.rows = append(c.rows, r)
	}
	c.window[r]++
}

// close ends the window at end.
func (c *churn) close(end int64, voters *panel.Voters) {
	c.voters = voters
	n := (end - 1) / fineSeconds
	if c.newest == 0 {
		c.newest = n
	}
	for b := max(c.newest+1, n-fineBuckets+1); b <= n; b++ {
		c.fine[b%fineBuckets] = changes{}
	}
	const perHour = 3600 / fineSeconds
	for h := max(c.newest/perHour+1, n/perHour-dayHours+1); h <= n/perHour; h++ {
		c.hours[h%dayHours] = changes{}
	}
	c.newest = n
	if len(c.rows) == 0 {
		return
	}
	slices.Sort(c.rows)
	c.fine[n%fineBuckets].add(c.rows, c.window)
	c.hours[n/perHour%dayHours].add(c.rows, c.window)
	for _, r := range c.rows {
		c.window[r] = 0
	}
	c.rows = shrink(c.rows)
}

// before adds to `to` the changes of rows (sorted) in the hour and in the day before t, rounded
// down to five minutes.
func (c *churn) before(rows []rib.Row, t int64, to *bgp.Churn) {
	n := t / fineSeconds
	for b := max(n-3600/fineSeconds, c.newest-fineBuckets+1); b < n && b <= c.newest; b++ {
		to.Hour += c.fine[b%fineBuckets].sum(rows)
	}
	h, newest := t/3600, c.newest/(3600/fineSeconds)
	for b := max(h-dayHours, newest-dayHours+1); b < h && b <= newest; b++ {
		to.Day += c.hours[b%dayHours].sum(rows)
	}
	for b := max(h*3600/fineSeconds, c.newest-fineBuckets+1); b < n && b <= c.newest; b++ {
		to.Day += c.fine[b%fineBuckets].sum(rows)
	}
}

func (c *churn) forget(r rib.Row) {
	for i := range c.fine {
		c.fine[i].forget(r)
	}
	for i := range c.hours {
		c.hours[i].forget(r)
	}
}

// changes are the numbers of changes of rows in a period, 5 octets a row. The zero value is empty.
type changes struct {
	rows   []rib.Row          // sorted
	counts []uint8            // of each row; 0: the row was forgotten
	more   map[rib.Row]uint32 // the part of a count that does not fit into counts
	gone   int                // number of forgotten rows
}

// add adds the counts of rows, which are sorted. count has the numbers by row. If there would be
// more than maxChurn rows, no new row is added, so the result does not depend on which rows came
// first.
func (x *changes) add(rows []rib.Row, count []uint32) {
	full := len(x.rows)-x.gone+len(rows) > maxChurn
	size := x.newcomers(rows)
	if full {
		size = 0
	}
	size += len(x.rows) - x.gone
	out := changes{rows: make([]rib.Row, 0, size), counts: make([]uint8, 0, size), more: x.more}
	put := func(r rib.Row, was uint8, n uint32) {
		sum := uint64(was) + uint64(n)
		if over := sum - min(sum, math.MaxUint8); over > 0 {
			if out.more == nil {
				out.more = make(map[rib.Row]uint32)
			}
			out.more[r] += uint32(over)
			sum = math.MaxUint8
		}
		out.rows, out.counts = append(out.rows, r), append(out.counts, uint8(sum))
	}
	i := 0
	for _, r := range rows {
		for ; i < len(x.rows) && x.rows[i] < r; i++ {
			if x.counts[i] > 0 {
				put(x.rows[i], x.counts[i], 0)
			}
		}
		was := uint8(0)
		if i < len(x.rows) && x.rows[i] == r {
			was = x.counts[i]
			i++
		}
		if was > 0 || !full {
			put(r, was, count[r])
		}
	}
	for ; i < len(x.rows); i++ {
		if x.counts[i] > 0 {
			put(x.rows[i], x.counts[i], 0)
		}
	}
	*x = out
}

// newcomers counts the rows that have no count yet.
func (x *changes) newcomers(rows []rib.Row) (n int) {
	i := 0
	for _, r := range rows {
		for i < len(x.rows) && x.rows[i] < r {
			i++
		}
		if i == len(x.rows) || x.rows[i] != r || x.counts[i] == 0 {
			n++
		}
	}
	return n
}

// sum returns the sum of the counts of rows, which are sorted.
func (x *changes) sum(rows []rib.Row) (n int) {
	left := x.rows
	for _, r := range rows {
		step := 1 // the next row is usually near
		for step < len(left) && left[step-1] < r {
			step *= 2
		}
		i, ok := slices.BinarySearch(left[:min(step, len(left))], r)
		left = left[i:]
		if len(left) == 0 {
			return n
		}
		if ok {
			n += int(x.counts[len(x.rows)-len(left)]) + int(x.more[r])
		}
	}
	return n
}

func (x *changes) forget(r rib.Row) {
	if i, ok := slices.BinarySearch(x.rows, r); ok && x.counts[i] > 0 {
		x.counts[i] = 0
		x.gone++
		delete(x.more, r)
	}
}
