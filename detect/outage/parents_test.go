package outage

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// checkParents returns the faults of the parents in the records of a window, or of several; these
// are the last of events.
func checkParents(events, window []Event, one bool) error {
	last, closing := map[string]bgp.Outage{}, map[string]bool{}
	for _, ev := range events {
		last[ev.Outage.ID] = ev.Outage
	}
	for _, ev := range window {
		closing[ev.Outage.ID] = true
	}
	for i, ev := range window {
		o := ev.Outage
		for j, p := range o.Parents {
			known, ok := last[p.ID]
			switch {
			case p.ID == "" && (o.State == bgp.StateOpen || o.State == bgp.StateSuspected): // the parent is pending
				known = bgp.Outage{Entity: bgp.Entity{Type: p.Type, Code: p.Code}, Family: o.Family, State: bgp.StateOpen}
			case !ok:
				return fmt.Errorf("%s names the parent %+v, which no record is about", o.ID, p)
			}
			switch {
			case !ok && p.ID != "":
				return fmt.Errorf("%s names the parent %s, which no record is about", o.ID, p.ID)
			case known.State != bgp.StateOpen && known.State != bgp.StateSuspected && !closing[p.ID]:
				return fmt.Errorf("%s names the parent %s, which is %s", o.ID, p.ID, known.State)
			case known.Entity.Type != p.Type || known.Entity.Code != p.Code || known.Family != o.Family:
				return fmt.Errorf("%s names the parent %+v of %+v", o.ID, p, known.Entity)
			case p.Type.Breadth() <= o.Entity.Type.Breadth():
				return fmt.Errorf("%s has the parent %s, which is not wider", o.ID, p.ID)
			case p.SharePercent <= 0 || p.SharePercent > 10000:
				return fmt.Errorf("%s lies in the parent %s by %d", o.ID, p.ID, p.SharePercent)
			case j > 0 && widestFirst(Key{Type: o.Parents[j-1].Type, Code: o.Parents[j-1].Code}, Key{Type: p.Type, Code: p.Code}) <= 0 && o.Parents[j-1].Type != p.Type:
				return fmt.Errorf("%s has the parents %v in another order", o.ID, o.Parents)
			}
			if one && slices.ContainsFunc(window[i+1:], func(later Event) bool { return later.Outage.ID == p.ID }) {
				return fmt.Errorf("the record of %s comes before that of its parent %s", o.ID, p.ID)
			}
		}
	}
	return nil
}

// down switches prefixes off in all entities that have them, and all other prefixes on.
func (w *world) down(gone ...netip.Prefix) {
	for k, all := range w.known {
		first := slices.Clone(all)
		slices.SortStableFunc(first, func(a, b netip.Prefix) int {
			return cmp.Compare(slices.Index(gone, b), slices.Index(gone, a))
		})
		n := 0
		for n < len(first) && slices.Contains(gone, first[n]) {
			n++
		}
		slices.SortFunc(first[:n], netip.Prefix.Compare)
		was := len(w.view.lost[k])
		w.known[k] = first
		if was != n {
			w.setDown(k, n)
		}
	}
}

// named writes an entity's records with the parents that each names, and the minute after from in
// which each was sent.
func (w *world) named(k Key, from int64) []string {
	var out []string
	for _, ev := range w.events {
		if ev.Key != k {
			continue
		}
		o := ev.Outage
		s := fmt.Sprintf("%s %d", o.Event, (o.Start.Unix()+o.DurationSeconds-from)/minute-1)
		if o.End != nil {
			s = string(o.Event)
		}
		for _, p := range o.Parents {
			s += fmt.Sprintf(" %s %d.%02d", p.Code, p.SharePercent/100, p.SharePercent%100)
			if p.ID == "" {
				s += " pending"
			}
		}
		out = append(out, s)
	}
	return out
}

func watchKey(code string) Key { return Key{Family: bgp.IPv4, Type: bgp.EntityWatch, Code: code} }
func regionKey(code string) Key {
	return Key{Family: bgp.IPv4, Type: bgp.EntityRegion, Code: code}
}

// TestParentsOfACountry checks that a loss names all wider events, also that of a watch list, from
// its first record to its last. It does not name events of the other family or of other places.
func TestParentsOfACountry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(14)
	w.add(country("KP"), nets[:4])
	w.add(country("AA"), nets[10:])
	w.add(regionKey("KP-01"), nets[:4])
	w.add(asKey(131279), nets[:5])
	w.add(watchKey("mine"), nets[:1])
	w.add(prefixKey(nets[0]), nets[:1])
	w.add(prefixKey(nets[4]), nets[4:5])
	w.minutes(30)
	from := w.now
	w.down(append(slices.Clone(nets[:5]), nets[10:]...)...)
	w.minutes(60)
	w.down()
	w.minutes(20)
	for k, want := range map[Key][]string{
		prefixKey(nets[0]): {
			"suspected 1 AS131279 100.00 KP-01 100.00 KP 100.00 mine 100.00", "opened 4 AS131279 100.00 KP-01 100.00 KP 100.00 mine 100.00",
			"closed AS131279 100.00 KP-01 100.00 KP 100.00 mine 100.00",
		},
		prefixKey(nets[4]): {"suspected 1 AS131279 100.00", "opened 4 AS131279 100.00", "closed AS131279 100.00"},
		asKey(131279): {
			"suspected 1 KP-01 80.00 KP 80.00 mine 20.00", "opened 4 KP-01 80.00 KP 80.00 mine 20.00", "closed KP-01 80.00 KP 80.00 mine 20.00",
		},
		regionKey("KP-01"): {"suspected 1 KP 100.00 mine 25.00", "opened 4 KP 100.00 mine 25.00", "closed KP 100.00 mine 25.00"},
		country("KP"):      {"suspected 1 mine 25.00", "opened 4 mine 25.00", "closed mine 25.00"},
		country("AA"):      {"suspected 1", "opened 4", "closed"},
		watchKey("mine"):   {"suspected 1", "opened 4", "closed"},
	} {
		if diff := gocmp.Diff(want, w.named(k, from)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", k, diff)
		}
	}
}

// TestParentsJoin checks a large country that opens by the rule for large entities, long after its
// ASes and prefixes, which name it as pending before. When it opens, the ASes and the prefixes
// without an AS's event are updated. The prefixes of an AS are not, because the AS leads to the
// country. When that AS's event ends, they are.
func TestParentsJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(12000)
	w.add(country("AA"), nets)
	w.add(asKey(64500), nets[:200])
	w.add(asKey(64501), nets[200:400])
	w.add(asKey(64502), nets[400:11000])
	for _, i := range []int{0, 1, 200, 400} {
		w.add(prefixKey(nets[i]), nets[i:i+1])
	}
	for i := range w.view.lost[country("AA")] {
		w.view.lost[country("AA")][i].Origin = bgp.ASN(64500 + i/100)
	}
	w.minutes(30)
	from := w.now
	gone := nets[:410]
	w.down(gone...)
	lost := w.view.lost[country("AA")]
	for i := range lost {
		lost[i].Origin = bgp.ASN(64500 + i/100)
	}
	w.minutes(40)
	w.down(append(slices.Clone(gone[:1]), gone[200:]...)...) // AS64500 is back except for one prefix
	w.minutes(20)
	for k, want := range map[Key][]string{
		country("AA"):        {"opened 14"},
		asKey(64500):         {"suspected 1 AA 100.00 pending", "opened 4 AA 100.00 pending", "updated 14 AA 100.00", "closed AA 100.00"},
		asKey(64501):         {"suspected 1 AA 100.00 pending", "opened 4 AA 100.00 pending", "updated 14 AA 100.00"},
		asKey(64502):         nil,
		prefixKey(nets[0]):   {"suspected 1 AS64500 100.00 AA 100.00 pending", "opened 4 AS64500 100.00 AA 100.00 pending", "updated 49 AA 100.00"},
		prefixKey(nets[1]):   {"suspected 1 AS64500 100.00 AA 100.00 pending", "opened 4 AS64500 100.00 AA 100.00 pending", "closed AS64500 100.00 AA 100.00"},
		prefixKey(nets[200]): {"suspected 1 AS64501 100.00 AA 100.00 pending", "opened 4 AS64501 100.00 AA 100.00 pending"},
		prefixKey(nets[400]): {"suspected 1 AA 100.00 pending", "opened 4 AA 100.00 pending", "updated 14 AA 100.00"},
	} {
		if diff := gocmp.Diff(want, w.named(k, from)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", k, diff)
		}
	}
}

// TestParentsBounded checks a country that opens around 500 prefixes that are lost already. Each
// of them is updated once, at most maxJoins in a minute.
func TestParentsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(20500)
	w.add(country("AA"), nets)
	for _, p := range nets[:500] {
		w.add(prefixKey(p), []netip.Prefix{p})
	}
	w.minutes(30)
	w.down(nets[:500]...)
	for i := range w.view.lost[country("AA")] {
		w.view.lost[country("AA")][i].Origin = bgp.ASN(64500 + i%10)
	}
	w.minutes(14)
	w.events = nil
	var updates []int
	for range 30 {
		before := len(w.events)
		w.minutes(1)
		n := 0
		for _, ev := range w.events[before:] {
			if ev.Outage.Event == bgp.EventUpdated && ev.Key.Type == bgp.EntityPrefix && len(ev.Outage.Parents) == 1 {
				n++
			}
		}
		if n > 0 {
			updates = append(updates, n)
		}
	}
	if diff := gocmp.Diff([]int{maxJoins, maxJoins, 500 - 2*maxJoins}, updates); diff != "" {
		t.Errorf("updates a minute (-want +got):\n%s", diff)
	}
	if n := w.view.overlaps[prefixKey(nets[0])]; n > 5 {
		t.Errorf("the view was asked %d times for the overlaps of a prefix that did not change", n)
	}
	w.events = nil // the events are not complete: their first records were dropped
}

// TestParentsOfMoves checks that 200 prefixes of an AS that others originate name the AS's event,
// which is a move too. Lost prefixes do not name it.
func TestParentsOfMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(400)
	w.add(asKey(64500), nets)
	w.add(country("AA"), nets)
	for _, p := range nets[:210] {
		w.add(prefixKey(p), []netip.Prefix{p})
	}
	w.minutes(30)
	from := w.now
	w.move(asKey(64500), 200)
	for _, p := range nets[:200] {
		w.move(prefixKey(p), 1)
	}
	for _, p := range nets[200:210] {
		w.setDown(prefixKey(p), 1)
	}
	w.minutes(10)
	for i, p := range nets[:210] {
		want := []string{"opened 4 AS64500 100.00"}
		if i >= 200 {
			want = []string{"suspected 1", "opened 4"}
		}
		if diff := gocmp.Diff(want, w.named(prefixKey(p), from)); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", p, diff)
		}
	}
}

// TestParentsOfFlaps checks events that become intermittent in the minute in which their loss
// ends. They name each other from their first record on.
func TestParentsOfFlaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(4)
	w.add(country("KP"), nets)
	w.add(asKey(131279), nets)
	w.add(prefixKey(nets[0]), nets[:1])
	w.minutes(30)
	for range 3 {
		w.down(nets...)
		w.minutes(1)
		w.down()
		w.minutes(8)
	}
	for k, want := range map[Key]int{prefixKey(nets[0]): 2, asKey(131279): 1, country("KP"): 0} {
		all := w.final(k)
		i := slices.IndexFunc(all, func(o bgp.Outage) bool { return o.Kind == bgp.KindIntermittent })
		if i < 0 || len(all[i].Parents) != want || want > 0 && all[i].Parents[want-1].ID == "" || all[i].Event != bgp.EventReopened {
			t.Errorf("%v: got %+v, want an intermittent event with %d parents in its first record", k, all, want)
		}
	}
}

// TestParentsNear checks a country that loses its prefixes slowly. It is named as pending once it
// has lost half of the loss that opens an event, also by events that began before. A country that
// has lost less is not named.
func TestParentsNear(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(100)
	w.add(country("AA"), nets)
	for i := range 3 {
		w.add(asKey(64500+bgp.ASN(i)), nets[i*3:i*3+3])
	}
	w.minutes(30)
	from := w.now
	w.down(nets[:3]...)
	w.minutes(8)
	w.down(nets[:6]...)
	w.minutes(8)
	w.down(nets[:9]...)
	w.minutes(12)
	for k, want := range map[Key][]string{
		asKey(64500):  {"suspected 1", "opened 4", "updated 9 AA 100.00 pending"},
		asKey(64501):  {"suspected 9 AA 100.00 pending", "opened 12 AA 100.00 pending"},
		asKey(64502):  {"suspected 17 AA 100.00 pending", "opened 20 AA 100.00 pending"},
		country("AA"): nil,
	} {
		if diff := gocmp.Diff(want, w.named(k, from)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", k, diff)
		}
	}
}

// TestParentsInTime checks that a loss from half a day before the wider event is no part of it,
// that an intermittent event keeps its parent in its pauses, and that an event does not name a
// parent that has ended.
func TestParentsInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(40)
	w.add(country("AA"), nets)
	for _, i := range []int{0, 1, 2} {
		w.add(prefixKey(nets[i]), nets[i:i+1])
	}
	w.minutes(30)
	w.down(nets[0])
	w.minutes(13 * 60)
	w.down(nets[:20]...)
	w.minutes(30)
	for range 8 {
		w.down(append([]netip.Prefix{nets[0]}, nets[2:20]...)...)
		w.minutes(3)
		w.down(nets[:20]...)
		w.minutes(3)
	}
	w.down(nets[:2]...)
	w.minutes(30)
	w.down()
	w.minutes(80)
	old := w.final(prefixKey(nets[0]))[0]
	if len(old.Parents) != 0 {
		t.Errorf("what had been lost before is a part of %v", old.Parents)
	}
	flapping := w.named(prefixKey(nets[1]), w.now)
	if last := w.final(prefixKey(nets[1])); last[len(last)-1].Parents != nil {
		t.Errorf("it ended an hour after the country's event and names it: %v", flapping)
	}
	for _, ev := range w.events {
		o := ev.Outage
		if ev.Key == prefixKey(nets[1]) && o.Kind == bgp.KindIntermittent && o.State == bgp.StateOpen && len(o.Parents) != 1 {
			t.Errorf("record %d, %s of the intermittent event has the parents %v", o.Sequence, o.Event, o.Parents)
		}
	}
	if got := w.named(prefixKey(nets[2]), w.now); len(got) == 0 || got[len(got)-1] != "closed AA 100.00" {
		t.Errorf("got %q, want a last record that names AA", got)
	}
}

// TestParentsTakenOver checks that parents have the published ids after a start. An event without
// a record is published as new. An event that ends as lost from sight names only parents that go
// on.
func TestParentsTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	nets := networks(20)
	w.add(country("KP"), nets)
	w.add(regionKey("KP-01"), nets)
	w.add(prefixKey(nets[0]), nets[:1])
	w.minutes(30)
	w.down(nets...)
	w.minutes(20)
	kp, p := w.final(country("KP"))[0], w.final(prefixKey(nets[0]))[0]
	kp.ID, kp.Start = "country-KP-ipv4-20240301T1215Z", kp.Start.Add(-15*60e9)
	lost := p
	lost.Kind, lost.ID, lost.Entity.Code = bgp.KindPartial, "prefix-192.0.2.0_24-ipv4-20240301T1230Z", "192.0.2.0/24"
	lost.Parents = []bgp.Parent{
		{Type: bgp.EntityRegion, Code: "KP-01", ID: "region-KP-01-ipv4-20240301T1230Z", SharePercent: 10000},
		{Type: bgp.EntityCountry, Code: "KP", ID: kp.ID, SharePercent: 10000},
	}
	p.Parents = []bgp.Parent{lost.Parents[1]}
	from := w.now
	w.events = []Event{{Outage: kp, Key: country("KP")}, {Outage: p, Key: prefixKey(nets[0])}, {Outage: lost, Key: prefixKey(netip.MustParsePrefix("192.0.2.0/24"))}}
	w.engine.TakeOver([]bgp.Outage{kp, p, lost}, w.now)
	w.minutes(10)
	const both = "updated 0 KP-01 100.00 KP 100.00"
	if got := w.named(prefixKey(nets[0]), from)[1:]; !slices.Equal(got, []string{both}) {
		t.Errorf("got %q of a prefix whose parent is the published one, and whose other one is new", got)
	}
	if got := w.events[3:]; len(got) != 3 || len(got[0].Outage.Parents) != 1 || got[0].Outage.Parents[0].ID != kp.ID || got[1].Outage.Event != bgp.EventOpened || got[1].Outage.Sequence != 1 {
		t.Errorf("got %+v, want the end of %s, which names %s alone, and the opening of the region's", got, lost.ID, kp.ID)
	}
	w.down(nets[:2]...)
	w.minutes(20)
	if got := w.named(prefixKey(nets[0]), from)[1:]; !slices.Equal(got, []string{both}) {
		t.Errorf("got %q of a prefix that goes on", got)
	}
	w.down()
	w.minutes(20)
	if got := w.named(prefixKey(nets[0]), from)[1:]; !slices.Equal(got, []string{both, "closed KP-01 100.00 KP 100.00"}) {
		t.Errorf("got %q", got)
	}
	w.events = nil // the events are not complete: their first records were published before
}
