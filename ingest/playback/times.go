package playback

import (
	"cmp"
	"slices"
)

const (
	// clockSlack is how far a record's time may be from the latest one before it in the same stretch, microseconds: what ingest believes
	// of live sources, too.
	clockSlack = 60 * 1_000_000
	// tolerated is how far the time of a record that is played where it stands may be off before that is damage.
	tolerated = 600 * 1_000_000
	// strayMicroseconds is how far from all others a few times of a file lie that are not believed, though none contradicts them.
	strayMicroseconds = 6 * 3600 * 1_000_000
	// strayShare: at most one of so many times of a file strays.
	strayShare = 10
	// earliestTime is 1990-01-01: there was no BGP before. A time since 1970 that is earlier counts from a router's start.
	earliestTime = 631_152_000 * 1_000_000
	// routerStart is 2000-01-01: where no file says when a router started, times that count from then are played as if it was then.
	routerStart = 946_684_800 * 1_000_000
	// latestTime is 2100-01-01: detection takes no time from then on.
	latestTime = 4_102_444_800 * 1_000_000
	// maxStretches bounds the stretches of a file: a file with more has times without any order.
	maxStretches = 1 << 20
)

// stretch is a row of records of a file, each at most clockSlack from the latest time before it.
type stretch struct {
	from, to uint64 // numbers of its first and last record
	records  int64
	low      int64 // earliest and latest time, microseconds
	high     int64
	step     int64 // longest silence within
	odd      bool  // its times are not believed
}

// add extends the rows by a record with a time.
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

// unusable marks the stretches of a file whose times cannot be any: 0, beyond 2100, and before 1990 where others are later. It
// reports whether some are left.
func unusable(rows []stretch) bool {
	later := slices.ContainsFunc(rows, func(s stretch) bool { return s.high >= earliestTime && s.low < latestTime })
	some := false
	for i := range rows {
		s := &rows[i]
		s.odd = s.high == 0 || s.high >= latestTime || later && s.low < earliestTime
		some = some || !s.odd
	}
	return some
}

// strays marks the few stretches of a file that lie apart from the others by more than strayMicroseconds and more than the others
// take: nothing follows the last record of a file that could contradict it, and nothing goes before the first.
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
	first, seen := 0, int64(0) // that with the median
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

// weight is what a stretch counts: the seconds that it covers, however many records they have. A table that is sent again says the
// same second many times.
func (s *stretch) weight() int64 { return 1 + (s.high-s.low)/1_000_000 }

// straighten marks the stretches that are not in the longest row in which no time goes back by more than clockSlack. Of
// equal rows it takes the one with the later records: a time that the next ones take back is not believed.
func straighten(rows []*stretch) {
	highs := make([]int64, 0, len(rows))
	for _, s := range rows {
		highs = append(highs, s.high)
	}
	slices.Sort(highs)
	highs = slices.Compact(highs)
	// best holds, as a Fenwick tree over highs, the stretch at which the longest row up to there ends.
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

// oddTimes are records in a row whose times are not believed. They are played where they stand.
type oddTimes struct {
	from, to   uint64 // numbers of the records
	low, high  int64  // the times that they say
	shift      int64  // what is added to them
	least, max int64  // between what they are played
}

// at is when a record is played that says t.
func (o *oddTimes) at(t int64) int64 { return min(max(t+o.shift, o.least), o.max) }

// repair returns the odd times of rows, in order. before and after are the times that are believed next to rows; 0 is none. Stretches
// that one clock may have told are one.
func repair(rows []stretch, before, after int64) []oddTimes {
	believed := make([]int64, len(rows)+1) // the next time that is, from each stretch on
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
		for ; i+1 < len(rows) && rows[i+1].odd && rows[i+1].low >= o.high-clockSlack && rows[i+1].low-o.high <= strayMicroseconds; i++ {
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
				o.shift += spare / 2 // as much silence before it as behind
			}
		}
		out = append(out, o)
	}
	return out
}
