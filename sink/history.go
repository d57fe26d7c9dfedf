package sink

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Bounds of the memory of a partition for its route changes, and of one look-up in the table.
const (
	// windowRows is the target maximum of rows in a window. If a window would have more, it is made
	// shorter.
	windowRows = 50_000
	// windowMost is the maximum of rows in a window of the shortest length. Further rows are not
	// compared.
	windowMost = 20 * windowRows
	// maxWindows is the number of windows kept for a partition. The least recently used window is
	// evicted first.
	maxWindows = 4
	// maxPeers is the number of peers of a collector with an entry of their own. Further peers
	// share sharedPeers entries.
	maxPeers    = 16_384
	sharedPeers = 1024
	// minWidth and maxWidth bound the length of a window, in microseconds of event time. startWidth
	// is the length of the first window.
	minWidth   = int64(100 * time.Millisecond / time.Microsecond)
	startWidth = int64(time.Minute / time.Microsecond)
	maxWidth   = int64(time.Hour / time.Microsecond)
	// windowMargin is the time by which a window starts before its record. The times of a source
	// are not strictly in order, so earlier rows may follow.
	windowMargin = int64(5 * time.Second / time.Microsecond)
	// historyMargin is the time by which the history of a collector starts before its first record.
	// A row with a time before that start is always compared.
	historyMargin = int64(time.Minute / time.Microsecond)
)

// errUninserted means that rows of the partition must be inserted before the table can be read.
var errUninserted = errors.New("rows before this one are not in the table yet")

// newest holds the times of a peer's newest rows in the two sources with the newest rows. If a
// source is the first, the newest row of all others is that of the second, else that of the first.
type newest struct {
	first, second source
	at, secondAt  int64 // microseconds, or noRow
}

// noRow stands for the time of a row that does not exist. It is before the time of any row.
const noRow = math.MinInt64 / 2

// note records a row of s at time at.
func (n *newest) note(s source, at int64) {
	switch {
	case n.first == s:
		n.at = max(n.at, at)
	case at > n.at:
		n.second, n.secondAt = n.first, n.at
		n.first, n.at = s, at
	case n.second == s:
		n.secondAt = max(n.secondAt, at)
	case at > n.secondAt:
		n.second, n.secondAt = s, at
	}
}

// others returns the time of the newest row of all sources other than s, or noRow.
func (n *newest) others(s source) int64 {
	if n.first == s {
		return n.secondAt
	}
	return n.at
}

// history holds the times of the rows of one collector, as far as a partition knows them.
type history struct {
	// from is the time (microseconds) from which on peers is complete. It is notRead before the
	// table was read.
	from  int64
	peers map[bgp.Peer]*newest // without distinguisher, as in rows
	last  int64                // the time of the newest row
	width int64                // of the next window, microseconds
}

// note records a row of a peer's source that repeats no other row.
func (h *history) note(n *newest, s source, at int64) {
	n.note(s, at)
	h.last = max(h.last, at)
}

// windowEnd returns the end of a window for a row at time at. The window does not end far after the
// newest row: otherwise it would collect the rows of an uninterrupted stream.
func (h *history) windowEnd(at int64) int64 {
	end := at + h.width
	if h.from != notRead {
		end = min(end, max(h.last+coarseTolerance, at)+coarseTolerance)
	}
	return end
}

// notRead is the value of history.from before the table was read.
const notRead = math.MaxInt64

// peer returns the entry of a peer. If a collector has too many peers, some share an entry. Their
// rows are compared more often than necessary.
func (h *history) peer(p bgp.Peer) *newest {
	p.Distinguisher = 0
	n := h.peers[p]
	if n != nil {
		return n
	}
	if len(h.peers) >= maxPeers {
		p = bgp.Peer{ASN: p.ASN % sharedPeers}
		if n = h.peers[p]; n != nil {
			return n
		}
	}
	n = &newest{at: noRow, secondAt: noRow}
	h.peers[p] = n
	return n
}

// earlierRows holds what a partition of route changes knows of its earlier rows. Stage.mu guards
// it.
type earlierRows struct {
	collectors map[string]*history
	lanes      map[bgp.Lane]bgp.Lane // interned names
	windows    []*window
	uses       uint64 // number of uses of the windows so far
	key        changeKey
}

func newEarlierRows() *earlierRows {
	return &earlierRows{
		collectors: map[string]*history{}, lanes: map[bgp.Lane]bgp.Lane{},
		key: changeKey{seed: maphash.MakeSeed()},
	}
}

// of returns the history of a collector. It does not keep the name's memory.
func (p *earlierRows) of(collector string) *history {
	h := p.collectors[collector]
	if h == nil {
		h = &history{from: notRead, peers: map[bgp.Peer]*newest{}, width: startWidth}
		p.collectors[strings.Clone(collector)] = h
	}
	return h
}

// source calls sourceOf with an interned lane name, so that the record's memory is not kept.
func (p *earlierRows) source(pos bgp.Position) source {
	lane, ok := p.lanes[pos.Lane]
	if !ok {
		lane = bgp.Lane(strings.Clone(string(pos.Lane)))
		p.lanes[lane] = lane
	}
	return sourceOf(lane, pos.Epoch)
}

// prepare finds the rows that the decoded record may repeat. It reads the table if another source
// has rows of the same peer and time. An uninterrupted stream never has such rows.
func (s *Stage) prepare(ctx context.Context, p *partition, r *routeRows) error {
	r.window = nil
	r.earlier, r.source = p.earlier, p.earlier.source(r.pos)
	if r.source.isFile() {
		r.earlier = nil
		return nil
	}
	at, h := r.rec.GetTimestampUs(), p.earlier.of(r.pos.Collector)
	r.history = h
	if h.from == notRead && !r.source.archived() {
		from := max(at-coarseTolerance-historyMargin, 0)
		if err := s.readTable(ctx,
			func(ctx context.Context) error { return s.store.newest(ctx, r.pos.Collector, from, h) }); err != nil {
			return err
		}
		h.from = from
	}
	r.newest = h.peer(r.peerKey)
	if at-coarseTolerance >= h.from && r.newest.others(r.source)+coarseTolerance < at {
		return nil
	}
	var err error
	r.window, err = s.window(ctx, p, h, r.pos.Collector, r.source, at)
	return err
}

// window returns the window of a source that covers at. If none does, it reads one from the table.
// The error is errUninserted if rows of the partition are not inserted yet.
func (s *Stage) window(ctx context.Context, p *partition, h *history, collector string, src source,
	at int64,
) (*window, error) {
	p.earlier.uses++
	for _, w := range p.earlier.windows {
		if w.source == src && w.collector == collector && w.covers(at) {
			w.lastUse = p.earlier.uses
			return w, nil
		}
	}
	if p.uninserted() {
		return nil, errUninserted
	}
	for {
		limit := windowRows
		if h.width <= minWidth {
			limit = windowMost
		}
		w := newWindow(strings.Clone(collector), src, max(at-min(windowMargin, h.width), 0), h.windowEnd(at))
		n := 0
		err := s.readTable(ctx, func(ctx context.Context) (err error) {
			n, err = s.store.window(ctx, w, &p.earlier.key, limit)
			return err
		})
		if err != nil {
			h.width = max(h.width/2, minWidth) // the window may have been too large to read
			return nil, err
		}
		s.metrics.windows.Inc()
		if n > limit && h.width > minWidth {
			h.width = max(h.width/2, minWidth)
			continue
		}
		if n > limit {
			s.deps.Log.Warn("too many rows at one time to compare them all: messages may be shown twice",
				"collector", w.collector, "lane", src.lane, "rows", n)
		}
		if n < windowRows/4 {
			h.width = min(2*h.width, maxWidth)
		}
		w.lastUse = p.earlier.uses
		p.earlier.keep(w)
		return w, nil
	}
}

// readTable reads the table and sets the readiness of ClickHouse by the outcome.
func (s *Stage) readTable(ctx context.Context, ask func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	err := explain(ask(limited))
	if err == nil || ctx.Err() == nil {
		s.storeReady.Set(err)
	}
	return err
}

// keep adds a window in place of the last window of its source, or of the least recently used
// window.
func (p *earlierRows) keep(w *window) {
	oldest := 0
	for i, o := range p.windows {
		if o.source == w.source && o.collector == w.collector {
			p.windows[i] = w
			return
		}
		if o.lastUse < p.windows[oldest].lastUse {
			oldest = i
		}
	}
	if len(p.windows) < maxWindows {
		p.windows = append(p.windows, w)
		return
	}
	p.windows[oldest] = w
}

// near reports whether rows of another source that has a window may repeat a row of a source at
// time at.
func (p *earlierRows) near(collector string, src source, at int64) bool {
	return slices.ContainsFunc(p.windows,
		func(w *window) bool { return w.collector == collector && w.source != src && w.reaches(at) })
}

// add adds a row that repeats no other row to the windows of other sources whose rows may repeat
// it. It drops a window that got too many rows.
func (p *earlierRows) add(collector string, src source, key uint64, c candidate) {
	for _, w := range p.windows {
		if w.collector == collector && w.source != src && w.reaches(c.at) {
			w.add(key, c)
			w.added++
		}
	}
	p.windows = slices.DeleteFunc(p.windows, func(w *window) bool { return w.added > windowRows })
}

// trim drops all histories if there are too many. All rows of the partition must be inserted when
// it is called.
func (p *earlierRows) trim() {
	if len(p.collectors) > maxLanes || len(p.lanes) > maxLanes {
		clear(p.collectors)
		clear(p.lanes)
		p.windows = nil
	}
}
