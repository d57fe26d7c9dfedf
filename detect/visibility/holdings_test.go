package visibility

import "testing"

// TestOwed checks that an owed state keeps the standing and the origins of the first verdict, and
// that one of a snapshot without them equals any state but a loss.
func TestOwed(t *testing.T) {
	t.Parallel()
	const minute = 33_000_000 // in 2032
	for _, first := range []Standing{StandingNew, StandingVisible, StandingPartly} {
		x := owes(first, minute, 7)
		if x.standing() != owed || x.since() != minute || !x.atLeast() {
			t.Errorf("%d: got standing %d since %d, at least %v", first, x.standing(), x.since(), x.atLeast())
		}
		for at := StandingNew; at <= StandingGone; at++ {
			if x.is(at, 7) != (at == first) || x.is(at, 8) {
				t.Errorf("first %d, now %d: %v, with other origins %v", first, at, x.is(at, 7), x.is(at, 8))
			}
			old := saidOf(owed, minute, true, 0)
			if got, want := old.is(at, 7), at < StandingLost; got != want {
				t.Errorf("of an earlier version, now %d: got %v, want %v", at, got, want)
			}
		}
	}
}
