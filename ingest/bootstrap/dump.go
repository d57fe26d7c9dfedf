package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/tablechunk"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// dump is the sent part of a table dump.
type dump struct {
	at   time.Time
	sent map[bgp.Peer]bool
	// of the sent peers, without AS numbers: whether a peer with the address has an identifying AS
	// number
	addresses        map[bgp.Peer]bool
	unreadable       uint32 // records that could not be read
	families         []bgp.Family
	prefixes, routes uint64
	of               perFamily // routes
}

// perFamily holds a number for each family.
type perFamily [len(bgp.Families) + 1]uint64

// peers returns the peers whose tables were sent, in order.
func (d *dump) peers() []bgp.Peer { return slices.SortedFunc(maps.Keys(d.sent), bgp.Peer.Compare) }

// has reports whether a peer's table was sent. A table of the same address also counts if one of
// the two AS numbers identifies no network.
func (d *dump) has(p bgp.Peer) bool {
	if d.sent[p] {
		return true
	}
	named, sent := d.addresses[p.WithoutASN()]
	return sent && (!named || !p.ASN.Identifies())
}

// dump sends the newest available dump as chunks that answer id. If at is not zero, it sends the
// dump of that time. A *missing gives the reason why no dump, or only a part of one, was sent.
func (t *task) dump(ctx context.Context, id string, lane *stream.Lane, at time.Time) (*dump, error) {
	if err := t.say(ctx, "looking for a table dump", 0); err != nil {
		return nil, err
	}
	now := t.w.d.Now()
	from := now.Add(-t.w.cfg.DumpAgeLimit)
	if !at.IsZero() {
		from, now = at, at
	}
	files, err := t.find(ctx, archive.RIB, from, now)
	if err != nil {
		return nil, err
	}
	none := &missing{err: fmt.Errorf("the archive has no table dump from %s to %s", clock(from), clock(now))}
	for i, f := range slices.Backward(files) {
		if t.w.isBad(t.collector, f.URL) {
			continue
		}
		if i > 0 && f.About() > 0 &&
			less(uint64(f.About()), uint64(files[i-1].About()), int(t.w.cfg.LeastPercent)) {
			t.w.setBad(t.collector, f.URL, t.w.cfg.DumpAgeLimit)
			none.err = fmt.Errorf("the dump of %s has %d octets, the one before %d: it is cut short",
				clock(f.Begin), f.About(), files[i-1].About())
			continue
		}
		d, err := t.sendFile(ctx, f, id, lane)
		switch {
		case err == nil:
			return d, nil
		case isMissing(err) != nil && d == nil: // nothing was sent: the dump before will do
			none = isMissing(err)
		default:
			return nil, err
		}
	}
	return nil, none
}

// sendFile fetches and sends a dump. A *missing without a dump means that nothing was sent. With a
// dump it means that a part was sent.
func (t *task) sendFile(ctx context.Context, f archive.File, id string, lane *stream.Lane) (*dump, error) {
	if err := t.say(ctx, "fetching the table dump of "+clock(f.Begin), 0); err != nil {
		return nil, err
	}
	local, release, err := t.fetch(ctx, f, t.w.dumps)
	if err != nil {
		if isMissing(err) != nil {
			t.w.setBad(t.collector, f.URL, badFor*t.w.cfg.RetryInterval)
		}
		return nil, err
	}
	defer release()
	defer local.Release()
	leave, err := enter(ctx, t.w.reading)
	if err != nil {
		return nil, err
	}
	defer leave()
	t.total += uint64(local.Size)
	r := &dumpReader{
		t: t, file: &f, path: local.Path, lane: lane, chunk: tablechunk.New(id),
		d: &dump{at: f.Begin, sent: map[bgp.Peer]bool{}, addresses: map[bgp.Peer]bool{}},
	}
	err = r.read(ctx)
	if m := isMissing(err); m != nil {
		t.w.setBad(t.collector, f.URL, t.w.cfg.DumpAgeLimit)
		local.Discard() // the archive may publish it again, whole
		if r.d.prefixes == 0 {
			return nil, m
		}
		return r.d, m
	}
	if err != nil {
		return nil, err
	}
	if before, short := t.w.believe(t.collector, size{f.Begin, r.d.of}); short != 0 {
		t.w.setBad(t.collector, f.URL, t.w.cfg.DumpAgeLimit)
		return r.d, &missing{
			err: fmt.Errorf("the dump of %s has %d routes of %v, the one before %d: it is cut short",
				clock(f.Begin), r.d.of[short], short, before[short]),
		}
	}
	t.done += uint64(local.Size)
	return r.d, nil
}

// size is the number of routes of each family in the dump of time at. Zero means unknown.
type size struct {
	at     time.Time
	routes perFamily
}

// shorter returns a family of which n has less than percent of m, or 0 if there is none.
func (n *perFamily) shorter(m *perFamily, percent int) bgp.Family {
	for _, f := range bgp.Families {
		if less(n[f], m[f], percent) {
			return f
		}
	}
	return 0
}

// alikePercent is the share of the larger of two dumps that the smaller must have for both to count
// as equal.
const alikePercent = 90

// believe decides whether a dump that was read to its end holds the whole table. It returns the
// family in which the dump is suspiciously small, or 0. Such a dump has far fewer routes of the
// family than the last one that was used, whose size is before. If another rejected dump was about
// as small, the dump is accepted: two such dumps are no accident, so the collector has shrunk.
func (w *Worker) believe(name string, s size) (before perFamily, short bgp.Family) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.collectors[name]
	if c == nil {
		return before, 0
	}
	before = c.size.routes
	if short = s.routes.shorter(&before, int(w.cfg.LeastPercent)); short != 0 {
		unlike := s.routes.shorter(&c.small.routes, alikePercent) != 0 ||
			c.small.routes.shorter(&s.routes, alikePercent) != 0
		if c.small.at.IsZero() || s.at.Equal(c.small.at) || unlike {
			if !s.at.Before(c.small.at) {
				c.small = s
			}
			return before, short
		}
	}
	c.size = s
	// an older dump does not show that the collector has not shrunk since
	if !s.at.Before(c.small.at) {
		c.small = size{}
	}
	return before, 0
}

// less reports whether n is less than percent of m. If m is 0 (unknown), it is not.
func less(n, m uint64, percent int) bool { return float64(n)*100 < float64(m)*float64(percent) }

// dumpReader sends one dump.
type dumpReader struct {
	t     *task
	file  *archive.File
	path  string
	lane  *stream.Lane
	chunk *tablechunk.Builder
	d     *dump
	// chosen are the peers whose tables are sent. nil means all.
	chosen  map[bgp.Peer]bool
	listed  perFamily // prefixes
	decoder wire.Decoder
	counted uint64 // routes counted in the metrics so far
	tally   tablechunk.Tally
	last    *capture.Damage // the newest damage; nil: there is none
	letters int             // damages that were counted
}

// errCount reports that the peers of a dump have to be counted first.
var errCount = errors.New("the tables have to be counted")

// read sends the dump. If only some of its tables are sent, read counts them first.
func (r *dumpReader) read(ctx context.Context) error {
	err := r.items(ctx, "reading the table dump of ", func(it *capture.Item) error {
		if it.Index != nil && selective(it.Index) || it.Kind == capture.RIB && it.Type == "TABLE_DUMP" {
			return errCount
		}
		return r.send(ctx, it)
	})
	if errors.Is(err, errCount) {
		c := counts{}
		err = r.items(ctx, "counting the tables of ", c.add)
		if err == nil {
			err = r.usable()
		}
		if errors.Is(err, errPeers) {
			return &missing{err: fmt.Errorf("the table dump of %s is of no use: %w", clock(r.file.Begin), err)}
		}
		if err == nil {
			r.chosen = c.choose()
			err = r.items(ctx, "reading the table dump of ", func(it *capture.Item) error { return r.send(ctx, it) })
		}
	}
	if err == nil {
		err = r.usable()
	}
	if err == nil {
		err = r.flush(ctx)
	}
	if err != nil {
		return err
	}
	r.d.unreadable = r.tally.Unreadable()
	if r.d.prefixes == 0 {
		return &missing{err: fmt.Errorf("the file of %s holds no table", clock(r.file.Begin))}
	}
	for _, f := range bgp.Families {
		if r.listed[f] > 0 {
			r.d.families = append(r.d.families, f)
		}
	}
	return nil
}

// usable returns a *missing if too much of the file cannot be read, or it is truncated.
func (r *dumpReader) usable() error {
	why := r.tally.Unusable()
	if why == nil {
		return nil
	}
	return &missing{err: fmt.Errorf("the table dump of %s is damaged: %w: %w", clock(r.file.Begin), why, r.last)}
}

// maxLetters bounds the dead letters of one dump. If the file is no dump at all, fewer show it.
const maxLetters = 100

// damaged counts a damage. For the first maxLetters it also writes a dead letter.
func (r *dumpReader) damaged(ctx context.Context, d *capture.Damage) error {
	if r.letters++; r.letters > maxLetters {
		r.t.w.metrics.damaged.Inc()
		return nil
	}
	return r.t.w.damaged(ctx, r.t.collector, r.file, d)
}

// items calls each with the file's items. It skips damaged parts. usable then decides whether the
// rest is of use.
func (r *dumpReader) items(ctx context.Context, doing string, each func(*capture.Item) error) error {
	c, err := capture.Open(r.path, nil)
	if err != nil {
		return &missing{err: err}
	}
	defer c.Close() //nolint:errcheck // only read
	r.tally = tablechunk.Tally{}
	doing += clock(r.file.Begin)
	if err := r.t.say(ctx, doing, 0); err != nil {
		return err
	}
	for {
		it, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if d, ok := errors.AsType[*capture.Damage](err); ok {
			r.tally.Damage(d)
			// otherwise it was counted while the tables were counted
			if r.last == nil || d.Offset > r.last.Offset {
				if err := r.damaged(ctx, d); err != nil {
					return err
				}
				r.last = d
			}
			continue
		}
		if it.Kind == capture.RIB {
			r.tally.Record()
		}
		if err := each(it); err != nil {
			return err
		}
		if err := r.t.step(ctx); err != nil {
			return err
		}
		if r.t.looked == 0 {
			read, _ := c.Progress()
			if err := r.t.say(ctx, doing, uint64(read)); err != nil {
				return err
			}
		}
	}
}

// send adds the routes to one prefix.
func (r *dumpReader) send(ctx context.Context, it *capture.Item) error {
	if it.Kind != capture.RIB {
		return nil
	}
	if r.chunk.Full(it.Prefix) {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	family := bgp.FamilyOf(it.Prefix)
	r.listed[family]++
	r.d.prefixes++
	for i := range it.Entries {
		e := &it.Entries[i]
		if r.chosen != nil && !r.chosen[e.Peer] {
			continue
		}
		origin, upstream, err := tablechunk.Route(&r.decoder, e)
		if err != nil { // the peer still holds the prefix, unless the path is no route
			r.t.w.metrics.damaged.Inc()
		}
		if errors.Is(err, tablechunk.ErrNoRoute) {
			continue
		}
		if r.chunk.Add(it.Prefix, e.Peer, e.BGPID, origin, upstream) {
			at := e.Peer.WithoutASN()
			r.d.sent[e.Peer], r.d.addresses[at] = true, r.d.addresses[at] || e.Peer.ASN.Identifies()
		}
		r.d.routes++
		r.d.of[family]++
	}
	return nil
}

// flush sends the collected chunk.
func (r *dumpReader) flush(ctx context.Context) error {
	c := r.chunk.Take()
	if c == nil {
		return nil
	}
	if err := r.lane.Chunk(ctx, r.d.at.UnixMicro(), c); err != nil {
		return err
	}
	r.t.w.metrics.routes.Add(float64(r.d.routes - r.counted))
	r.counted = r.d.routes
	return r.t.wrote(ctx, c.SizeVT())
}
