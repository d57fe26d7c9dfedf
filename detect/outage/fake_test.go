package outage

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// fakeView stands in for the detector: a world of entities whose prefixes are switched off and on.
type fakeView struct {
	panel    bgp.Panel
	verdicts bool
	gated    bool
	leaving  bool
	lost     map[Key][]LostPrefix
	visible  map[Key][]netip.Prefix
	moved    map[Key][]MovedPrefix
	churn    bgp.Churn
	returns  map[Key]Returns
	looks    map[Key]int // number of calls of Lost
	overlaps map[Key]int // number of calls of Overlaps
	known    map[Key][]netip.Prefix
	present  map[Key]Sample

	watch      map[Key][]bgp.WatchMember
	unexpected []Unexpected
	guarded    map[Key]bool
}

func (v *fakeView) Panel(bgp.Family) (bgp.Panel, bool) { return v.panel, v.verdicts }
func (v *fakeView) Gated(bgp.Family) bool              { return v.gated }
func (v *fakeView) Leaving(bgp.Family) bool            { return v.leaving }
func (v *fakeView) Churn(Key, int64) bgp.Churn         { return v.churn }
func (v *fakeView) Moved(k Key) []MovedPrefix          { return v.moved[k] }

// Belongs gives the same answer for all prefixes and ASes.
func (v *fakeView) Belongs(k Key) (origins []bgp.ASN, countries []string) {
	switch k.Type {
	case bgp.EntityPrefix:
		return []bgp.ASN{64500}, []string{"NL", "BE"}
	case bgp.EntityAS:
		return nil, []string{"NL"}
	default:
		return nil, nil
	}
}

// Present returns the last sample.
func (v *fakeView) Present(k Key) (Sample, bool) {
	s, ok := v.present[k]
	return s, ok
}

func (v *fakeView) Lost(k Key) []LostPrefix {
	v.looks[k]++
	return v.lost[k]
}

// Overlaps returns the prefixes that both entities list: the wider one has lost, or moved, these
// too.
func (v *fakeView) Overlaps(k Key, moved bool) (space uint64, wider []Overlap) {
	v.overlaps[k]++
	of := func(k Key) map[netip.Prefix]uint64 {
		gone := map[netip.Prefix]uint64{}
		for _, m := range v.moved[k] {
			if moved {
				gone[m.Prefix] = bgp.Space(m.Prefix)
			}
		}
		for _, l := range v.lost[k] {
			if dark := l.Space - min(l.Carried, l.Space); !moved && !l.Deaggregated && !l.UnderAggregate && dark > 0 {
				gone[l.Prefix] = dark
			}
		}
		return gone
	}
	own := of(k)
	for _, s := range own {
		space += s
	}
	for w := range v.known {
		o := Overlap{Key: w}
		for p := range of(w) {
			o.Space += own[p]
		}
		if o.Space > 0 && w.Type.Breadth() > k.Type.Breadth() {
			wider = append(wider, o)
		}
	}
	slices.SortFunc(wider, func(a, b Overlap) int {
		return cmp.Or(cmp.Compare(a.Key.Type.Breadth(), b.Key.Type.Breadth()), cmp.Compare(a.Key.Code, b.Key.Code))
	})
	return space, wider
}

func (v *fakeView) Returns(k Key, _ Ending) Returns {
	return v.returns[k]
}

func (v *fakeView) Watch(q Watched) []bgp.WatchMember {
	return v.watch[q.Key]
}

func (v *fakeView) Unexpected() []Unexpected { return v.unexpected }
func (v *fakeView) Guarded(k Key) bool       { return v.guarded[k] }

func (v *fakeView) Surviving(k Key, limit int) ([]netip.Prefix, int) {
	p := v.visible[k]
	return p[:min(limit, len(p))], len(p)
}

func (v *fakeView) Name(k Key) string {
	if k.Type == bgp.EntityCountry {
		return bgp.CountryName(k.Code)
	}
	return ""
}

func (v *fakeView) OwnerName(a bgp.ASN) string {
	return map[bgp.ASN]string{4837: "China Unicom", 64500: "Example Net", 64510: "Example Transit"}[a]
}

// world drives an engine minute by minute.
type world struct {
	tb      testing.TB
	view    *fakeView
	engine  *Engine
	now     int64 // the window that closes next
	known   map[Key][]netip.Prefix
	samples map[Key]Sample
	changed map[Key]bool
	events  []Event
	collect int // collectors that see a loss
	// restores counts the times at which the engine was replaced by one read from a snapshot.
	restores int
	up       []bgp.ASN
	origin   bgp.ASN
}

func newWorld(tb testing.TB, start string, cfg Config) *world {
	tb.Helper()
	cfg.Family, cfg.Dataset = bgp.IPv4, "test"
	v := &fakeView{
		panel: bgp.Panel{Voters: 40, Collectors: 12, Table: bgp.TablesComplete}, verdicts: true,
		lost: map[Key][]LostPrefix{}, visible: map[Key][]netip.Prefix{}, moved: map[Key][]MovedPrefix{}, returns: map[Key]Returns{}, looks: map[Key]int{}, overlaps: map[Key]int{}, churn: bgp.Churn{Hour: 5, Day: 40},
	}
	w := &world{
		tb: tb, view: v, engine: New(cfg, v), now: unix(tb, start), known: map[Key][]netip.Prefix{}, samples: map[Key]Sample{},
		changed: map[Key]bool{}, collect: 12, up: []bgp.ASN{4837}, origin: 131279,
	}
	v.known, v.present = w.known, w.samples
	tb.Cleanup(func() {
		if err := checkLives(w.events); err != nil {
			tb.Error(err)
		}
	})
	return w
}

func unix(tb testing.TB, s string) int64 {
	tb.Helper()
	for _, layout := range []string{"2006-01-02T15:04Z", time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.Unix()
		}
	}
	tb.Fatalf("bad time %q", s)
	return 0
}

// networks returns n adjacent /24s of 203.0.0.0/16 and up.
func networks(n int) []netip.Prefix {
	p := make([]netip.Prefix, n)
	for i := range p {
		p[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 0}), 24)
	}
	return p
}

func country(code string) Key { return Key{Family: bgp.IPv4, Type: bgp.EntityCountry, Code: code} }
func asKey(a bgp.ASN) Key     { return Key{Family: bgp.IPv4, Type: bgp.EntityAS, Code: a.String()} }
func prefixKey(p netip.Prefix) Key {
	return Key{Family: bgp.IPv4, Type: bgp.EntityPrefix, Code: p.String()}
}

// add makes an entity of prefixes. All are visible.
func (w *world) add(k Key, prefixes []netip.Prefix) {
	w.known[k] = prefixes
	w.setDown(k, 0)
}

// setDown switches the entity's first n prefixes off and the others on, in the minute that closes
// next.
func (w *world) setDown(k Key, n int) {
	var space, known uint64
	w.view.lost[k], w.view.visible[k] = nil, nil
	for i, p := range w.known[k] {
		known += bgp.Space(p)
		if i >= n {
			space += bgp.Space(p)
			w.view.visible[k] = append(w.view.visible[k], p)
			continue
		}
		var times []int64
		var by []bgp.ASN
		for j := range int64(40) {
			times, by = append(times, w.now+5+j), append(by, bgp.ASN(100+j))
		}
		w.view.lost[k] = append(w.view.lost[k], LostPrefix{
			Prefix: p, Space: bgp.Space(p), Origin: w.origin, Upstreams: w.up, Withdrawals: times, WithdrawnBy: by, Collectors: w.collect,
		})
	}
	s := Sample{
		Key: k, Space: space, Prefixes: len(w.known[k]) - n, KnownSpace: known, KnownPrefixes: len(w.known[k]), SharePermille: 1000,
	}
	if k.Type == bgp.EntityPrefix && n > 0 {
		s.SharePermille = 0
	}
	w.set(s)
}

func (w *world) set(s Sample) {
	w.samples[s.Key] = s
	w.changed[s.Key] = true
}

// minutes closes n windows. From time to time it replaces the engine by one read from a snapshot.
func (w *world) minutes(n int) {
	for range n {
		var changed []Sample
		for k := range w.changed {
			changed = append(changed, w.samples[k])
		}
		clear(w.changed)
		if _, ok := w.tb.(*testing.T); ok && len(w.engine.entities) < 100 && w.restores < 5 && w.now/minute%17 == 0 {
			w.engine = restored(w.tb, w.engine)
			w.restores++
		}
		one := w.engine.next == w.now
		events := w.engine.Close(w.now, changed)
		w.events = append(w.events, events...)
		if err := checkParents(w.events, events, one); err != nil {
			w.tb.Error(err)
		}
		w.now += minute
	}
}

// until closes windows up to a time.
func (w *world) until(s string) {
	w.tb.Helper()
	w.minutes(int(unix(w.tb, s)-w.now) / minute)
}

// away switches n prefixes off for some minutes, then all on.
func (w *world) away(k Key, n, minutes int) {
	w.setDown(k, n)
	w.minutes(minutes)
	w.setDown(k, 0)
}

// final returns the last record of each event of k that is not a blip, by id.
func (w *world) final(k Key) []bgp.Outage { return w.finals(k, false) }

func (w *world) finals(k Key, all bool) []bgp.Outage {
	last := map[string]bgp.Outage{}
	for _, ev := range w.events {
		if ev.Key == k {
			last[ev.Outage.ID] = ev.Outage
		}
	}
	var out []bgp.Outage
	for _, o := range last {
		if all || !o.Blip && o.State != bgp.StateRetracted {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b bgp.Outage) int { return a.Start.Compare(b.Start) })
	return out
}

// life writes the names of the events of k, with minutes since noon.
func (w *world) life(k Key) []string {
	from := unix(w.tb, noon)
	var s []string
	for _, ev := range w.events {
		if ev.Key == k {
			end := "-"
			if ev.Outage.End != nil {
				end = fmt.Sprint((ev.Outage.End.Unix() - from) / minute)
			}
			s = append(s, fmt.Sprintf("%s %s %s %d..%s", ev.Outage.Event, ev.Outage.Kind, ev.Outage.State, (ev.Outage.Start.Unix()-from)/minute, end))
		}
	}
	return s
}
