package main

import (
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// TestCasePartial: seven of twelve voters lose the prefixes of a network. The prefixes, the network
// and its country are partial.
func TestCasePartial(t *testing.T) {
	t.Parallel()
	background, kp := mrttest.Background(100), mrttest.KP()
	w := mrttest.NewWorld(caseStart, 3, 4, slices.Concat(background, kp))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(time.Hour, w.Peers[:7], mrttest.Prefixes(kp)...)
	w.Announce(100*time.Minute, w.Peers[:7], kp...)
	got := replayCase(t, w, wholeFiles(w))
	if len(got.outages) != 6 {
		t.Errorf("got %d events, want 6", len(got.outages))
	}
	for _, o := range got.outages {
		if o.Kind != bgp.KindPartial || o.Severity == bgp.SeverityTotal || o.End == nil {
			t.Errorf("%s: got %s %s %+v, want a partial event that ended: %s", o.Entity.Code, o.Severity, o.Kind, o.End, o.Summary)
		}
	}
}
