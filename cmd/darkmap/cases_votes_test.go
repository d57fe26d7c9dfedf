package main

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/mrttest"
)

// TestCaseLostVotes: voters that withdraw all their routes are reported, five of them by name, and
// how many more. The others go on deciding.
func TestCaseLostVotes(t *testing.T) {
	t.Parallel()
	for lost, names := range map[int]string{
		0: "",
		1: "IPv4: 1 peer voted and lost the vote, 1 that lost nearly all of their table: file/c0 10.0.0.1 AS64600\n",
		6: "IPv4: 6 peers voted and lost the vote, 6 that lost nearly all of their table: " +
			"file/c0 10.0.0.1 AS64600, file/c0 10.0.0.2 AS64601, file/c0 10.0.0.3 AS64602, file/c0 10.0.0.4 AS64603, file/c0 10.0.0.5 AS64604 and 1 more\n",
	} {
		w := outageOfKP(caseStart, 1, 16)
		w.Withdraw(20*time.Minute, w.Peers[:lost], mrttest.Prefixes(w.Routes)...)
		got := replayCase(t, w, wholeFiles(w))
		if got.code != 0 || !strings.Contains(got.stderr, names) || strings.Contains(got.stderr, "lost the vote") != (lost > 0) {
			t.Errorf("%d of 16 voters: got exit %d, want 0 and %q:\n%s", lost, got.code, names, got.stderr)
		}
		v := got.verdicts(t)[0]
		if v.Possible != v.Minutes || (v.LostVotes != nil) != (lost > 0) || lost > 0 && v.LostVotes.Peers != lost {
			t.Errorf("%d of 16 voters: got %+v", lost, v)
		}
	}
}
