package live

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// minute returns the beginning of the n-th minute of the tests.
func minute(n int) time.Time {
	return time.Unix(1419264000, 0).UTC().Add(time.Duration(n) * time.Minute)
}

// feed passes records to a fold, each with the next offset of its partition.
type feed struct {
	t    *testing.T
	fold *Fold
	next map[slot]int64
}

func newFeed(t *testing.T) *feed {
	t.Helper()
	starts := map[string]map[int32]int64{schemas.TopicOutages: {0: 0}, schemas.TopicVisibility: {0: 0, 1: 0}}
	return &feed{t: t, fold: NewFold("live", "abcd", starts), next: map[slot]int64{}}
}

func (f *feed) apply(topic string, partition int32, value []byte) {
	f.t.Helper()
	s := slot{topic, partition}
	if err := f.fold.Apply(&kgo.Record{Topic: "prefix." + topic, Partition: partition, Offset: f.next[s], Value: value}); err != nil {
		f.t.Fatal(err)
	}
	f.next[s]++
}

// value adds the number of visible prefixes of an entity in the n-th minute, in the form of records
// before usual_space.
func (f *feed) value(n int, t bgp.EntityType, code string, prefixes, usual int) {
	f.t.Helper()
	b, err := (&pb.VisibilityRecord{
		Entity: &pb.Entity{Type: pb.EntityType(t), Code: code}, Family: pb.Family_FAMILY_IPV4, WindowUs: minute(n).UnixMicro(), Space: uint64(prefixes) * 256, Prefixes: uint32(prefixes),
		BaselineSpace: uint64(usual) * 256, BaselinePrefixes: uint32(usual), Voters: 40,
	}).MarshalVT()
	if err != nil {
		f.t.Fatal(err)
	}
	f.apply(schemas.TopicVisibility, int32(len(code)%2), b)
}

// outage adds a record that is decided at the end of the n-th minute.
func (f *feed) outage(n int, o bgp.Outage) {
	f.t.Helper()
	o.Dataset, o.Family = "live", "ipv4"
	object, err := json.Marshal(o)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := (&pb.OutageRecord{Id: o.ID, Json: object, DecidedAtUs: minute(n + 1).UnixMicro()}).MarshalVT()
	if err != nil {
		f.t.Fatal(err)
	}
	f.apply(schemas.TopicOutages, 0, b)
}

// dark returns an open outage of an entity since the n-th minute.
func dark(id string, e bgp.Entity, n int) bgp.Outage {
	return bgp.Outage{ID: id, Sequence: 1, Kind: bgp.KindOutage, State: bgp.StateOpen, Event: bgp.EventOpened, Entity: e, Start: minute(n), Baseline: bgp.Size{Prefixes: 4, Space: 400}}
}

var tonga = bgp.Entity{Type: bgp.EntityCountry, Code: "TO", Name: "Tonga"}

func ids(all []*Window) string {
	var out []string
	for _, w := range all {
		out = append(out, w.ID)
	}
	return strings.Join(out, " ")
}

// snapshot returns the snapshot of the fold, one minute after its newest minute.
func (f *feed) snapshot() *Snapshot {
	return f.fold.state.snapshot(standing{dataset: "live", now: f.fold.state.minute.Add(2 * time.Minute)})
}

// TestWholeMinutes checks that a record shows once its minute is decided, and not before. A late
// record shows with the next minute.
func TestWholeMinutes(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	key := Key{bgp.IPv4, bgp.EntityCountry, "TO"}
	f.value(1, bgp.EntityCountry, "TO", 4, 4)
	f.value(2, bgp.EntityCountry, "TO", 1, 4)
	if _, ok := f.snapshot().Value(key); ok || !f.snapshot().Until().IsZero() {
		t.Error("a value shows before its minute is decided")
	}
	f.fold.Close(minute(1))
	if v, _ := f.snapshot().Value(key); v.Visible.Prefixes != 4 || v.LossPercent != 0 || !v.Fresh(minute(1)) {
		t.Errorf("minute 1: got %+v", v)
	}
	if f.fold.Close(minute(1)) != nil {
		t.Error("a minute was closed twice")
	}
	added := f.fold.Close(minute(4))
	if v, _ := f.snapshot().Value(key); v.Visible.Prefixes != 1 || v.LossPercent != 7500 || len(added) != 3 || len(added[0].Values) != 1 || len(added[1].Values)+len(added[2].Values) != 0 {
		t.Errorf("minute 4: got %+v in %d minutes", v, len(added))
	}
	f.value(3, bgp.EntityCountry, "TO", 2, 4)
	if added = f.fold.Close(minute(5)); len(added) != 1 || len(added[0].Values) != 1 {
		t.Errorf("a late record: got %d minutes", len(added))
	}
	if v, _ := f.snapshot().Value(key); v.Visible.Prefixes != 2 || v.Fresh(minute(100)) {
		t.Errorf("afterwards: got %+v", v)
	}
}

// TestUsual checks that losses are measured against the detector's usual space, if the record has
// it.
func TestUsual(t *testing.T) {
	t.Parallel()
	space, prefixes := uint64(4*256), uint32(4)
	b, err := (&pb.VisibilityRecord{
		Entity: &pb.Entity{Type: pb.EntityType_ENTITY_TYPE_COUNTRY, Code: "TO"}, Family: pb.Family_FAMILY_IPV4, WindowUs: minute(1).UnixMicro(), Space: 3 * 256, Prefixes: 3,
		BaselineSpace: 8 * 256, BaselinePrefixes: 8, UsualSpace: &space, UsualPrefixes: &prefixes, Voters: 40,
	}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	f := newFeed(t)
	f.apply(schemas.TopicVisibility, 0, b)
	added := f.fold.Close(minute(1))
	v, _ := f.snapshot().Value(Key{bgp.IPv4, bgp.EntityCountry, "TO"})
	if want := (bgp.Size{Prefixes: 4, Space: 400}); v.Usual != want || v.LossPercent != 2500 || len(added) != 1 || added[0].Values[0] != v {
		t.Errorf("got %+v, want 3 of 4", v)
	}
}

// TestPrefixesThatLose checks that only losing prefixes are kept.
func TestPrefixesThatLose(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.value(1, bgp.EntityPrefix, "192.0.2.0/24", 0, 1)
	f.fold.Close(minute(1))
	lost := slices.Collect(f.snapshot().Values(bgp.EntityPrefix))
	f.value(2, bgp.EntityPrefix, "192.0.2.0/24", 1, 1)
	f.fold.Close(minute(2))
	if back := slices.Collect(f.snapshot().Values(bgp.EntityPrefix)); len(lost) != 1 || len(back) != 0 || f.fold.held != 0 {
		t.Errorf("got %v while lost, %v afterwards, %d held", lost, back, f.fold.held)
	}
}

// TestLifeOfAnOutage checks that an outage is open, then ended for 24 hours, then gone, and that
// its baseline measures the entity.
func TestLifeOfAnOutage(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.value(1, bgp.EntityCountry, "TO", 3, 8)
	o := dark("country-TO", tonga, 1)
	f.outage(1, o)
	f.fold.Close(minute(10))
	s := f.snapshot()
	v, _ := s.Value(Key{bgp.IPv4, bgp.EntityCountry, "TO"})
	if len(s.Open) != 1 || s.Open[0].Outage.DurationSeconds != 600 || v.Outage != o.ID || v.Usual.Prefixes != 4 || v.LossPercent != 2500 {
		t.Errorf("open: got %+v, %+v", s.Open, v)
	}
	end := minute(12)
	o.Sequence, o.State, o.Event, o.End, o.EndReason = 2, bgp.StateClosed, bgp.EventClosed, &end, bgp.EndRecovered
	f.outage(13, o)
	f.fold.Close(minute(13))
	if s = f.snapshot(); len(s.Open) != 0 || len(s.Closed) != 1 || len(s.Last().Outages) != 1 {
		t.Errorf("closed: got %d open, %d closed, %d changes", len(s.Open), len(s.Closed), len(s.Last().Outages))
	}
	if _, ok := s.Find(o.ID); !ok {
		t.Error("it is not found by its id")
	}
	f.outage(14, dark("country-TO", tonga, 1)) // the first record again
	blip := dark("as-AS64496", bgp.Entity{Type: bgp.EntityAS, Code: "AS64496"}, 12)
	blip.State, blip.End, blip.Blip = bgp.StateClosed, &end, true
	f.outage(14, blip)
	f.fold.Close(minute(14))
	if s = f.snapshot(); len(s.Open) != 0 || len(s.Closed) != 1 {
		t.Errorf("an old record and a blip: got %d open, %d closed", len(s.Open), len(s.Closed))
	}
	f.fold.Close(minute(14 + 24*60))
	if s = f.snapshot(); len(s.Closed) != 0 || len(f.fold.outages) != 0 {
		t.Errorf("a day later: got %d closed, %d held", len(s.Closed), len(f.fold.outages))
	}
}

// TestResume checks that a client with the id of a minute gets each later minute once, also from a
// process that began to read later. Any other id gives a reset.
func TestResume(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	for n := 1; n <= 20; n++ {
		if n%3 == 0 {
			f.value(n, bgp.EntityCountry, "TO", n, 20)
		}
		if n == 5 || n == 15 {
			f.outage(n, dark(fmt.Sprint("country-", n), tonga, n))
		}
	}
	other := NewFold("live", "abcd", map[string]map[int32]int64{schemas.TopicOutages: {0: 1}, schemas.TopicVisibility: {0: 2, 1: 0}})
	for _, at := range []int64{9, 12, 15, 18} { // the records that it has not read are older
		for _, w := range f.fold.waiting[minute(int(at)).Unix()/60] {
			if w.value != nil || at == 15 {
				other.wait(minute(int(at)), w)
			}
		}
	}
	for n := 1; n <= 20; n++ {
		f.fold.Close(minute(n))
	}
	other.Close(minute(20))
	s, late := f.snapshot(), other.state.snapshot(standing{})
	if len(s.windows) != 20 {
		t.Fatalf("got %d minutes", len(s.windows))
	}
	for i, w := range s.windows {
		rest, ok := s.Changes(w.ID)
		if !ok || ids(rest) != ids(s.windows[i+1:]) {
			t.Errorf("after minute %d: got %q, %t", i+1, ids(rest), ok)
		}
		if n := i + 1; n >= 9 {
			if rest, ok = late.Changes(w.ID); !ok || len(rest) != 20-n {
				t.Errorf("after minute %d, asked of another process: got %d minutes, %t, with id %s", n, len(rest), ok, w.ID)
			}
		}
	}
	for _, w := range late.windows {
		if _, ok := s.Changes(w.ID); !ok {
			t.Errorf("the other process's id %s of %v is not known", w.ID, w.Minute)
		}
	}
	last := s.Last().ID
	for _, id := range []string{"", "x", "zz-abcd", strings.Replace(last, "abcd", "abce", 1), strings.Replace(last, ".2", ".3", 1), last + ".1", strings.Repeat("9", 5000), "-", "1-a..", windowID(minute(-500), place{})} {
		if _, ok := s.Changes(id); ok {
			t.Errorf("%.50q: want a reset", id)
		}
	}
}

// TestRing checks that the ring holds RingMinutes minutes, however many come at once.
func TestRing(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.value(1, bgp.EntityCountry, "TO", 1, 4)
	f.fold.Close(minute(1))
	first := f.snapshot().Last().ID
	f.value(3, bgp.EntityCountry, "TO", 2, 4)
	if added := f.fold.Close(minute(100_000)); len(added) != RingMinutes || len(f.fold.windows) != RingMinutes {
		t.Errorf("got %d new minutes, %d in all", len(added), len(f.fold.windows))
	}
	if _, ok := f.snapshot().Changes(first); ok {
		t.Error("an id that is too old is known")
	}
	if v, _ := f.snapshot().Value(Key{bgp.IPv4, bgp.EntityCountry, "TO"}); v.Visible.Prefixes != 2 || v.Fresh(minute(100_000)) {
		t.Errorf("a value from before the ring: got %+v", v)
	}
}
