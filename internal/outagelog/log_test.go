package outagelog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var start = time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)

// record returns the record of an outage.
func record(t *testing.T, o bgp.Outage) *kgo.Record {
	t.Helper()
	if o.Entity == (bgp.Entity{}) {
		o.Entity = bgp.Entity{Type: bgp.EntityCountry, Code: "KP"}
	}
	object, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := (&pb.OutageRecord{Id: o.ID, Json: object}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Topic: "bgp.outages.v1", Offset: 7, Value: b}
}

func add(t *testing.T, l *Log, all ...bgp.Outage) {
	t.Helper()
	for _, o := range all {
		got, err := l.Add(record(t, o))
		if err != nil || got.ID != o.ID || got.Sequence != o.Sequence {
			t.Fatalf("got %+v and %v, want %s, %d", got, err, o.ID, o.Sequence)
		}
	}
}

// states returns id, dataset, sequence and state of the outages that pass the filter.
func states(l *Log, f Filter) (out []string) {
	for _, e := range l.Select(f) {
		out = append(out, fmt.Sprintf("%s %s %d %s", e.Outage.Dataset, e.Outage.ID, e.Outage.Sequence, e.Outage.State))
	}
	return out
}

// TestLogNewest checks that the Log keeps the record with the highest sequence, in any order of
// arrival, and by dataset.
func TestLogNewest(t *testing.T) {
	t.Parallel()
	end := start.Add(time.Hour)
	life := []bgp.Outage{
		{ID: "a", Dataset: "live", Sequence: 1, State: bgp.StateOpen, Start: start},
		{ID: "a", Dataset: "live", Sequence: 2, State: bgp.StateClosed, Start: start, End: &end},
		{ID: "a", Dataset: "live", Sequence: 3, State: bgp.StateOpen, Event: bgp.EventReopened, Start: start},
	}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1, 2}} {
		l := New()
		for _, i := range order {
			add(t, l, life[i])
		}
		if diff := cmp.Diff([]string{"live a 3 open"}, states(l, Filter{})); diff != "" {
			t.Errorf("order %v (-want +got):\n%s", order, diff)
		}
	}
	l := New()
	add(t, l, life[1], bgp.Outage{ID: "a", Dataset: "demo", Sequence: 1, State: bgp.StateOpen, Start: start}, life[0])
	if diff := cmp.Diff([]string{"demo a 1 open", "live a 2 closed"}, states(l, Filter{})); diff != "" {
		t.Errorf("two datasets (-want +got):\n%s", diff)
	}
}

// TestLogJSON checks that the Log returns the topic's object unchanged, and extends the duration of
// an open outage to the time reached.
func TestLogJSON(t *testing.T) {
	t.Parallel()
	l := New()
	o := bgp.Outage{ID: "a", Sequence: 1, State: bgp.StateOpen, Start: start, DurationSeconds: 60}
	add(t, l, o, bgp.Outage{ID: "b", Sequence: 1, State: bgp.StateRetracted, Start: start})
	l.Reached(start.Add(2 * time.Hour))
	got := l.Select(Filter{})
	if len(got) != 1 || got[0].Outage.DurationSeconds != 7200 || !strings.Contains(string(got[0].JSON), `"duration_seconds":60`) {
		t.Errorf("got %+v with %s, want 7200 seconds and the record's 60", got, got[0].JSON)
	}
	if l.Count() != 1 || len(Outages(l.Select(Filter{All: true}))) != 2 {
		t.Errorf("got %d, and %d of all, want 1 and 2", l.Count(), len(l.Select(Filter{All: true})))
	}
}

// TestLogWithin checks that a short loss retracted in favour of an intermittent event of its entity
// is not listed beside it.
func TestLogWithin(t *testing.T) {
	t.Parallel()
	at := func(m int) *time.Time { v := start.Add(time.Duration(m) * time.Minute); return &v }
	l := New()
	add(t, l,
		bgp.Outage{ID: "a", Sequence: 1, State: bgp.StateClosed, Blip: true, Start: start, End: at(2)},
		bgp.Outage{ID: "b", Sequence: 1, State: bgp.StateClosed, Blip: true, Start: *at(4), End: at(6)},
		bgp.Outage{ID: "c", Sequence: 1, State: bgp.StateRetracted, Blip: true, Start: *at(4), End: at(6), Successor: "gone"},
		bgp.Outage{ID: "d", Sequence: 1, State: bgp.StateRetracted, Blip: true, Start: *at(20), End: at(22), Successor: "e"},
		bgp.Outage{ID: "e", Sequence: 1, State: bgp.StateClosed, Start: *at(22), End: at(50)},
	)
	if diff := cmp.Diff([]string{" a 1 closed", " b 1 closed", " c 1 retracted", " d 1 retracted", " e 1 closed"}, states(l, Filter{All: true})); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	add(t, l,
		bgp.Outage{ID: "a", Sequence: 2, State: bgp.StateOpen, Kind: bgp.KindIntermittent, Start: start},
		bgp.Outage{ID: "b", Sequence: 2, State: bgp.StateRetracted, Blip: true, Start: *at(4), End: at(6), Successor: "a"},
	)
	if diff := cmp.Diff([]string{" a 2 open", " c 1 retracted", " d 1 retracted", " e 1 closed"}, states(l, Filter{All: true})); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
}

// TestLogDamaged checks that the error names an undecodable record, and that the Log keeps its
// state.
func TestLogDamaged(t *testing.T) {
	t.Parallel()
	l := New()
	if _, err := l.Add(&kgo.Record{Offset: 7, Value: []byte{0xff}}); err == nil || !strings.Contains(err.Error(), "offset 7") {
		t.Errorf("got %v, want an error that names the offset", err)
	}
	b, err := (&pb.OutageRecord{Id: "a", Json: []byte("{")}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Add(&kgo.Record{Value: b}); err == nil || !strings.Contains(err.Error(), "outage a") {
		t.Errorf("got %v, want an error that names the outage", err)
	}
	if n := l.Count(); n != 0 {
		t.Errorf("got %d outages, want none", n)
	}
}

// TestLogBound checks that the Log never exceeds its limit: it drops blips first, then the outages
// that ended first, open ones last.
func TestLogBound(t *testing.T) {
	t.Parallel()
	l := New()
	l.limit = 10
	for i := range 4 {
		at := start.Add(time.Duration(i) * time.Minute)
		end := at.Add(time.Minute)
		add(t, l,
			bgp.Outage{ID: fmt.Sprint("open", i), State: bgp.StateOpen, Start: at},
			bgp.Outage{ID: fmt.Sprint("closed", i), State: bgp.StateClosed, Start: at, End: &end},
			bgp.Outage{ID: fmt.Sprint("blip", i), State: bgp.StateClosed, Blip: true, Start: at, End: &end})
		if len(l.newest) > l.limit {
			t.Fatalf("%d outages, want at most %d", len(l.newest), l.limit)
		}
	}
	var ids []string
	for _, o := range Outages(l.Select(Filter{All: true})) {
		ids = append(ids, o.ID)
	}
	slices.Sort(ids)
	want := []string{"blip2", "blip3", "closed0", "closed1", "closed2", "closed3", "open0", "open1", "open2", "open3"}
	if diff := cmp.Diff(want, ids); diff != "" || !l.Dropped() {
		t.Errorf("dropped is %v, want true (-want +got):\n%s", l.Dropped(), diff)
	}
}

// TestLogLasting checks that a lasting Log holds an outage until the record of its end, and returns
// the time of the newest decision.
func TestLogLasting(t *testing.T) {
	t.Parallel()
	l, end := NewLasting(), start.Add(time.Hour)
	a, b := bgp.Outage{ID: "a", Sequence: 1, State: bgp.StateSuspected, Start: start}, bgp.Outage{ID: "b", Sequence: 1, State: bgp.StateOpen, Start: start}
	add(t, l, a, b)
	a.Sequence, a.State, a.End = 2, bgp.StateRetracted, &end
	add(t, l, a)
	if diff := cmp.Diff([]string{" b 1 open"}, states(l, Filter{All: true})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a.Sequence, a.State, a.End = 3, bgp.StateOpen, nil
	rec := record(t, a)
	var msg pb.OutageRecord
	if err := msg.UnmarshalVT(rec.Value); err != nil {
		t.Fatal(err)
	}
	msg.DecidedAtUs = end.UnixMicro()
	var err error
	if rec.Value, err = msg.MarshalVT(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Add(rec); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{" a 3 open", " b 1 open"}, states(l, Filter{})); diff != "" || !l.Decided().Equal(end) {
		t.Errorf("decided at %v, want %v (-want +got):\n%s", l.Decided(), end, diff)
	}
}

// TestLogConcurrent is for the race detector.
func TestLogConcurrent(t *testing.T) {
	t.Parallel()
	l := New()
	records := make([]*kgo.Record, 100)
	for i := range records {
		records[i] = record(t, bgp.Outage{ID: fmt.Sprint(i % 10), Sequence: uint32(i), State: bgp.StateOpen, Start: start})
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, rec := range records {
				if _, err := l.Add(rec); err != nil {
					t.Error(err)
					return
				}
				l.Reached(start.Add(time.Duration(i) * time.Minute))
				l.Select(Filter{})
			}
		})
	}
	wg.Wait()
	if n := l.Count(); n != 10 {
		t.Errorf("got %d outages, want 10", n)
	}
}
