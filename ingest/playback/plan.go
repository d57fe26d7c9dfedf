package playback

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/progress"
)

// ErrApart reports files that are more than a week apart, when no group of files has more than half
// of them. Such files have nothing to do with each other.
var ErrApart = errors.New("the files are more than a week apart")

// ErrOverlap reports update files of one collector whose times overlap. Any order of them would be
// a guess.
var ErrOverlap = errors.New("files of one collector overlap")

// ErrNoCapture reports inputs of which none is a capture.
var ErrNoCapture = errors.New("no file is an MRT, RIS Live or BMP file")

// ErrNoTimes reports inputs without times that can be played.
var ErrNoTimes = errors.New("no file has times that can be played")

// maxApart bounds the distance between files that are played in one run, microseconds. A state of a
// week before is no baseline any more.
const maxApart = 7 * 24 * 60 * minuteMicroseconds

// Plan is the analysis of the inputs before they are played: their order and their hash.
type Plan struct {
	// Hash is the first 16 hex digits of a SHA-256 over collector and content of every file, in
	// playing order.
	Hash string
	// Bytes is the size on disk of the files that are played.
	Bytes int64
	// Work is the amount of work for the stages.
	Work progress.Work
	// from and to are the earliest and the latest time of the files' records, microseconds.
	from, to int64
	// Voters are the possible voters among the peers in each collector's files, sorted. It is empty
	// if the files name no peer.
	Voters map[string][]bgp.PeerKey
	// LeftOut counts the files that are not played. Notes has the reasons.
	LeftOut int
	// Notes are sentences about left-out files, missing updates, and the effect of the files' times
	// on the result.
	Notes []string
	// Watch are watch lists that apply from the first record on. The creator of the plan sets them.
	Watch      []watch.List
	collectors []collectorPlan
}

// collectorPlan is the files of one collector.
type collectorPlan struct {
	name    string
	tables  []*filePlan // in order of time
	updates []*filePlan // in order of time
	peers   bool        // some file names a peer
	missing []Missing   // in order of time
	after   *hole       // after the last update; nil: none is known
	notes   []string
}

// filePlan is one file.
type filePlan struct {
	*glance
	collector   string
	path, title string
	// first and last are the times of the file's records, microseconds. They are 0 if no record has
	// a time. A table's last is unknown.
	first, last int64
	// added to the times of the file's records, if they count from a router's start
	shift int64
	odd   []oddTimes
	hole  *hole // before the file's first record
	bytes int64 // size on disk
	sum   [sha256.Size]byte
}

// Collectors lists the collectors whose files name peers, sorted.
func (p *Plan) Collectors() []string {
	var names []string
	for _, c := range p.collectors {
		if c.peers {
			names = append(names, c.name)
		}
	}
	return names
}

// NewPlan reads every file once (of a table only the beginning). missing lists times without files
// between the inputs. The error is ErrOverlap, ErrApart, ErrNoTimes or ErrNoCapture, or a file
// cannot be opened. The playback reports damaged content.
func NewPlan(ctx context.Context, inputs []Input, missing ...Missing) (*Plan, error) {
	p := &Plan{Voters: map[string][]bgp.PeerKey{}}
	var files []*filePlan
	for _, in := range inputs {
		f, size, err := hashFile(in)
		if err != nil {
			return nil, err
		}
		if f.glance, err = look(ctx, f.path); err != nil {
			return nil, err
		}
		f.bytes = size
		f.settle()
		files = append(files, f)
	}
	slices.SortFunc(files, (*filePlan).compare)
	p.Hash = hash(files, missing)
	played, err := p.choose(files)
	if err != nil {
		return nil, err
	}
	for len(played) > 0 {
		n := 1
		for n < len(played) && played[n].collector == played[0].collector {
			n++
		}
		c := collectorPlan{name: played[0].collector, missing: missingOf(missing, played[0].collector)}
		p.Voters[c.name] = votersOf(c.name, played[:n])
		if err := c.arrange(played[:n]); err != nil {
			return nil, err
		}
		p.Notes = append(p.Notes, c.tellHoles()...)
		for _, f := range slices.Concat(c.tables, c.updates) {
			p.Bytes += f.bytes
			p.Work = p.Work.Plus(f.work())
		}
		p.collectors = append(p.collectors, c)
		played = played[n:]
	}
	p.Notes = append(p.Notes, otherTimes(p.collectors)...)
	p.from, p.to = p.between(func(*filePlan) bool { return true })
	p.Work = p.Work.Plus(p.passed(p.to))
	return p, nil
}

// votersOf returns the possible voters among the peers in a collector's files, sorted.
func votersOf(collector string, files []*filePlan) []bgp.PeerKey {
	all := map[bgp.PeerKey]struct{}{}
	for _, f := range files {
		for v := range f.voters {
			v.Collector = collector
			all[v.Voter()] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(all), bgp.PeerKey.Compare)
}

// compare orders files by collector, a collector's tables before its updates, and by time.
func (f *filePlan) compare(o *filePlan) int {
	tables := 0
	if f.table != o.table {
		tables = 1
		if f.table {
			tables = -1
		}
	}
	return cmp.Or(cmp.Compare(f.collector, o.collector), tables, cmp.Compare(f.first, o.first),
		cmp.Compare(f.last, o.last), slices.Compare(f.sum[:], o.sum[:]))
}

// Inputs identifies the inputs of the plan. It returns Hash or, with watch lists, a hash of both.
// The lists affect the results, so the same files with other lists are other inputs.
func (p *Plan) Inputs() string {
	if len(p.Watch) == 0 {
		return p.Hash
	}
	sum := sha256.New()
	fmt.Fprintln(sum, p.Hash)
	for _, l := range p.Watch {
		one := l.Sum()
		sum.Write(one[:])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// hash returns a hash of the sorted files and of the missing times.
func hash(files []*filePlan, missing []Missing) string {
	of := map[string]int{}
	for _, f := range files {
		of[f.collector]++
	}
	sum := sha256.New()
	for i, f := range files {
		if i == 0 || files[i-1].collector != f.collector {
			fmt.Fprintf(sum, "%s %d\n", f.collector, of[f.collector])
		}
		sum.Write(f.sum[:])
	}
	for _, m := range missing {
		fmt.Fprintf(sum, "%s lacks %d %d\n", m.Collector, m.Begin.UnixMicro(), m.End.UnixMicro())
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func hashFile(in Input) (*filePlan, int64, error) {
	title := cmp.Or(in.Title, in.Path)
	f, err := os.Open(in.Path)
	if err != nil {
		return nil, 0, fmt.Errorf("an input cannot be read: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", title, err)
	}
	return &filePlan{
		collector: in.Collector, path: in.Path, title: title, sum: [sha256.Size]byte(h.Sum(nil)),
	}, n, nil
}

// settle determines which times of the file are credible, from the file alone.
func (f *filePlan) settle() {
	if len(f.rows) > maxStretches || !unusable(f.rows) {
		f.rows = nil
		return
	}
	if !slices.ContainsFunc(f.rows, func(s stretch) bool { return !s.odd && s.low >= earliestTime }) {
		f.shift = routerStart
		for i := range f.rows {
			f.rows[i].low += f.shift
			f.rows[i].high += f.shift
		}
	}
	strays(f.rows)
	var rows []*stretch
	for i := range f.rows {
		if !f.rows[i].odd {
			rows = append(rows, &f.rows[i])
		}
	}
	straighten(excursions(rows))
	f.bounds()
}

// bounds sets first and last to the credible times.
func (f *filePlan) bounds() {
	f.first, f.last = 0, 0
	for i := range f.rows {
		if s := &f.rows[i]; !s.odd {
			if f.first == 0 {
				f.first = s.low
			}
			f.first, f.last = min(f.first, s.low), max(f.last, s.high)
		}
	}
}

// choose leaves out files that are not captures, files without times, and those that are far from
// the others.
func (p *Plan) choose(files []*filePlan) ([]*filePlan, error) {
	var timed []*filePlan
	drop := map[*filePlan]bool{}
	for _, f := range files {
		switch {
		case f.foreign != nil:
			drop[f] = true
			p.Notes = append(p.Notes, fmt.Sprintf("%s is left out: %v", f.title, f.foreign))
		case f.first != 0:
			timed = append(timed, f)
			if f.shift != 0 {
				p.Notes = append(p.Notes,
					fmt.Sprintf("%s: its times begin at %s: they seem to count from a router's start, "+
						"and are played as if that was %s",
						f.title, clock(f.first-f.shift), clock(f.shift)))
			}
		case f.records > 0:
			drop[f] = true
			why := fmt.Sprintf("none of its %d records has a time", f.records)
			if f.timed > 0 {
				why = fmt.Sprintf("the times of its %d records cannot be right", f.records)
			}
			p.Notes = append(p.Notes,
				fmt.Sprintf("%s is left out: %s, and nothing else says when they were received",
					f.title, why))
		}
	}
	if len(drop) == len(files) &&
		!slices.ContainsFunc(files, func(f *filePlan) bool { return f.foreign == nil }) {
		f := files[0]
		if len(files) == 1 {
			return nil, fmt.Errorf("%s: %w", f.title, f.foreign)
		}
		return nil, fmt.Errorf("%w: %s, for example: %w", ErrNoCapture, f.title, f.foreign)
	}
	if len(timed) == 0 && len(drop) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoTimes, p.Notes[len(p.Notes)-1])
	}
	groups := apart(timed)
	most := slices.MaxFunc(groups, func(a, b []*filePlan) int { return cmp.Compare(len(a), len(b)) })
	for _, g := range groups {
		switch {
		case len(groups) == 1 || g[0] == most[0]:
			continue
		case 2*len(most) <= len(timed):
			return nil, fmt.Errorf("%s begins at %s, %s at %s: %w", most[0].title, clock(most[0].first),
				g[0].title, clock(g[0].first), ErrApart)
		}
		for _, f := range g {
			drop[f] = true
			p.Notes = append(p.Notes,
				fmt.Sprintf("%s is left out: its times begin at %s, "+
					"more than a week from those of most files, which begin at %s",
					f.title, clock(f.first), clock(most[0].first)))
		}
	}
	p.LeftOut = len(drop)
	return slices.DeleteFunc(slices.Clone(files), func(f *filePlan) bool { return drop[f] }), nil
}

// apart groups files, which have times, so that more than maxApart lies between two groups. It
// returns at least one group.
func apart(files []*filePlan) [][]*filePlan {
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b *filePlan) int { return cmp.Compare(a.first, b.first) })
	begin, last := 0, int64(0)
	var groups [][]*filePlan
	for i, f := range sorted {
		if i > 0 && f.first-last > maxApart {
			groups = append(groups, sorted[begin:i])
			begin = i
		}
		last = max(last, f.last)
	}
	return append(groups, sorted[begin:])
}

// arrange orders the files of the collector, which are sorted by time. It determines which of their
// times are credible and where updates are missing. It refuses update files that overlap.
func (c *collectorPlan) arrange(files []*filePlan) error {
	for i, f := range files {
		c.peers = c.peers || len(f.voters) > 0
		if f.table {
			c.tables = append(c.tables, f)
		} else {
			c.updates = append(c.updates, f)
		}
		for _, other := range files[:i] {
			if other.sum == f.sum {
				return fmt.Errorf("%s: %s and %s hold the same: %w", c.name, other.title, f.title, ErrOverlap)
			}
		}
	}
	if err := c.agree(); err != nil {
		return err
	}
	c.findHoles()
	for _, f := range files {
		f.rows = nil
	}
	return nil
}

// agree determines which times are credible from all update files together, because the next file
// may contradict the end of one. If more than half of a file would not be credible, it covers the
// same time as another.
func (c *collectorPlan) agree() error {
	var rows []*stretch
	alone := map[*filePlan]int64{}
	for _, f := range c.updates {
		for i := range f.rows {
			if s := &f.rows[i]; !s.odd {
				rows = append(rows, s)
			}
		}
	}
	rows = excursions(rows)
	for _, f := range c.updates {
		alone[f] = f.believed()
	}
	straighten(rows)
	for i, f := range c.updates {
		if 2*f.believed() < alone[f] {
			other := c.overlapped(i)
			return fmt.Errorf(
				"%s: %s is from %s to %s, %s from %s to %s (name other collectors as NAME=FILE): %w",
				c.name, other.title, clock(other.first), clock(other.last),
				f.title, clock(f.first), clock(f.last), ErrOverlap)
		}
	}
	c.repair()
	return nil
}

// believed returns the number of records of the file with credible times.
func (f *filePlan) believed() (n int64) {
	for i := range f.rows {
		if s := &f.rows[i]; !s.odd {
			n += s.records
		}
	}
	return n
}

// overlapped returns a file whose times overlap with those of update file i.
func (c *collectorPlan) overlapped(i int) *filePlan {
	f := c.updates[i]
	for k, other := range c.updates {
		if k != i && other.first <= f.last && other.last >= f.first && other.first != 0 {
			return other
		}
	}
	return c.updates[max(0, i-1)]
}

// repair sets the times at which records without credible times are played.
func (c *collectorPlan) repair() {
	for _, f := range c.updates {
		f.bounds()
	}
	before := int64(0)
	for i, f := range c.updates {
		after := int64(0)
		for _, next := range c.updates[i+1:] {
			if next.first != 0 {
				after = next.first
				break
			}
		}
		f.odd = repair(f.rows, before, after)
		for _, o := range f.odd {
			if f.first == 0 {
				f.first = o.at(o.low)
			}
			f.first, f.last = min(f.first, o.at(o.low)), max(f.last, o.at(o.high))
		}
		before = max(before, f.last)
	}
	for _, f := range c.tables {
		f.odd = repair(f.rows, 0, 0)
	}
}
