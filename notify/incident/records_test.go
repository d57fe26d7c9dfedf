package incident

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// TestRecords checks that each record is sent under one id, in order for each outage, through
// failures and a restart.
func TestRecords(t *testing.T) {
	t.Parallel()
	s := newSim(t, []Route{{Name: "all", To: []string{"hook"}, Match: Match{Types: []string{"as"}}}}, recordsTarget("hook"))
	ids := map[string]string{}
	n := 0
	s.fail = func(m *target.Message, _ string) error {
		n++
		key := fmt.Sprint(m.Incident, m.Events[0].Sequence)
		if ids[key] == "" {
			ids[key] = m.ID
		}
		if ids[key] != m.ID {
			t.Errorf("%s has the ids %s and %s", key, ids[key], m.ID)
		}
		if n%3 != 0 {
			return down(m, "")
		}
		return nil
	}
	sus := as
	suspected(&sus)
	other := an(bgp.EntityAS, "AS64497")
	s.give(sus, as, other, kp)
	s.restart()
	s.give(an(bgp.EntityAS, "AS64496", severity(bgp.SeverityTotal)), s.ended(other, bgp.EndNewNormal), s.ended(as, bgp.EndRecovered))
	s.restart()
	s.give(as) // reopened
	s.run(40 * time.Hour)
	got := map[string][]string{}
	for _, m := range s.sent["hook"] {
		if m.Record == nil || m.Events[0].ID != m.Incident || m.Exercise {
			t.Errorf("got %+v", m)
		}
		got[m.Incident] = append(got[m.Incident], fmt.Sprint(m.Kind, m.Events[0].Sequence))
	}
	if a, b := fmt.Sprint(got[as.ID]), fmt.Sprint(got[other.ID]); a != "[open2 update3 close4 open5]" || b != "[open1 close2]" || len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

// TestRecordsBound checks that the oldest of too many waiting records are parked, and that the log
// contains it.
func TestRecordsBound(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("hook"), recordsTarget("hook"))
	for i := range maxOfOutage + 10 {
		o := as
		o.Sequence = uint32(i + 1)
		s.e.Record(&o, nil, RecordRef{Offset: int64(i)}, s.now)
	}
	s.write(s.e.Advance(s.now)...)
	said := s.e.Said()
	if st := s.e.Status(s.now)[0]; st.Waiting != maxOfOutage || st.Parked != 10 || len(said) != 10 {
		t.Errorf("got %+v", st)
	}
	const why = "more than 2000 records of the outage wait"
	if parked := s.e.Parked(); !strings.HasSuffix(said[0], why) || !strings.HasSuffix(parked[0].Why, why) {
		t.Errorf("got %q and %q, want %q", said[0], parked[0].Why, why)
	}
	if a := s.e.Ready(s.now)[0]; a.Fetch == nil || a.Fetch.Offset != 10 || a.Fetch.Sequence != 11 {
		t.Errorf("got %+v", a.Fetch)
	}
}

// TestRawsBound checks that the memory of records is bounded, both while they wait and after.
func TestRawsBound(t *testing.T) {
	t.Parallel()
	r := newRaws()
	for i := range 20_000 {
		r.put(&RecordRef{Offset: int64(i)}, make([]byte, 4<<10), &bgp.Outage{})
		if i%2 == 0 {
			r.remove(position{0, int64(i)})
		}
	}
	if r.size > maxRaws || len(r.all) > maxRaws>>13 || len(r.order) > 2*len(r.all)+2000 {
		t.Errorf("got %d octets in %d records, %d in order", r.size, len(r.all), len(r.order))
	}
}

// TestMemory runs 1,000 outages in a minute, each with 50 lost prefixes, for four targets, one of
// which is down for ten minutes.
func TestMemory(t *testing.T) {
	s := newSim(t, to("chat", "pager", "hook", "dead"), chat("chat"), pager("pager"), recordsTarget("hook"), recordsTarget("dead"))
	s.fail = func(m *target.Message, name string) error {
		if name == "dead" {
			return down(m, "")
		}
		return nil
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var outages []bgp.Outage
	for i := range 1000 {
		o := an(bgp.EntityAS, fmt.Sprintf("AS%d", 64512+i))
		for j := range 50 {
			o.LostPrefixes = append(o.LostPrefixes, fmt.Sprintf("10.%d.%d.0/24", i%256, j))
		}
		outages = append(outages, o)
	}
	before := heap()
	for _, o := range outages {
		s.put(o)
	}
	s.log, s.ledger = map[int64]bgp.Outage{}, map[string][]byte{}
	end := s.now.Add(4 * time.Minute)
	for ; s.now.Before(end); s.now = s.now.Add(30 * time.Second) {
		s.e.Advance(s.now)
		for ready := s.e.Ready(s.now); len(ready) > 0; ready = s.e.Ready(s.now) {
			for _, a := range ready {
				s.e.Begin(a, s.now)
				s.e.Done(a, nil, s.fail(a.Message, a.Target), s.now)
			}
		}
	}
	if grown := int64(heap()) - int64(before); grown > 50<<20 {
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	} else {
		t.Logf("the heap has grown by %d MiB", grown>>20)
	}
	runtime.KeepAlive(s)
	if st := s.e.Status(s.now); st[1].Target != "dead" || st[1].Waiting != 1000 || st[2].Waiting != 0 {
		t.Errorf("got %+v", st)
	}
}

// TestSize checks that no delivery exceeds the size of a record of the topic, independent of its
// events.
func TestSize(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	long := strings.Repeat("<!channel> \u202e@everyone ", 60)
	parent := an(bgp.EntityCountry, "KP")
	for i := range 700 {
		o := an(bgp.EntityPrefix, fmt.Sprintf("2001:db8:%x::/48", i), v6, in(parent, parent, parent, parent, parent), func(o *bgp.Outage) {
			o.Entity.Name, o.Headline, o.Post, o.Summary = long, long, long, long+long
			for j := range 50 {
				o.LostPrefixes = append(o.LostPrefixes, fmt.Sprintf("2001:db8:%x:%x::/64", i, j))
				o.Origins = append(o.Origins, bgp.AS{ASN: bgp.ASN(j), Name: long})
				o.Watch = append(o.Watch, bgp.WatchMember{List: fmt.Sprint("list-", j), Title: long, Member: long})
			}
		})
		s.put(o)
	}
	s.put(parent)
	s.run(10 * time.Minute)
	if m := s.last("chat"); m.EventsTotal != 701 || len(m.Events) != 100 || m.Title != "North Korea" {
		t.Errorf("got %d of %d events of %s", len(m.Events), m.EventsTotal, m.Title)
	}
	for i := range 700 {
		s.put(s.ended(an(bgp.EntityPrefix, fmt.Sprintf("2001:db8:%x::/48", i), v6), bgp.EndRecovered))
	}
	s.put(s.ended(parent, bgp.EndRecovered))
	s.run(10 * time.Minute)
	s.want("chat", "open North Korea; close North Korea")
	t.Logf("the largest delivery has %d octets", s.largest)
}

// TestRecordsTooShort checks that records of an outage that ended before min_minutes are not sent,
// also when notify reads them later.
func TestRecordsTooShort(t *testing.T) {
	t.Parallel()
	hook := []Route{{Name: "all", To: []string{"hook", "chat"}, Match: Match{MinMinutes: 10, States: []string{"suspected", "open", "closed"}}}}
	s := newSim(t, hook, recordsTarget("hook"), chat("chat"))
	var all []bgp.Outage
	var times []time.Time
	put := func(o bgp.Outage, s bgp.State, minute int) {
		at := t0.Add(time.Duration(minute) * time.Minute)
		if o.State = s; s == bgp.StateClosed || s == bgp.StateRetracted {
			o.End, o.EndReason = &at, bgp.EndRecovered
		}
		all, times = append(all, o), append(times, at)
	}
	short, long, taken, again := an(bgp.EntityAS, "AS64497"), an(bgp.EntityAS, "AS64498"), an(bgp.EntityAS, "AS64499"), an(bgp.EntityAS, "AS64500")
	put(short, bgp.StateOpen, 0)
	put(long, bgp.StateOpen, 0)
	put(again, bgp.StateOpen, 0)
	put(taken, bgp.StateSuspected, 1)
	put(short, bgp.StateClosed, 5)
	put(again, bgp.StateClosed, 5)
	put(taken, bgp.StateRetracted, 6)
	put(again, bgp.StateOpen, 15)
	put(long, bgp.StateClosed, 16)
	put(again, bgp.StateClosed, 18)
	s.now = t0.Add(20 * time.Minute) // notify was down
	for i, o := range all {
		s.seq[o.ID]++
		o.Sequence = s.seq[o.ID]
		raw, _ := json.Marshal(&o)
		s.e.Record(&o, raw, RecordRef{Offset: int64(i), At: times[i]}, s.now)
	}
	s.run(time.Hour)
	got := map[string]int{}
	for _, m := range s.sent["hook"] {
		got[m.Title]++
	}
	if got["AS64497"] != 0 || got["AS64498"] != 2 || got["AS64499"] != 0 || got["AS64500"] != 4 {
		t.Errorf("got %v", got)
	}
	if got := s.told("chat"); strings.Contains(got, "AS64497") || strings.Contains(got, "AS64499") {
		t.Errorf("the chat got %s", got)
	}
	if v := s.e.Explain(short.ID, &short, s.now); !strings.Contains(strings.Join(v[1].Lines, " "), "it has to last 10 min") {
		t.Errorf("explain: got %+v", v)
	}
}
