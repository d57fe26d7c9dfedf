package playback

import (
	"cmp"
	"slices"
)

const (
	// clockSlack bounds the difference between a record's time and the latest one before it in the
	// same stretch, microseconds. ingest accepts the same difference of live sources.
	clockSlack = 60 * 1_000_000
	// tolerated bounds the error of a record's time before it counts as damage. The record is then
	// played at its place in the file.
	tolerated = 600 * 1_000_000
	// strayMicroseconds is the distance from all other times of a file beyond which a few times are
	// not credible, even if no record contradicts them.
	strayMicroseconds = 6 * 3600 * 1_000_000
	// strayShare bounds the share of a file's records that may be strays: one in strayShare.
	strayShare = 10
	// earliestTime is 1990-01-01. There was no BGP before. An earlier time counts from a router's
	// start instead of from 1970.
	earliestTime = 631_152_000 * 1_000_000
	// routerStart is 2000-01-01. Times that count from a router's start are played as if the router
	// started then, if no file gives its start.
	routerStart = 946_684_800 * 1_000_000
	// latestTime is 2100-01-01. Detection accepts no time from then on.
	latestTime = 4_102_444_800 * 1_000_000
	// maxStretches bounds the stretches of a file. A file with more has times without any order.
	maxStretches = 1 << 20
)

// stretch is a run of records of a file, each at most clockSlack from the latest time before it.
type stretch struct {
	from, to uint64 // numbers of its first and last record
	records  int64
	low      int64 // earliest and latest time, microseconds
	high     int64
	step     int64 // longest silence within it
	odd      bool  // its times are not credible
}

// add adds a record with a time to the rows.
func add(rows []stretch, number uint64, t int64) []stretch {
	if n := len(rows); n > 0 {
		if s := &rows[n-1]; t >= s.high-clockSlack && t <= s.high+clockSlack {
			s.step = max(s.step, t-s.high)
			s.to, s.records, s.low, s.high = number, s.records+1, min(s.low, t), max(s.high, t)
			return rows
		}
	}
	return append(rows, stretch{from: number, to: number, records: 1, low: t, high: t})
}

// unusable marks the stretches of a file with impossible times: 0, from 2100 on, and before 1990 if
// other times are later. It reports whether any stretch is left.
func unusable(rows []stretch) bool {
	later := slices.ContainsFunc(rows, func(s stretch) bool {
		return s.high >= earliestTime && s.low < latestTime
	})
	some := false
	for i := range rows {
		s := &rows[i]
		s.odd = s.high == 0 || s.high >= latestTime || later && s.low < earliestTime
		some = some || !s.odd
	}
	return some
}

// strays marks the few stretches of a file whose distance from the others exceeds both
// strayMicroseconds and the time that the others cover. No record follows the last one of a file
// that could contradict it, and none precedes the first.
func strays(rows []stretch) {
	var sorted []*stretch
	total := int64(0)
	for i := range rows {
		if !rows[i].odd {
			sorted = append(sorted, &rows[i])
			total += rows[i].records
		}
	}
	if len(sorted) < 2 {
		return
	}
	slices.SortStableFunc(sorted, func(a, b *stretch) int { return cmp.Compare(a.low, b.low) })
	first, seen := 0, int64(0) // the stretch with the median
	for ; 2*(seen+sorted[first].records) < total; first++ {
		seen += sorted[first].records
	}
	last, low, high := first, sorted[first].low, sorted[first].high
	inside := sorted[first].records
	near := func(silence int64) bool { return silence <= max(strayMicroseconds, high-low) }
	for {
		switch {
		case first > 0 && near(low-sorted[first-1].high):
			first--
			inside += sorted[first].records
			low = sorted[first].low
		case last < len(sorted)-1 && near(sorted[last+1].low-high):
			last++
			inside += sorted[last].records
			high = max(high, sorted[last].high)
		default:
			if strayShare*(total-inside) > total {
				return
			}
			for i, s := range sorted {
				s.odd = i < first || i > last
			}
			return
		}
	}
}

// weight returns the weight of a stretch: the seconds that it covers, however many records they
// have. A table that is sent again contains the same second many times.
func (s *stretch) weight() int64 { return 1 + (s.high-s.low)/1_000_000 }

// straighten marks the stretches outside the heaviest row in which no time goes back by more than
// clockSlack. Of equal rows it takes the one with the later records: a time that the next ones
// contradict is not credible.
func straighten(rows []*stretch) {
	highs := make([]int64, 0, len(rows))
	for _, s := range rows {
		highs = append(highs, s.high)
	}
	slices.Sort(highs)
	highs = slices.Compact(highs)
	// best is a Fenwick tree over highs. It holds the stretch at which the heaviest row up to each
	// high ends.
	best := make([]int, len(highs)+1)
	length, before := make([]int64, len(rows)), make([]int, len(rows))
	for i := range best {
		best[i] = -1
	}
	better := func(a, b int) bool {
		return a >= 0 && (b < 0 || length[a] > length[b] || length[a] == length[b] && a > b)
	}
	last := -1
	for i, s := range rows {
		before[i] = -1
		n, found := slices.BinarySearch(highs, s.low+clockSlack)
		if found {
			n++
		}
		for ; n > 0; n -= n & -n {
			if better(best[n], before[i]) {
				before[i] = best[n]
			}
		}
		if length[i] = s.weight(); before[i] >= 0 {
			length[i] += length[before[i]]
		}
		n, _ = slices.BinarySearch(highs, s.high)
		for n++; n < len(best); n += n & -n {
			if better(i, best[n]) {
				best[n] = i
			}
		}
		if better(i, last) {
			last = i
		}
	}
	for _, s := range rows {
		s.odd = true
	}
	for ; last >= 0; last = before[last] {
		rows[last].odd = false
	}
}

// oddTimes is a run of records whose times are not credible. They are played at their place in the
// file.
type oddTimes struct {
	from, to   uint64 // numbers of the records
	low, high  int64  // the times in the records
	shift      int64  // added to those times
	least, max int64  // bounds of the time at which they are played
}

// at returns the time at which a record with time t is played.
func (o *oddTimes) at(t int64) int64 { return min(max(t+o.shift, o.least), o.max) }

// repair returns the odd times of rows, in order. before and after are the credible times next to
// rows. 0 means none. Consecutive odd stretches that may come from the same clock are joined.
func repair(rows []stretch, before, after int64) []oddTimes {
	believed := make([]int64, len(rows)+1) // the next credible time from each stretch on
	believed[len(rows)] = after
	for i := len(rows) - 1; i >= 0; i-- {
		if believed[i] = believed[i+1]; !rows[i].odd {
			believed[i] = rows[i].low
		}
	}
	var out []oddTimes
	for i := 0; i < len(rows); i++ {
		s := &rows[i]
		if !s.odd {
			before = max(before, s.high)
			continue
		}
		o := oddTimes{from: s.from, low: s.low, high: s.high}
		for ; i+1 < len(rows) && rows[i+1].odd && rows[i+1].low >= o.high-clockSlack &&
			rows[i+1].low-o.high <= strayMicroseconds; i++ {
			o.high = max(o.high, rows[i+1].high)
		}
		o.to = rows[i].to
		next := believed[i+1]
		switch long := o.high - o.low; {
		case before == 0:
			o.shift, o.least, o.max = next-o.high, next-long, next
		case next == 0:
			o.shift, o.least, o.max = before-o.low, before, before+long
		default:
			o.shift, o.least, o.max = before-o.low, before, max(before, next)
			if spare := next - before - long; long > 0 && spare > 0 && spare <= 2*clockSlack {
				o.shift += spare / 2 // as much silence before it as after it
			}
		}
		out = append(out, o)
	}
	return out
}
