package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// lives lists the last state of the events of some types: ids with their ends.
func lives(t *testing.T, f *feed, types ...pb.EntityType) []string {
	t.Helper()
	var out []string
	for _, r := range f.final() {
		if slices.Contains(types, r.Entity.Type) {
			o := lastRecord(t, f, r.Entity.Type, r.Entity.Code)
			out = append(out, fmt.Sprintf("%s %s %s %s %v", r.Id, r.Kind, r.State, r.EndReason, o.End))
		}
	}
	return out
}

// TestTwentyEdits: a list that is changed twenty times while outages are open opens, ends and
// renames no event, and its baseline is the same in the end. A detector that reads the same log
// publishes the same.
func TestTwentyEdits(t *testing.T) {
	t.Parallel()
	play := func(edits int) *feed {
		w := newWorld(t)
		all := w.customers(60)
		w.tables()
		w.watch(dawn, "mine", all[:20]...)
		w.gone(dawn+hours, w.networks[44:47]...)
		for i := range edits {
			list := slices.Concat(all[:20], all[20:20+i*2]) // it grows, and always holds the dark members
			if i%3 == 0 {
				list = all[:10+i]
			}
			w.watch(dawn+hours+600+int64(i)*minute, "mine", list...)
		}
		w.watch(dawn+hours+600+20*minute, "mine", all[:20]...)
		w.back(dawn+hours+600+40*minute, w.networks[44:47]...)
		return w.run(dawn + 3*hours)
	}
	plain, edited, again := play(0), play(20), play(20)
	if diff := cmp.Diff(lives(t, plain, watched, single), lives(t, edited, watched, single)); diff != "" {
		t.Errorf("edits change the events (-without +with):\n%s", diff)
	}
	if got := lives(t, plain, watched); len(got) != 1 || !strings.Contains(got[0], "outage closed recovered") {
		t.Errorf("got %v, want one outage of the list that was closed", got)
	}
	if diff := cmp.Diff(texts(t, edited), texts(t, again)); diff != "" {
		t.Errorf("the same log, another time (-first +second):\n%s", diff)
	}
	if a, b := lastVisible(plain, "mine"), lastVisible(edited, "mine"); a.Space != b.Space || a.BaselineSpace != b.BaselineSpace || a.Prefixes != b.Prefixes || a.BaselinePrefixes != b.BaselinePrefixes {
		t.Errorf("visible at last: %v without and %v with edits", a, b)
	}
}

// texts returns all records as text, in order.
func texts(t *testing.T, f *feed) []string {
	t.Helper()
	var out []string
	for _, o := range f.outs {
		b, err := o.Record.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %s %x", o.Topic, o.Key, b))
	}
	return out
}

func lastVisible(f *feed, code string) *pb.VisibilityRecord {
	var last *pb.VisibilityRecord
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.VisibilityRecord); ok && r.Entity.Code == code {
			last = r
		}
	}
	return last
}

// TestEditsOpenNothing: members come and go while all routes are up, and a dark member joins and
// leaves.
func TestEditsOpenNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.customers(60)
	w.tables()
	w.watch(dawn, "mine", all[:40]...)
	w.watch(dawn+hours, "mine", all[:10]...)
	w.watch(dawn+2*hours, "mine", all...)
	w.watch(dawn+3*hours, "mine", append(all[:10:10], "KP", "AS131279")...)
	f := w.run(dawn + 4*hours)
	if got := told(f, watched, single, as, country); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
	if v := lastVisible(f, "mine"); v.Space != 14*256 || v.BaselineSpace != 14*256 {
		t.Errorf("visible: %v, want 14 /24s", v)
	}
}

// TestDarkMemberLeaves: if the lost members leave the list, the list's event ends, and not as
// recovered.
func TestDarkMemberLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.customers(10)
	w.tables()
	w.watch(dawn, "mine", all...)
	w.gone(dawn+hours, w.networks[44:46]...)
	w.watch(dawn+hours+20*minute, "mine", all[2:]...)
	f := w.run(dawn + 3*hours)
	if o := lastRecord(t, f, watched, "mine"); o.State != bgp.StateClosed || o.EndReason != bgp.EndLostSight {
		t.Errorf("the list: %s %s, want closed as lost from sight", o.State, o.EndReason)
	}
	o := lastRecord(t, f, single, all[0])
	if o.State != bgp.StateOpen || named(o) != "" {
		t.Errorf("the member: %s names %q, want open and no list", o.State, named(o))
	}
}

// TestListReturns: the log has lost its beginning, and with it the list. The list's open event
// stays unchanged until the list is repeated, and goes on under its id. An event whose list does
// not come back is lost from sight after two hours.
func TestListReturns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.customers(10)
	w.networks = append(w.networks, network{"40.0.0.0/22", 65200, 64400, "AA"})
	w.tables()
	lists := func(t int64) {
		w.watch(t, "mine", append(all, "40.0.0.0/22=AS65200")...)
		w.watch(t, "other", all...)
	}
	lists(dawn)
	w.gone(dawn+hours, w.networks[44:46]...)
	w.everybody(dawn+hours, func(c, p int, at int64) { w.announce(c, p, at, network{"40.0.1.0/24", 66666, 64401, "ZZ"}) })
	cut := dawn + hours + 20*minute
	before := w.run(cut)
	var published []bgp.Outage
	for _, r := range before.final() {
		if o := lastRecord(t, before, r.Entity.Type, r.Entity.Code); o.State == bgp.StateOpen {
			published = append(published, o)
		}
	}
	w.records = slices.DeleteFunc(w.records, func(r *pb.RouteRecord) bool { return r.GetWatchList() != nil })
	w.watch(cut+10*minute, "mine", append(all, "40.0.0.0/22=AS65200")...)
	w.back(cut+60*minute, w.networks[44:46]...)
	after := newFeed(t, small())
	after.detector.RecordsMissing()
	slices.SortStableFunc(w.records, func(a, b *pb.RouteRecord) int { return int(a.TimestampUs/60e6 - b.TimestampUs/60e6) })
	took := false
	for _, r := range w.records {
		if r.TimestampUs/1e6 >= cut && !took {
			after.until(cut)
			after.outs, took = nil, true
			after.detector.TakeOver(bgp.IPv4, published, cut)
		}
		after.apply(r)
	}
	after.until(cut + 4*hours)
	for code, want := range map[string][]string{
		"mine":        {"updated 15 ", "closed 60 recovered"},
		"other":       {"closed 130 lost_sight"},
		"40.0.0.0/22": {"updated 11 "},
	} {
		var got []string
		for _, o := range outagesOf(t, after, code) {
			i := slices.IndexFunc(published, func(p bgp.Outage) bool { return p.ID == o.ID })
			if i < 0 {
				t.Errorf("%s: a record of %s, which is new", code, o.ID)
				continue
			}
			at := o.Start.Unix() + o.DurationSeconds
			if o.Event == bgp.EventUpdated && len(got) > 0 {
				continue
			}
			got = append(got, fmt.Sprintf("%s %d %s", o.Event, (at-cut)/60, o.EndReason))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", code, got, want)
		}
	}
}

// TestListOrder: the interleaving of the records of collectors and lists within a minute does not
// change the result.
func TestListOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.customers(20)
	w.networks = append(w.networks, network{"30.0.0.0/16", 65100, 64400, "AA"})
	w.tables()
	for i := range 5 {
		at := dawn + hours + int64(i)*minute
		w.watch(at, "mine", append(all[:10+i:10+i], "KP", "www.example.net", "30.0.1.0/24=AS65100")...)
		w.watch(at, "other", all[i:]...)
		w.host(at+1, "www.example.net", fmt.Sprintf("30.0.%d.1", i), "20.0.1.1")
	}
	w.gone(dawn+hours+2*minute, append(w.in("KP"), w.networks[44:48]...)...)
	w.everybody(dawn+hours+3*minute, func(c, p int, at int64) { w.announce(c, p, at, network{"30.0.1.0/24", 66666, 64401, "ZZ"}) })
	var want []string
	for n := range 4 {
		order := slices.Clone(w.records)
		slices.SortStableFunc(order, func(a, b *pb.RouteRecord) int {
			key := func(r *pb.RouteRecord) string {
				c := []byte(r.GetPosition().GetCollector())
				for i := range c {
					c[i] ^= byte(n * 5)
				}
				return fmt.Sprintf("%d %s", r.TimestampUs/60e6, c)
			}
			return strings.Compare(key(a), key(b))
		})
		f := newFeed(t, small())
		for _, r := range order {
			f.apply(r)
		}
		f.until(dawn + 2*hours)
		if got := texts(t, f); n == 0 {
			want = got
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("another order (-first +this):\n%.2000s", diff)
		}
	}
}

// TestBadLists: invalid lists are refused, and the earlier lists stay. Other lists are not changed.
func TestBadLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.watch(dawn, "mine", "KP")
	f := w.run(dawn + 2*minute)
	for name, r := range map[string]*pb.RouteRecord{
		"name":    record("", dawn, &pb.WatchList{Name: "My list"}),
		"country": record("", dawn, &pb.WatchList{Name: "mine", Members: members("QQ")}),
		"prefix":  record("", dawn, &pb.WatchList{Name: "mine", Members: []*pb.WatchMember{{Member: &pb.WatchMember_Prefix{Prefix: []byte{4, 24, 1}}}}}),
		"part":    record("", dawn, &pb.WatchList{Name: "mine", Part: 1}),
		"stream":  {Position: watchPosition("mine"), Body: &pb.RouteRecord_Tick{}},
		"state":   {Position: watchPosition("mine"), Body: &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}},
		"lane":    {Position: &pb.Position{Collector: "ris/rrc00", Lane: "live"}, Body: &pb.RouteRecord_WatchList{WatchList: &pb.WatchList{Name: "mine"}}},
	} {
		if err := f.detector.Apply(r, dawn*1e6); name != "stream" && !errors.Is(err, codec.ErrInvalid) {
			t.Errorf("%s: got %v, want codec.ErrInvalid", name, err)
		}
	}
	f.close()
	if a, _ := ask(t, f, "watch/mine"); len(a.Watch) != 1 || a.Watch[0].MembersTotal != 1 || a.Watch[0].Problem == "" {
		t.Errorf("got %+v, want the list as it was, and why a newer one was refused", a.Watch)
	}
	if got := len(f.detector.collectors); got != w.collectors {
		t.Errorf("%d collectors, want %d", got, w.collectors)
	}
}
