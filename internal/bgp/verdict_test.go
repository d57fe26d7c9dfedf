package bgp

import "testing"

// TestStanding: what is said where no verdict is possible, and of the events that are open meanwhile.
func TestStanding(t *testing.T) {
	t.Parallel()
	votes := Votes{Voters: 34, Collectors: 9, MinVoters: 20, MinCollectors: 3}
	for _, tt := range []struct {
		why  NoVerdict
		open int
		want string
	}{
		{VerdictPossible, 2, "IPv4: verdicts are possible: 34 networks on 9 collectors vote"},
		{NoVerdictVoters, 0, "IPv4: no verdict is possible: 34 networks on 9 collectors can vote, and a verdict needs 20 on 3"},
		{NoVerdictVoters, 1, "IPv4: no verdict is possible: 34 networks on 9 collectors can vote, and a verdict needs 20 on 3; 1 event stays open, nothing is decided"},
		{NoVerdictDegraded, 0, "IPv4: degraded, no outage opens or ends for some minutes: many of darkmap's own feeds were lost, which leaves 34 networks on 9 collectors"},
		{NoVerdictDegraded, 2, "IPv4: degraded, no outage opens or ends for some minutes: many of darkmap's own feeds were lost, which leaves 34 networks on 9 collectors (open events: 2)"},
	} {
		if got := tt.why.Standing(IPv4, votes, tt.open); got != tt.want {
			t.Errorf("%q with %d events: got %q, want %q", tt.why, tt.open, got, tt.want)
		}
	}
}
