package clock

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// minute0 is 2014-12-22T00:00:00Z.
const minute0 = int64(1419206400) * second

// journal records the steps of a clock. Records are kept per collector, as the order of different
// collectors within a window is free.
type journal struct {
	t       interface{ Fatalf(string, ...any) }
	closed  []int64
	applied map[string][]entry
	newest  map[string]uint64 // sequence
	open    int64             // earliest window that may still be applied
	fail    func(rec *pb.RouteRecord) error
}

type entry struct {
	What      string
	Window    int64
	Effective int64
}

func newJournal(t interface{ Fatalf(string, ...any) }) *journal {
	return &journal{t: t, applied: map[string][]entry{}, newest: map[string]uint64{}, open: none}
}

func (j *journal) Apply(rec *pb.RouteRecord, effective int64) error {
	if j.fail != nil {
		if err := j.fail(rec); err != nil {
			return err
		}
	}
	pos := rec.GetPosition()
	start := floor(effective)
	if start < j.open {
		j.t.Fatalf("%s %d: applied at %d, before the open window %d", pos.GetCollector(), pos.GetSequence(), start/second, j.open/second)
	}
	if pos.GetLane() == "file/x" && pos.GetEpoch() == 0 {
		if last := j.newest[pos.GetCollector()]; pos.GetSequence() < last {
			j.t.Fatalf("%s: %d applied after %d", pos.GetCollector(), pos.GetSequence(), last)
		}
		j.newest[pos.GetCollector()] = pos.GetSequence()
	}
	e := entry{What: fmt.Sprintf("%s %d.%d %T", pos.GetLane(), pos.GetSequence(), rec.GetPart(), rec.GetBody()), Window: start / second, Effective: effective}
	j.applied[pos.GetCollector()] = append(j.applied[pos.GetCollector()], e)
	return nil
}

func (j *journal) CloseWindow(start int64) error {
	if n := len(j.closed); n > 0 && j.closed[n-1]+Window != start {
		j.t.Fatalf("window %d closes after %d", start, j.closed[n-1])
	}
	for _, es := range j.applied {
		if last := es[len(es)-1]; last.Window > start {
			j.t.Fatalf("window %d closes after %v was applied", start, last)
		}
	}
	j.closed = append(j.closed, start)
	j.open = (start + Window) * second
	return nil
}

// taker takes the steps of a clock.
type taker interface {
	Apply(rec *pb.RouteRecord, effective int64) error
	CloseWindow(start int64) error
}

// push pushes a record and takes its steps.
func push(c *Clock, to taker, part int, offset int64, rec *pb.RouteRecord, size int) error {
	if err := c.Push(int32(part), offset, rec, size); err != nil {
		return err
	}
	for step := range c.Steps() {
		if step.Record == nil {
			if err := to.CloseWindow(step.Window); err != nil {
				return err
			}
			continue
		}
		if err := to.Apply(step.Record, step.Effective); errors.Is(err, codec.ErrInvalid) {
			c.Reject(step, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func at(s float64) int64 { return minute0 + int64(s*float64(second)) }

func record(collector string, seq uint64, t int64) *pb.RouteRecord {
	return &pb.RouteRecord{Position: &pb.Position{Collector: collector, Lane: "file/x", Sequence: seq}, TimestampUs: t, Body: &pb.RouteRecord_Changes{Changes: &pb.RouteChanges{}}}
}

func tick(collector string, seq uint64, t int64) *pb.RouteRecord {
	r := record(collector, seq, t)
	r.Body = &pb.RouteRecord_Tick{Tick: &pb.Tick{}}
	return r
}

func up(collector string, seq uint64, t int64) *pb.RouteRecord {
	r := record(collector, seq, t)
	r.Body = &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}
	return r
}

func down(collector string, seq uint64, t int64) *pb.RouteRecord {
	r := record(collector, seq, t)
	r.Body = &pb.RouteRecord_CollectorDown{CollectorDown: &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_ENDED}}
	return r
}

func clockAt(t int64, end bool) *pb.RouteRecord {
	return &pb.RouteRecord{Position: &pb.Position{Lane: "clock/a", Sequence: uint64(t)}, TimestampUs: t, Body: &pb.RouteRecord_Clock{Clock: &pb.Clock{End: end}}}
}

// stream is one dataset in the order in which ingest writes it: by merged event time. A record
// without a collector goes to all partitions.
type stream []*pb.RouteRecord

// drawStream plays ingest: collectors join and end, some fall silent and come back, timestamps
// jump.
func drawStream(t *rapid.T) stream {
	type source struct {
		name                   string
		join, leave            int
		silentFrom, silentTill int
		seq                    uint64
		announced, gone        bool
	}
	minutes := rapid.IntRange(1, 9).Draw(t, "minutes")
	var sources []*source
	for i := range rapid.IntRange(1, 5).Draw(t, "collectors") {
		s := &source{name: fmt.Sprintf("file/%c", 'a'+i), join: rapid.IntRange(0, minutes).Draw(t, "join")}
		s.leave = rapid.IntRange(s.join, minutes+1).Draw(t, "leave")
		if rapid.Bool().Draw(t, "silent") {
			s.silentFrom = rapid.IntRange(0, minutes).Draw(t, "silentFrom")
			s.silentTill = rapid.IntRange(s.silentFrom, minutes+1).Draw(t, "silentTill")
		}
		sources = append(sources, s)
	}
	var out stream
	next := func(s *source) uint64 { s.seq++; return s.seq }
	for m := range minutes {
		begin := at(float64(m * 60))
		for _, s := range sources {
			if s.announced && !s.gone && (m < s.silentFrom || m >= s.silentTill) {
				out = append(out, tick(s.name, next(s), begin))
			}
		}
		out = append(out, clockAt(begin, false))
		for k := range rapid.IntRange(0, 12).Draw(t, "events") {
			s := rapid.SampledFrom(sources).Draw(t, "source")
			now := begin + int64(k)*4*second
			switch {
			case m < s.join || s.gone || (m >= s.silentFrom && m < s.silentTill):
			case !s.announced:
				s.announced = true
				out = append(out, up(s.name, next(s), now))
			case m >= s.leave:
				s.gone = true
				out = append(out, down(s.name, next(s), now))
			default:
				off := rapid.SampledFrom([]int64{0, 0, 0, -3, -90, 2, 40, 3600, 1e9}).Draw(t, "offset")
				out = append(out, record(s.name, next(s), now+off*second))
			}
		}
	}
	return append(out, clockAt(at(float64(minutes*60)), true))
}

// split distributes a stream to partitions, as a topic does.
func split(s stream, n int, of func(string) int) [][]*pb.RouteRecord {
	parts := make([][]*pb.RouteRecord, n)
	for _, r := range s {
		if c := r.GetPosition().GetCollector(); c != "" {
			parts[of(c)] = append(parts[of(c)], r)
			continue
		}
		for p := range parts {
			parts[p] = append(parts[p], r)
		}
	}
	return parts
}

func TestPartitionsAndInterleavingDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawStream(t)
		want := newJournal(t)
		reference := New(Config{Partitions: 1})
		for i, r := range s {
			if err := push(reference, want, 0, int64(i), r, 100); err != nil {
				t.Fatal(err)
			}
		}
		n := rapid.IntRange(1, 6).Draw(t, "partitions")
		assigned := map[string]int{}
		parts := split(s, n, func(c string) int {
			if _, ok := assigned[c]; !ok {
				assigned[c] = rapid.IntRange(0, n-1).Draw(t, "partition of "+c)
			}
			return assigned[c]
		})
		got := newJournal(t)
		c := New(Config{Partitions: n})
		offsets := make([]int, n)
		for {
			var left []int
			for p := range parts {
				if offsets[p] < len(parts[p]) {
					left = append(left, p)
				}
			}
			if len(left) == 0 {
				break
			}
			p := rapid.SampledFrom(left).Draw(t, "next")
			for range rapid.IntRange(1, 5).Draw(t, "run") {
				if offsets[p] == len(parts[p]) {
					break
				}
				r := parts[p][offsets[p]]
				if err := push(c, got, p, int64(offsets[p]), r, 100); err != nil {
					t.Fatal(err)
				}
				offsets[p]++
			}
		}
		if diff := cmp.Diff(want.closed, got.closed); diff != "" {
			t.Errorf("windows (-one partition +%d):\n%s", n, diff)
		}
		if diff := cmp.Diff(want.applied, got.applied); diff != "" {
			t.Errorf("records (-one partition +%d):\n%s", n, diff)
		}
		if c.Buffered() != 0 {
			t.Errorf("%d octets still wait after the end", c.Buffered())
		}
	})
}

// TestFlow plays a broker that returns no records of paused partitions: memory stays bounded and
// there is no deadlock.
func TestFlow(t *testing.T) {
	t.Parallel()
	var s stream
	seq := map[string]uint64{}
	next := func(c string) uint64 { seq[c]++; return seq[c] }
	names := []string{"file/a", "file/b", "file/c"}
	for m := range 50 {
		for _, n := range names {
			if m == 0 {
				s = append(s, up(n, next(n), at(0)))
			}
			s = append(s, tick(n, next(n), at(float64(60*m))))
		}
		s = append(s, clockAt(at(float64(60*m)), false))
		for k := range 20 {
			for _, n := range names {
				s = append(s, record(n, next(n), at(float64(60*m+k))))
			}
		}
	}
	s = append(s, clockAt(at(3000), true))
	parts := split(s, 3, func(c string) int { return int(c[5] - 'a') })
	j := newJournal(t)
	c := New(Config{Partitions: 3, BufferBytes: 3000})
	paused := make([]bool, 3)
	offsets := make([]int, 3)
	for step := 0; ; step++ {
		moved := false
		for p := range parts { // the first readable partition is read to its end: the most unfair order
			if paused[p] || offsets[p] == len(parts[p]) {
				continue
			}
			if err := push(c, j, p, int64(offsets[p]), parts[p][offsets[p]], 100); err != nil {
				t.Fatal(err)
			}
			offsets[p]++
			moved = true
			break
		}
		pause, resume := c.Flow()
		for _, p := range pause {
			paused[p] = true
		}
		for _, p := range resume {
			paused[p] = false
		}
		if c.Buffered() > 3000+3*25*100 {
			t.Fatalf("step %d: %d octets wait, the bound is 3000 and a minute's records", step, c.Buffered())
		}
		if !moved {
			break
		}
	}
	if len(j.closed) != 51 || !slices.Equal(offsets, []int{len(parts[0]), len(parts[1]), len(parts[2])}) {
		t.Errorf("got %d windows and offsets %v; want 51 windows and all records", len(j.closed), offsets)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	const a, b = "file/a", "file/b"
	part := func(r *pb.RouteRecord, n uint32) *pb.RouteRecord { r.Part = n; return r }
	epoch := func(r *pb.RouteRecord, s uint64) *pb.RouteRecord { r.Position.Epoch = s; return r }
	tests := []struct {
		name    string
		in      []*pb.RouteRecord
		closed  int
		applied map[string][]string // collector: sequence.part@second
		dropped uint64
	}{
		{
			name:    "nothing closes without a clock record",
			in:      []*pb.RouteRecord{up(a, 1, at(0)), tick(a, 2, at(600))},
			applied: map[string][]string{},
		},
		{
			name:    "sent twice, applied once",
			in:      []*pb.RouteRecord{clockAt(at(0), false), record(a, 1, at(1)), record(a, 2, at(2)), record(a, 1, at(1)), record(a, 2, at(2)), record(a, 3, at(3)), clockAt(at(4), true)},
			closed:  1,
			applied: map[string][]string{a: {"1.0@1", "2.0@2", "3.0@3"}},
			dropped: 2,
		},
		{
			name:    "parts of one record share a position",
			in:      []*pb.RouteRecord{clockAt(at(0), false), record(a, 1, at(1)), part(record(a, 1, at(1)), 1), part(record(a, 1, at(1)), 1), part(record(a, 1, at(1)), 2), clockAt(at(4), true)},
			closed:  1,
			applied: map[string][]string{a: {"1.0@1", "1.1@1", "1.2@1"}},
			dropped: 1,
		},
		{
			name:    "a lower epoch is over",
			in:      []*pb.RouteRecord{clockAt(at(0), false), epoch(record(a, 9, at(1)), 5), epoch(record(a, 1, at(2)), 6), epoch(record(a, 10, at(3)), 5), clockAt(at(4), true)},
			closed:  1,
			applied: map[string][]string{a: {"9.0@1", "1.0@2"}},
			dropped: 1,
		},
		{
			name:    "order within a collector is kept against its timestamps",
			in:      []*pb.RouteRecord{clockAt(at(0), false), record(a, 1, at(59)), record(a, 2, at(70)), record(a, 3, at(58)), record(b, 1, at(58)), clockAt(at(120), true)},
			closed:  3,
			applied: map[string][]string{a: {"1.0@59", "2.0@60", "3.0@60"}, b: {"1.0@58"}},
		},
		{
			name:    "one wrong timestamp holds its collector up by a minute at most",
			in:      []*pb.RouteRecord{up(a, 1, at(0)), clockAt(at(0), false), record(a, 2, at(1e9)), record(a, 3, at(5)), tick(a, 4, at(60)), clockAt(at(60), false), record(a, 5, at(61)), tick(a, 6, at(120)), clockAt(at(120), true)},
			closed:  3,
			applied: map[string][]string{a: {"1.0@0", "2.0@60", "3.0@60", "4.0@60", "5.0@61", "6.0@120"}},
		},
		{
			name:    "a collector that falls behind goes down, and comes back",
			in:      []*pb.RouteRecord{up(a, 1, at(0)), clockAt(at(0), false), clockAt(at(60), false), clockAt(at(61), false), tick(a, 2, at(50)), tick(a, 3, at(51)), clockAt(at(62), false), clockAt(at(62), true)},
			closed:  2,
			applied: map[string][]string{a: {"1.0@0", "0.0@0 down", "2.0@61", "3.0@61", "0.0@61 up"}},
		},
		{
			name:    "a collector up holds the windows",
			in:      []*pb.RouteRecord{up(a, 1, at(0)), up(b, 1, at(0)), clockAt(at(0), false), tick(a, 2, at(60)), clockAt(at(60), false)},
			applied: map[string][]string{a: {"1.0@0"}, b: {"1.0@0"}},
		},
		{
			name:    "a collector down does not",
			in:      []*pb.RouteRecord{up(a, 1, at(0)), up(b, 1, at(0)), clockAt(at(0), false), down(b, 2, at(9)), tick(a, 2, at(60)), clockAt(at(60), false)},
			closed:  1,
			applied: map[string][]string{a: {"1.0@0", "2.0@60"}, b: {"1.0@0", "2.0@9"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := newJournal(t)
			got := map[string][]string{}
			j.fail = func(*pb.RouteRecord) error { return nil }
			c := New(Config{Partitions: 1})
			for i, r := range tt.in {
				if err := push(c, shortJournal{j, got}, 0, int64(i), r, 10); err != nil {
					t.Fatal(err)
				}
			}
			if len(j.closed) != tt.closed || c.Dropped() != tt.dropped {
				t.Errorf("got %d windows closed and %d records dropped, want %d and %d", len(j.closed), c.Dropped(), tt.closed, tt.dropped)
			}
			if diff := cmp.Diff(tt.applied, got); diff != "" {
				t.Errorf("applied (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVanishedIsConfigured: with all times divided by 30 a collector vanishes after two seconds,
// not after sixty.
func TestVanishedIsConfigured(t *testing.T) {
	t.Parallel()
	const a = "ris/rrc00"
	got := map[string][]string{}
	c := New(Config{Partitions: 1, Vanished: 2 * time.Second, Back: 500 * time.Millisecond})
	j := shortJournal{newJournal(t), got}
	for i, r := range []*pb.RouteRecord{
		up(a, 1, at(0)), clockAt(at(0), false), clockAt(at(2), false), tick(a, 2, at(2)), clockAt(at(4), false), clockAt(at(5), false),
		tick(a, 3, at(4)), tick(a, 4, at(4.5)), clockAt(at(5), true),
	} {
		if err := push(c, j, 0, int64(i), r, 10); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string][]string{a: {"1.0@0", "2.0@2", "0.0@2 down", "3.0@5", "4.0@5", "0.0@5 up"}}, got); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
}

// shortJournal writes records in the form of TestRules.
type shortJournal struct {
	*journal
	got map[string][]string
}

func (j shortJournal) Apply(rec *pb.RouteRecord, effective int64) error {
	pos := rec.GetPosition()
	s := fmt.Sprintf("%d.%d@%d", pos.GetSequence(), rec.GetPart(), (effective-minute0)/second)
	if pos.GetLane() == "clock" {
		s += map[bool]string{true: " up", false: " down"}[rec.GetCollectorUp() != nil]
	}
	j.got[pos.GetCollector()] = append(j.got[pos.GetCollector()], s)
	return j.journal.Apply(rec, effective)
}

func TestRejected(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.fail = func(r *pb.RouteRecord) error {
		if r.GetPosition().GetSequence() == 2 {
			return fmt.Errorf("prefix: %w", codec.ErrInvalid)
		}
		return nil
	}
	c := New(Config{Partitions: 1})
	bad := record("", 1, at(1))
	for i, r := range []*pb.RouteRecord{clockAt(at(0), false), record("file/a", 1, at(1)), record("file/a", 2, at(2)), record("file/a", 3, at(3)), bad} {
		if err := push(c, j, 0, int64(i), r, 10); err != nil {
			t.Fatal(err)
		}
	}
	got := c.Rejected(minute0 / second)
	if len(got) != 2 || got[0].Offset != 2 || got[1].Offset != 4 || !errors.Is(got[0].Err, codec.ErrInvalid) || got[0].Window != minute0/second {
		t.Errorf("got %+v; want the records at offsets 2 and 4", got)
	}
	if len(c.Rejected(minute0/second)) != 0 || len(j.applied["file/a"]) != 2 {
		t.Errorf("got %d more rejected and %d applied, want 0 and 2", len(c.Rejected(minute0/second)), len(j.applied["file/a"]))
	}
	broken := errors.New("broken")
	j.fail = func(*pb.RouteRecord) error { return broken }
	if err := push(c, j, 0, 9, record("file/a", 9, at(4)), 10); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of Apply", err)
	}
}

// TestRejectedIsBounded: records beyond MaxRejected are counted and not kept.
func TestRejectedIsBounded(t *testing.T) {
	t.Parallel()
	c, j := New(Config{Partitions: 1}), newJournal(t)
	for i := range int64(MaxRejected + 3) { // before any clock
		if err := push(c, j, 0, i, record("", uint64(i), at(1)), 10); err != nil {
			t.Fatal(err)
		}
	}
	got := c.Rejected(minute0 / second)
	if len(got) != MaxRejected+3 {
		t.Fatalf("got %d rejected, want %d", len(got), MaxRejected+3)
	}
	for i, r := range got {
		if kept := r.Record != nil && r.Err != nil; r.Offset != int64(i) || kept != (i < MaxRejected) {
			t.Errorf("record %d: at offset %d, kept %v", i, r.Offset, kept)
		}
	}
}

// FuzzPush gives a clock any records in any order: no panic, no window twice, no record applied
// before the open window.
func FuzzPush(f *testing.F) {
	add := func(recs ...*pb.RouteRecord) {
		var b []byte
		for _, r := range recs {
			v, err := r.MarshalVT()
			if err != nil {
				f.Fatal(err)
			}
			b = append(append(b, 0, byte(len(v))), v...)
		}
		f.Add(b)
	}
	add(up("a", 1, at(0)), clockAt(at(0), false), record("a", 2, at(9)), tick("a", 3, at(60)), clockAt(at(60), false), clockAt(at(90), true))
	add(clockAt(-1, false), clockAt(1<<62, true), record("", 0, 0), tick("a", 1<<63, -1<<62), down("a", 1, at(3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		enough := errors.New("enough")
		j := fuzzJournal{newJournal(t), enough}
		c := New(Config{Partitions: 3, BufferBytes: 300})
		for offset := int64(0); len(b) >= 2; offset++ { // partition, length, record
			part, n := int(b[0]%3), min(int(b[1]), len(b)-2)
			rec := &pb.RouteRecord{}
			if rec.UnmarshalVT(b[2:2+n]) == nil {
				if err := push(c, j, part, offset, rec, n); errors.Is(err, enough) {
					return
				} else if err != nil {
					t.Fatal(err)
				}
				c.Flow()
			}
			b = b[2+n:]
		}
		if c.Buffered() < 0 {
			t.Errorf("%d octets wait", c.Buffered())
		}
	})
}

// fuzzJournal stops after a thousand windows.
type fuzzJournal struct {
	*journal
	enough error
}

func (j fuzzJournal) CloseWindow(start int64) error {
	if len(j.closed) > 1000 {
		return j.enough
	}
	return j.journal.CloseWindow(start)
}

// BenchmarkPush merges a stream of twelve collectors, a thousand records a minute.
func BenchmarkPush(b *testing.B) {
	c := New(Config{Partitions: 4})
	recs := make([]*pb.RouteRecord, 12)
	for i := range recs {
		recs[i] = record(fmt.Sprintf("ris/rrc%02d", i), 0, 0)
	}
	offset, windows := int64(0), int64(0)
	push := func(part int, r *pb.RouteRecord) {
		if err := c.Push(int32(part), offset, r, 200); err != nil {
			b.Fatal(err)
		}
		for step := range c.Steps() {
			if step.Record == nil {
				windows++
			}
		}
		offset++
	}
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		now := at(float64(n) * 0.06)
		if n%1000 == 0 {
			for p := range 4 {
				push(p, clockAt(now, false))
			}
		}
		r := recs[n%12]
		r.Position.Sequence++
		r.TimestampUs = now
		push(int(n%12)%4, r)
	}
}
