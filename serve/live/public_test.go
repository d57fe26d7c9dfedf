package live

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
)

// TestPublic checks that no public snapshot contains events that only private watch lists make
// known, routers of the operator's own, or the names of private lists in public outages.
func TestPublic(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	secret := []bgp.WatchMember{{List: "secret", Title: "Our customers", Member: "TO"}}
	open := []bgp.WatchMember{{List: "open", Member: "TO", Public: true}}
	country := dark("country-TO", tonga, 1)
	country.Watch, country.Parents = slices.Concat(secret, open), []bgp.Parent{{Type: bgp.EntityWatch, Code: "secret", ID: "watch-secret"}, {Type: bgp.EntityWatch, Code: "open", ID: "watch-open"}}
	before, err := json.Marshal(bgp.Outage{ID: "country-TO", Entity: tonga, Watch: secret})
	if err != nil {
		t.Fatal(err)
	}
	country.Previous = (*json.RawMessage)(&before)
	list := dark("watch-secret", bgp.Entity{Type: bgp.EntityWatch, Code: "secret", Name: "Our customers"}, 1)
	list.Watch = secret
	shown := dark("watch-open", bgp.Entity{Type: bgp.EntityWatch, Code: "open"}, 1)
	shown.Watch = open
	origin := dark("prefix-x", bgp.Entity{Type: bgp.EntityPrefix, Code: "192.0.2.0/24"}, 1)
	origin.Kind, origin.Watch = bgp.KindOrigin, secret
	for _, o := range []bgp.Outage{country, list, shown, origin} {
		f.outage(1, o)
	}
	f.value(1, bgp.EntityWatch, "secret", 1, 4)
	f.value(1, bgp.EntityWatch, "open", 1, 4)
	f.value(1, bgp.EntityCountry, "TO", 1, 4)
	f.fold.Close(minute(1))
	rows := []feedlog.Row{{Collector: "bmp/secret-edge", State: "down"}, {Collector: "ris/rrc00", State: "stale"}}
	s := f.fold.state.snapshot(standing{now: minute(2), feeds: rows, families: []feedlog.Panel{{Verdicts: true}}, waits: []string{"It waits for secret-edge."}})
	if len(s.Open) != 4 || len(s.Feeds) != 2 || !strings.Contains(strings.Join(s.Problems, " "), "secret-edge") {
		t.Fatalf("the whole: got %d open, %d feeds, %q", len(s.Open), len(s.Feeds), s.Problems)
	}
	p := s.Public()
	var said []string
	for _, e := range p.Open {
		said = append(said, e.Outage.ID)
		b, err := json.Marshal(e.Outage)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{string(e.JSON), string(b)} {
			if strings.Contains(text, "secret") || strings.Contains(text, "Our customers") {
				t.Errorf("%s tells of a private list: %s", e.Outage.ID, text)
			}
		}
	}
	slices.Sort(said)
	if got := strings.Join(said, " "); got != "country-TO watch-open" {
		t.Errorf("got the outages %s", got)
	}
	if w := p.Last(); len(w.Outages) != 2 || len(w.Values) != 2 || w.ID != s.Last().ID {
		t.Errorf("changes: got %d outages and %d values", len(w.Outages), len(w.Values))
	}
	if _, ok := p.Value(Key{bgp.IPv4, bgp.EntityWatch, "secret"}); ok {
		t.Error("the value of a private list is there")
	}
	if _, ok := p.Value(Key{bgp.IPv4, bgp.EntityWatch, "open"}); !ok {
		t.Error("the value of a public list is not there")
	}
	if len(p.Feeds) != 1 || p.PrivateFeeds != 1 || strings.Contains(strings.Join(p.Problems, " "), "secret") {
		t.Errorf("feeds: got %+v, %d private, %q", p.Feeds, p.PrivateFeeds, p.Problems)
	}
	if len(s.Open) != 4 || len(p.Public().Open) != 2 {
		t.Error("the whole has changed, or the public form of the public form is another one")
	}
}

// TestPublicMinutes checks that the public duration of an open outage grows with the minutes, and
// that a newer record replaces the older one.
func TestPublicMinutes(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	o := dark("country-TO", tonga, 1)
	o.Watch = []bgp.WatchMember{{List: "secret", Member: "TO"}}
	f.outage(1, o)
	for _, x := range []struct {
		n        int
		sequence uint32
	}{{10, 1}, {20, 1}, {30, 2}} {
		if o.Sequence < x.sequence {
			o.Sequence, o.Event = x.sequence, bgp.EventUpdated
			f.outage(x.n, o)
		}
		f.fold.Close(minute(x.n))
		e, ok := f.snapshot().Public().Find("country-TO")
		if !ok || e.Outage.Sequence != x.sequence || e.Outage.DurationSeconds != int64(x.n)*60 || len(e.Outage.Watch) != 0 || strings.Contains(string(e.JSON), "secret") {
			t.Errorf("minute %d: got %+v, %s", x.n, e.Outage, e.JSON)
		}
	}
}

// TestProblems checks that everything that makes a snapshot incomplete is in a sentence, and that
// such a snapshot is not quiet.
func TestProblems(t *testing.T) {
	t.Parallel()
	good := []feedlog.Panel{{Family: "ipv4", Verdicts: true}}
	up := feedlog.Row{Collector: "ris/rrc00", State: feedlog.State(bgp.FeedUp)}
	well := []feedlog.Row{up}
	for _, tt := range []struct {
		name  string
		st    standing
		none  bool // no minute is decided
		stale bool
		quiet bool
		want  []string
	}{
		{name: "all is well", st: standing{now: minute(3), families: good, feeds: well}, quiet: true},
		{name: "3 minutes", st: standing{now: minute(5), families: good, feeds: well}, quiet: true},
		{name: "longer", st: standing{now: minute(5).Add(time.Second), families: good, feeds: well}, stale: true, want: []string{"No minute has been decided since 2014-12-22 16:02 UTC, for 3 min"}},
		{name: "three hours", st: standing{now: minute(182), families: good, feeds: well}, stale: true, want: []string{"for 3 h"}},
		{name: "late by nature", st: standing{now: minute(34), late: 30 * time.Minute, families: good, feeds: well}, quiet: true},
		{name: "late, and more", st: standing{now: minute(36), late: 30 * time.Minute, families: good, feeds: well}, stale: true, want: []string{"for 34 min"}},
		{name: "the past", st: standing{now: minute(9999), past: true, families: good}, quiet: true},
		{name: "nothing decided", none: true, st: standing{now: minute(3), feeds: well}, stale: true, want: []string{"No minute has been decided yet"}},
		{name: "Kafka was never there", none: true, st: standing{now: minute(3), away: "Kafka", awaySince: minute(2)}, stale: true, want: []string{"Kafka does not answer", "No decided minute is known yet"}},
		{name: "nobody votes", st: standing{now: minute(3), feeds: well}, want: []string{"It is not known who votes"}},
		{
			name: "no verdict", st: standing{now: minute(3), feeds: well, families: append(good, feedlog.Panel{Family: "ipv6", Text: "IPv6: no verdict is possible: 3 networks"})},
			want: []string{"IPv6: no verdict is possible: 3 networks."},
		},
		{name: "Kafka", st: standing{now: minute(3), families: good, feeds: well, away: "Kafka", awaySince: minute(2)}, want: []string{"Since 2014-12-22 16:02 UTC Kafka does not answer"}},
		{
			name: "feeds", st: standing{now: minute(3), families: good, feeds: []feedlog.Row{up, {Collector: "ris/rrc01", State: feedlog.Gone}}},
			want: []string{"1 of 2 collectors is not up: ris/rrc01 (gone)."},
		},
		{name: "no feeds", st: standing{now: minute(3), families: good}, want: []string{"No collector has reported its state in the last two hours."}},
		{name: "the start", st: standing{now: minute(3), families: good, feeds: well, reading: true}, want: []string{"The present is being read"}},
		{name: "too much", st: standing{now: minute(3), families: good, feeds: well, dropped: 2}, want: []string{"2 records of outages and values were left out"}},
	} {
		f := newFeed(t)
		if !tt.none {
			f.fold.Close(minute(1))
		}
		s := f.fold.state.snapshot(tt.st)
		if s.Stale != tt.stale || s.Quiet() != tt.quiet || len(s.Problems) != len(tt.want) {
			t.Errorf("%s: got stale %t, quiet %t, %q", tt.name, s.Stale, s.Quiet(), s.Problems)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(s.Problems[i], want) {
				t.Errorf("%s: got %q, want %q", tt.name, s.Problems[i], want)
			}
		}
	}
}
