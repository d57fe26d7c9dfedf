package core

import (
	"fmt"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// lossesSpread reports whether losses began widely in the two windows before the one that began at
// start.
func (f *familyState) lossesSpread(start int64) bool {
	since := start - 2*windowSeconds
	return f.vis.Spread(since, func(code string) bool {
		return f.engine.LossBegan(outage.Key{Family: f.family, Type: bgp.EntityCountry, Code: code}, since)
	})
}

// gateRecords returns the feed record at t if the panel gate of the family shut or opened in the
// window that ends, else none.
func (f *familyState) gateRecords(t int64) []Out {
	g, name := f.gate, Name+"/"+f.family.String()
	switch {
	case !f.gateTurned:
		return nil
	case g.Shut():
		why := fmt.Sprintf(
			"%s: the feeds of %s were lost: %s, of usually %d. "+
				"No outage opens or ends until the others have been judged again, within 15 minutes",
			f.family.Title(), bgp.Count(g.Leavers, "network"), voting(g.Voters), g.Usual)
		return []Out{feedOut(t, name, pb.FeedEvent_FEED_EVENT_DEGRADED, why)}
	}
	return []Out{feedOut(t, name, pb.FeedEvent_FEED_EVENT_RECOVERED,
		fmt.Sprintf("%s: outages are decided again: %s", f.family.Title(), voting(g.Voters)))}
}

// Gated reports whether the panel gate of a family is shut: nothing is decided, because many of
// darkmap's own feeds were lost at once. Do not call it while Apply or CloseWindow runs.
func (d *Detector) Gated(f bgp.Family) bool { return d.family(f).panel.GateNow().Shut() }

// voting returns the number of voting networks in words.
func voting(n int) string {
	if n == 1 {
		return "1 network votes"
	}
	return fmt.Sprintf("%d networks vote", n)
}
