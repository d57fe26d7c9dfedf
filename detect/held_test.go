package detect

import "testing"

// TestHeldText checks that the text has the time since when nothing is decided, and names at most
// five of the collectors that the minute waits for.
func TestHeldText(t *testing.T) {
	t.Parallel()
	const since = "nothing is decided since 2014-12-22 16:15:00 UTC, all events stay as they are: "
	for _, tt := range []struct {
		holders []string
		want    string
	}{
		{nil, since + "the records of that minute have not come to their end"},
		{[]string{"ris/rrc00"}, since + "it is not known whether more will come from ris/rrc00"},
		{[]string{"a", "b", "c", "d", "e", "f", "g"}, since + "it is not known whether more will come from a, b, c, d, e and 2 more"},
	} {
		if got := heldText(1_419_264_900, tt.holders); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
