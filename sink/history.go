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

// Bounds of the memory of a part for its route changes, and of one look-up in the table.
const (
	// windowRows is the target maximum of rows in a window. If a window would have more, it is made
	// shorter.
	windowRows = 50_000
	// windowMost is the maximum of rows in a window of the shortest length. Further rows are not
	// compared.
	windowMost = 20 * windowRows
	// maxWindows is the number of windows kept for a part. The least recently used window is
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
	// windowSlack is the time from the start of a window to its record: the times of a source are
	// not strictly in order.
	windowSlack = int64(5 * time.Second / time.Microsecond)
	// reach is the time from the start of a collector's history to its first record. A row with a
	// time before that start is compared anyway.
	reach = int64(time.Minute / time.Microsecond)
)

// errUninserted means that rows of the part must be inserted before the table can be read.
var errUninserted = errors.New("rows before this one are not in the table yet")

// newest holds the times of a peer's newest rows in the two sources that reach farthest. These
// suffice to find the newest row of all other sources than a given one.
type newest struct {
	first, second source
	at, secondAt  int64 // microseconds; far below 0 if there is no row
}

// none is the time of a missing row. It is before all rows that a row may repeat.
const none = math.MinInt64 / 2

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

// others returns the time of the newest row of a source other than s. It is negative if there is
// none.
func (n *newest) others(s source) int64 {
	if n.first == s {
		return n.secondAt
	}
	return n.at
}

// history holds the knowledge of a part about the rows of one collector.
type history struct {
	// from is the time (microseconds) from which on peers is complete. It is unknown before the
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

// windowEnd returns the end of a window that starts at at. A window far beyond the newest row would
// collect the rows of an uninterrupted stream.
func (h *history) windowEnd(at int64) int64 {
	end := at + h.width
	if h.from != unknown {
		end = min(end, max(h.last+coarseTolerance, at)+coarseTolerance)
	}
	return end
}

// unknown is the from of a history that was not read yet.
const unknown = math.MaxInt64

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
	n = &newest{at: none, secondAt: none}
	h.peers[p] = n
	return n
}

// past holds the knowledge of a part of route changes about earlier rows. Stage.mu guards it.
type past struct {
	collectors map[string]*history
	lanes      map[bgp.Lane]bgp.Lane // interned names
	windows    []*window
	uses       uint64
	key        changeKey
}

func newPast() *past {
	return &past{
		collectors: map[string]*history{}, lanes: map[bgp.Lane]bgp.Lane{},
		key: changeKey{seed: maphash.MakeSeed()},
	}
}

// of returns the history of a collector. It does not keep the name's memory.
func (p *past) of(collector string) *history {
	h := p.collectors[collector]
	if h == nil {
		h = &history{from: unknown, peers: map[bgp.Peer]*newest{}, width: startWidth}
		p.collectors[strings.Clone(collector)] = h
	}
	return h
}

// source calls sourceOf with an interned lane name, so that the record's memory is not kept.
func (p *past) source(pos bgp.Position) source {
	lane, ok := p.lanes[pos.Lane]
	if !ok {
		lane = bgp.Lane(strings.Clone(string(pos.Lane)))
		p.lanes[lane] = lane
	}
	return sourceOf(lane, pos.Epoch)
}

// prepare finds the rows that the decoded record may repeat. It reads the table if another source
// has rows of the same peer and time. An uninterrupted stream never has such rows.
func (s *Stage) prepare(ctx context.Context, p *part, r *routeRows) error {
	r.window = nil
	r.past, r.source = p.past, p.past.source(r.pos)
	if r.source.isFile() {
		r.past = nil
		return nil
	}
	at, h := r.rec.GetTimestampUs(), p.past.of(r.pos.Collector)
	r.history = h
	if h.from == unknown && !r.source.archived() {
		from := max(at-coarseTolerance-reach, 0)
		if err := s.look(ctx,
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

// window returns the window of a source that covers at. If there is none, it reads one from the
// table; all rows of the part must be inserted by then.
func (s *Stage) window(ctx context.Context, p *part, h *history, collector string, src source,
	at int64,
) (*window, error) {
	p.past.uses++
	for _, w := range p.past.windows {
		if w.source == src && w.collector == collector && w.covers(at) {
			w.touched = p.past.uses
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
		w := newWindow(strings.Clone(collector), src, max(at-min(windowSlack, h.width), 0), h.windowEnd(at))
		n := 0
		err := s.look(ctx, func(ctx context.Context) (err error) {
			n, err = s.store.window(ctx, w, &p.past.key, limit)
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
		w.touched = p.past.uses
		p.past.keep(w)
		return w, nil
	}
}

// look reads the table and sets the readiness of ClickHouse by the outcome.
func (s *Stage) look(ctx context.Context, ask func(context.Context) error) error {
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
func (p *past) keep(w *window) {
	oldest := 0
	for i, o := range p.windows {
		if o.source == w.source && o.collector == w.collector {
			p.windows[i] = w
			return
		}
		if o.touched < p.windows[oldest].touched {
			oldest = i
		}
	}
	if len(p.windows) < maxWindows {
		p.windows = append(p.windows, w)
		return
	}
	p.windows[oldest] = w
}

// reached reports whether a row of a source at time at may be repeated by rows of another source
// that has a window.
func (p *past) reached(collector string, src source, at int64) bool {
	return slices.ContainsFunc(p.windows,
		func(w *window) bool { return w.collector == collector && w.source != src && w.reaches(at) })
}

// offer adds a row that repeats no other row to the windows of the other sources that reach it. It
// drops a window that got too many rows.
func (p *past) offer(collector string, src source, key uint64, c candidate) {
	for _, w := range p.windows {
		if w.collector == collector && w.source != src && w.reaches(c.at) {
			w.offer(key, c)
			w.offered++
		}
	}
	p.windows = slices.DeleteFunc(p.windows, func(w *window) bool { return w.offered > windowRows })
}

// trim drops all histories if there are too many. All rows of the part must be inserted when it is
// called.
func (p *past) trim() {
	if len(p.collectors) > maxLanes || len(p.lanes) > maxLanes {
		clear(p.collectors)
		clear(p.lanes)
		p.windows = nil
	}
}
