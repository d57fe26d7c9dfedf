package visibility

import (
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	fineSeconds = 300 // of a bucket of the last hour
	fineBuckets = 16
	maxChurn    = 1 << 20 // prefixes that are counted in a bucket and in a day, newcomers beyond are not
)

// churn counts the route changes of the voters: by five minutes for the last 80, by hour for the last day, and only of prefixes
// that have any.
type churn struct {
	voters *panel.Voters
	window []uint32                        // of the open window, by row
	rows   []rib.Row                       // with a count in window
	fine   [fineBuckets]map[rib.Row]uint32 // by number of the five minutes
	hours  [dayHours]map[rib.Row]uint32    // by hour
	newest int64                           // number of the newest five minutes
}

func newChurn() churn { return churn{voters: &panel.Voters{}} }

// count counts a change by a slot, if it was a voter when the window began.
func (c *churn) count(r rib.Row, slot int) {
	if !c.voters.Votes(slot) {
		return
	}
	if int(r) >= len(c.window) {
		c.window = append(c.window, make([]uint32, int(r)+1-len(c.window))...)
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
		c.fine[b%fineBuckets] = nil
	}
	const perHour = 3600 / fineSeconds
	for h := max(c.newest/perHour+1, n/perHour-dayHours+1); h <= n/perHour; h++ {
		c.hours[h%dayHours] = nil
	}
	c.newest = n
	if len(c.rows) == 0 {
		return
	}
	c.addTo(&c.fine[n%fineBuckets])
	c.addTo(&c.hours[n/perHour%dayHours])
	for _, r := range c.rows {
		c.window[r] = 0
	}
	c.rows = c.rows[:0]
}

// addTo adds the window's counts. Beyond maxChurn nothing is added for any newcomer: which of them came first means nothing.
func (c *churn) addTo(to *map[rib.Row]uint32) {
	if *to == nil {
		*to = make(map[rib.Row]uint32, len(c.rows))
	}
	full := len(*to)+len(c.rows) > maxChurn
	for _, r := range c.rows {
		if _, ok := (*to)[r]; ok || !full {
			(*to)[r] += c.window[r]
		}
	}
}

// before adds up a row's changes in the hour and the day before t, to the five minutes.
func (c *churn) before(r rib.Row, t int64, to *bgp.Churn) {
	n := t / fineSeconds
	for b := max(n-3600/fineSeconds, c.newest-fineBuckets+1); b < n && b <= c.newest; b++ {
		to.Hour += int(c.fine[b%fineBuckets][r])
	}
	h, newest := t/3600, c.newest/(3600/fineSeconds)
	for b := max(h-dayHours, newest-dayHours+1); b < h && b <= newest; b++ {
		to.Day += int(c.hours[b%dayHours][r])
	}
	for b := max(h*3600/fineSeconds, c.newest-fineBuckets+1); b < n && b <= c.newest; b++ {
		to.Day += int(c.fine[b%fineBuckets][r])
	}
}

func (c *churn) forget(r rib.Row) {
	for _, m := range c.fine {
		delete(m, r)
	}
	for _, m := range c.hours {
		delete(m, r)
	}
}
