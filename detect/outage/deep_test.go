package outage

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// hold lets 40 % of the voters hold the lost prefixes of an entity, except the first n, which have
// two origins. The entity's space and number of prefixes do not change, so it has no sample. The
// samples of the prefixes show that the n became deep.
func (w *world) hold(k Key, n int) {
	for i := range w.view.lost[k] {
		p := &w.view.lost[k][i]
		p.Origin, p.SharePermille, p.Withdrawals = bgp.ASN(64500+i%2), 400, nil
		if i >= n {
			continue
		}
		p.SharePermille = 0
		w.set(Sample{Key: prefixKey(p.Prefix), KnownSpace: p.Space, KnownPrefixes: 1})
	}
}

// TestLargePartial checks that a loss of a large entity is partial while part of the voters hold
// the prefixes, also if less than a tenth is lost. It is an outage from the time when nearly all
// voters have lost as much as the rule for large entities needs.
func TestLargePartial(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		down, first int // lost prefixes, and those of them that all voters have lost
		later       int // prefixes that all voters have lost from the 30th minute on
		want        []string
	}{
		{"a small loss", 300, 0, 0, []string{"opened partial open 0..-", "closed partial closed 0..60"}},
		{"a small loss, partly deep", 300, 255, 0, []string{"opened partial open 0..-", "closed partial closed 0..60"}},
		{"a small loss, deep", 300, 256, 0, []string{"opened outage open 0..-", "closed outage closed 0..60"}},
		{"a great loss", 700, 0, 0, []string{"opened partial open 0..-", "closed partial closed 0..60"}},
		{"a great loss, partly deep", 700, 256, 0, []string{"opened outage open 0..-", "closed outage closed 0..60"}},
		{"all", 6000, 0, 0, []string{"opened partial open 0..-", "closed partial closed 0..60"}},
		{"all, deep later by the small rule", 6000, 0, 300, []string{
			"opened partial open 0..-", "closed partial closed 0..30", "opened outage open 30..-", "closed outage closed 30..60",
		}},
		{"a small loss, deep later", 300, 0, 300, []string{
			"opened partial open 0..-", "closed partial closed 0..30", "opened outage open 30..-", "closed outage closed 30..60",
		}},
		{"all, deep later", 6000, 0, 900, []string{
			"opened partial open 0..-", "closed partial closed 0..30", "opened outage open 30..-", "closed outage closed 30..60",
		}},
	}
	for _, k := range []Key{country("AA"), asKey(64500)} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s of %s", tt.name, k.Code), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, noon, DefaultConfig())
				w.engine.cfg.ASMinPrefixes = 10000 // so that the number of prefixes opens nothing
				w.add(k, networks(6000))
				w.now -= 30 * minute
				w.minutes(30)
				w.setDown(k, tt.down)
				w.hold(k, tt.first)
				w.minutes(30)
				w.hold(k, max(tt.first, tt.later))
				w.minutes(30)
				w.setDown(k, 0)
				w.minutes(30)
				if diff := cmp.Diff(tt.want, w.life(k)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				for _, o := range w.final(k) {
					if o.Kind == bgp.KindPartial && (o.Severity == bgp.SeverityTotal || o.DurationSeconds < 600) {
						t.Errorf("got a partial event of %d s that is %s", o.DurationSeconds, o.Severity)
					}
				}
			})
		}
	}
}

// TestSmallPartialOfOneOrigin checks that a small loss of a large country by one origin opens no
// event, also no partial one.
func TestSmallPartialOfOneOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := country("AA")
	w.add(k, networks(6000))
	w.minutes(30)
	w.setDown(k, 300)
	w.hold(k, 0)
	for i := range w.view.lost[k] {
		w.view.lost[k][i].Origin = 64500
	}
	w.minutes(40)
	if got := w.life(k); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

// TestDeepLooks checks that the prefixes of a partial event are listed when something changed, and
// not every minute.
func TestDeepLooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := country("AA")
	w.add(k, networks(20))
	w.minutes(30)
	w.setDown(k, 10)
	w.hold(k, 0)
	w.minutes(20)
	looks := func(minutes int) int {
		before := w.view.looks[k]
		w.minutes(minutes)
		return w.view.looks[k] - before
	}
	if got := looks(60); got != 0 {
		t.Errorf("in a quiet hour: got %d looks, want none", got)
	}
	for range 60 { // another prefix becomes deep every minute
		other := Sample{Key: prefixKey(netip.MustParsePrefix("192.0.2.0/24")), KnownSpace: 256, KnownPrefixes: 1, SharePermille: 1000}
		w.set(other)
		w.minutes(1)
		other.SharePermille = 0
		w.set(other)
		w.minutes(1)
	}
	before := w.view.looks[k]
	w.hold(k, 10)
	w.minutes(10)
	if got := w.view.looks[k] - before; got > 6 {
		t.Errorf("got %d looks in 10 minutes, want few", got)
	}
	if got := w.final(k); len(got) != 2 || got[1].Kind != bgp.KindOutage {
		t.Errorf("got %v, want an outage from when its prefixes are deep", w.life(k))
	}
}
