package core

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func snapshotOf(tb testing.TB, d *Detector) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := d.Snapshot(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// restored returns a detector that was read from a snapshot of d. It checks that the detector
// writes the same snapshot.
func restored(tb testing.TB, d *Detector) *Detector {
	tb.Helper()
	b := snapshotOf(tb, d)
	out, err := New(d.cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := out.Restore(bytes.NewReader(b)); err != nil {
		tb.Fatal(err)
	}
	snapshottest.Same(tb, b, snapshotOf(tb, out))
	return out
}

// twin is a clock and a detector that are read from snapshots again and again, at random steps.
// They get the same input as an undisturbed pair, and must behave the same.
type twin struct {
	t        *testing.T
	clock    *clock.Clock
	cfg      clock.Config
	detector *Detector
	rng      *rand.Rand
	often    int // number of steps in which it is restored once
	restores int
	outs     []string // output of the record that was pushed last
}

func newTwin(t *testing.T, cfg clock.Config, of *Detector, often int) *twin {
	t.Helper()
	d, err := New(of.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &twin{t: t, clock: clock.New(cfg), cfg: cfg, detector: d, rng: rand.New(rand.NewPCG(16, 3)), often: often}
}

// restore replaces the clock and the detector by those that are read from a snapshot of both.
func (w *twin) restore() {
	w.t.Helper()
	var b bytes.Buffer
	if err := errors.Join(w.clock.Snapshot(&b), w.detector.Snapshot(&b)); err != nil {
		w.t.Fatal(err)
	}
	d, err := New(w.detector.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	c := clock.New(w.cfg)
	if err := errors.Join(c.Restore(&b), d.Restore(&b)); err != nil || b.Len() != 0 {
		w.t.Fatalf("%v; %d octets are left", err, b.Len())
	}
	w.clock, w.detector = c, d
	w.restores++
}

// push pushes a record and takes its steps, as drive does.
func (w *twin) push(part int32, offset int64, r *pb.RouteRecord) {
	w.t.Helper()
	w.outs = w.outs[:0]
	if err := w.clock.Push(part, offset, r, 100); err != nil {
		w.t.Fatal(err)
	}
	for w.steps() {
		w.restore()
	}
}

// steps takes the remaining steps until one after which both are to be restored.
func (w *twin) steps() bool {
	w.t.Helper()
	for step := range w.clock.Steps() {
		if step.Record != nil {
			if err := w.detector.Apply(step.Record, step.Effective); errors.Is(err, codec.ErrInvalid) {
				w.clock.Reject(step, err)
			} else if err != nil {
				w.t.Fatal(err)
			}
		} else {
			outs, err := w.detector.CloseWindow(step.Window)
			if err != nil {
				w.t.Fatal(err)
			}
			w.outs = append(w.outs, encodedOuts(w.t, outs)...)
		}
		if w.rng.IntN(w.often) == 0 {
			return true
		}
	}
	return false
}

// same compares the twin with the undisturbed pair.
func (w *twin) same(c *clock.Clock, d *Detector, outs []string) {
	w.t.Helper()
	if !slices.Equal(w.outs, outs) {
		for i := range max(len(w.outs), len(outs)) {
			if i >= len(w.outs) || i >= len(outs) || w.outs[i] != outs[i] {
				w.t.Fatalf("record %d of %d, %d undisturbed, differs:\n%.3q\n%.3q", i, len(w.outs), len(outs), w.outs[i:], outs[i:])
			}
		}
	}
	if w.rng.IntN(20*w.often) == 0 {
		w.sameState(c, d)
	}
}

func (w *twin) sameState(c *clock.Clock, d *Detector) {
	w.t.Helper()
	snapshottest.Same(w.t, snapshotOf(w.t, d), snapshotOf(w.t, w.detector))
	var a, b bytes.Buffer
	if err := errors.Join(c.Snapshot(&a), w.clock.Snapshot(&b)); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		w.t.Fatalf("clocks of %d and %d octets differ: %v", a.Len(), b.Len(), err)
	}
}

// encodedOuts returns the topic, key and octets of published records.
func encodedOuts(t *testing.T, outs []Out) (all []string) {
	t.Helper()
	for _, o := range outs {
		b, err := o.Record.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Topic+" "+string(o.Key)+" "+string(b))
	}
	return all
}

// openEverything returns a detector with all states open: a gap that is being answered, a check, a
// table that is sent again, path ids, withdrawals of the open window, an outage, and a number of
// watch lists.
func openEverything(t testing.TB, lists int) *feed {
	t.Helper()
	f := newFeed(t, small())
	for _, r := range benchLists()[:5*lists] {
		f.apply(r)
	}
	for c := range 3 {
		f.apply(record(collectorName(c), dawn, &pb.GapBegin{Id: "t"}))
		f.apply(record(collectorName(c), dawn, openTable(c, "t")))
		f.apply(record(collectorName(c), dawn, &pb.GapEnd{Id: "t", Complete: true}))
	}
	f.until(dawn + 300)
	change := func(c int, ch *pb.RouteChanges) {
		ch.Peer = benchPeer(c, 0)
		f.apply(record(collectorName(c), f.window, ch))
	}
	for c := range 3 {
		ch := &pb.RouteChanges{}
		for i := range 40 {
			ch.Withdrawn = append(ch.Withdrawn, &pb.Route{Prefix: benchPrefix(i)})
		}
		change(c, ch)
	}
	f.until(dawn + 900)
	change(0, &pb.RouteChanges{OriginAs: 7, UpstreamAs: 8, Announced: []*pb.Route{{Prefix: benchPrefix(70), PathId: 5}, {Prefix: benchPrefix(70), PathId: 6}}})
	change(0, &pb.RouteChanges{RefreshBegins: []pb.Family{pb.Family_FAMILY_IPV4}})
	change(0, &pb.RouteChanges{OriginAs: 7, UpstreamAs: 8, Announced: []*pb.Route{{Prefix: benchPrefix(71), PathId: 5}}})
	change(0, &pb.RouteChanges{Withdrawn: []*pb.Route{{Prefix: benchPrefix(60)}}})
	change(0, &pb.RouteChanges{Unread: &pb.Unread{Families: []pb.Family{pb.Family_FAMILY_IPV4}}})
	f.apply(record(collectorName(1), f.window, &pb.GapBegin{Id: "g", SinceUs: (f.window - 30) * 1e6}))
	f.apply(record(collectorName(2), f.window, &pb.CheckBegin{Id: "c"}))
	for c, id := range []string{1: "g", 2: "c"} {
		if r := record(collectorName(c), f.window, openTable(c, id)); id != "" {
			r.Position.Lane = "table/" + id
			f.apply(r)
		}
	}
	return f
}

// openTable returns the table of a collector of openEverything.
func openTable(c int, id string) *pb.TableChunk {
	ch := &pb.TableChunk{Id: id, Family: pb.Family_FAMILY_IPV4, Peers: []*pb.Peer{benchPeer(c, 0)}, Places: []*pb.Place{{Country: "TO", Region: "TO-01"}}}
	for i := range 80 + 3*c {
		ch.Prefixes = append(ch.Prefixes, &pb.TablePrefix{
			Prefix: benchPrefix(i), PlaceShares: []uint64{0, 256}, Paths: []*pb.TablePath{{OriginAs: uint32(1000 + i/8), UpstreamAs: uint32(10 + c), Peers: []byte{1}}},
		})
	}
	return ch
}

// TestSnapshotOfOpen: open states are open after a restore, and both detectors go on alike.
func TestSnapshotOfOpen(t *testing.T) {
	t.Parallel()
	f := openEverything(t, 3)
	f.undisturbed = true
	fam := f.detector.family(1)
	if fam.engine.Open() == 0 || len(f.detector.watch.Lists()) == 0 || f.detector.collectors[collectorName(1)].gap == nil || f.detector.collectors[collectorName(2)].check == nil {
		t.Fatal("not everything is open")
	}
	goOnAlike(t, f, restored(t, f.detector))
}

// goOnAlike gives the feed of openEverything and another detector the same further records. Both
// publish the same.
func goOnAlike(t *testing.T, f *feed, other *Detector) {
	t.Helper()
	g := newFeed(t, small())
	g.undisturbed, g.detector, g.window = true, other, f.window
	for _, x := range []*feed{f, g} {
		x.outs = nil
		x.apply(record(collectorName(1), x.window, &pb.GapEnd{Id: "g", Complete: true}))
		x.apply(record(collectorName(2), x.window, &pb.CheckEnd{Id: "c", Complete: true}))
		back := &pb.RouteChanges{Peer: benchPeer(0, 0), OriginAs: 1000, UpstreamAs: 10, RefreshEnds: []pb.Family{pb.Family_FAMILY_IPV4}}
		for i := range 40 {
			back.Announced = append(back.Announced, &pb.Route{Prefix: benchPrefix(i)})
		}
		x.apply(record(collectorName(0), x.window, back))
		x.until(x.window + 5400)
	}
	if want, got := encodedOuts(t, f.outs), encodedOuts(t, g.outs); !slices.Equal(want, got) || len(want) == 0 {
		t.Errorf("%d records, %d undisturbed, or others", len(got), len(want))
	}
	snapshottest.Same(t, snapshotOf(t, f.detector), snapshotOf(t, g.detector))
}

// restoreContent reads a content with correct checksums.
func restoreContent(tb testing.TB, content []byte) error {
	tb.Helper()
	d, err := New(small())
	if err != nil {
		tb.Fatal(err)
	}
	return d.Restore(bytes.NewReader(snapshottest.Seal(content)))
}

// TestDamagedSnapshot: a damaged snapshot is an error. The memory that Restore allocates for it is
// bounded by its size.
func TestDamagedSnapshot(t *testing.T) { //nolint:paralleltest // measures what is allocated
	whole := snapshotOf(t, openEverything(t, 3).detector)
	content := snapshottest.Content(whole)
	if err := restoreContent(t, content); err != nil {
		t.Fatal(err)
	}
	allocated := func(do func()) int {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return int(after.TotalAlloc - before.TotalAlloc)
	}
	most := allocated(func() { _ = restoreContent(t, content) })
	rng := rand.New(rand.NewPCG(1, 6))
	refused := 0
	for range 800 {
		b := bytes.Clone(content)
		cut := false
		switch at := rng.IntN(len(b)); rng.IntN(4) {
		case 0:
			b, cut = b[:at], true
		case 1:
			b[at] ^= 1 << rng.IntN(8)
		case 2:
			b[at] = 255
		default: // a long number
			copy(b[at:], []byte{255, 255, 255, 255, 15})
		}
		var err error
		if n := allocated(func() { err = restoreContent(t, b) }); n > 3*most+4<<20 {
			t.Fatalf("%d octets allocated for %d, the whole one takes %d: %v", n, len(b), most, err)
		}
		if err != nil {
			refused++
		}
		if cut && err == nil || err != nil && !errors.Is(err, snapshot.ErrInvalid) {
			t.Fatalf("got %v; cut short: %v", err, cut)
		}
	}
	if refused < 240 { // another number is often valid too
		t.Errorf("%d of 800 were refused", refused)
	}
	for range 100 { // with checksums every change is found
		b := bytes.Clone(whole)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		d, err := New(small())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Restore(bytes.NewReader(b)); !errors.Is(err, snapshot.ErrInvalid) {
			t.Fatalf("a damaged snapshot: %v", err)
		}
	}
	t.Logf("%d octets; reading them allocates %d", len(whole), most)
}

// FuzzRestore reads any content: it may return an error and does not crash.
func FuzzRestore(f *testing.F) {
	f.Add(snapshottest.Content(snapshotOf(f, newFeed(f, small()).detector)))
	f.Add(snapshottest.Content(snapshotOf(f, openEverything(f, 0).detector)))
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := restoreContent(t, content); err != nil && !errors.Is(err, snapshot.ErrInvalid) {
			t.Error(err)
		}
	})
}
