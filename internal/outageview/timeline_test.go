package outageview

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	o := TimelineOptions{Title: "Nowhere", From: at(t, "2014-12-21 00:00:00"), To: at(t, "2014-12-24 12:00:00"), Width: 54}
	all := exampleOutages(t)
	want := []string{
		"Nowhere",
		"            00    06    12    18",
		"Sun 21 Dec  ························",
		"Mon 22 Dec  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▄███████  dark 7 h 45 min",
		"Tue 23 Dec  █▄·············▄▄·······  dark 2 h 17 min",
		"Wed 24 Dec  ······░░░░░░",
		"· visible   ░ partly lost   ▒ flapping",
		"▄ dark for a part   █ dark",
		"one sign is 1 h, times are UTC",
	}
	if diff := cmp.Diff(want, Timeline(all, o)); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	o.ASCII, o.Title = true, ""
	want = []string{
		"            00    06    12    18",
		"Sun 21 Dec  ........................",
		"Mon 22 Dec  ~~~~~~~~~~~~~~~~+#######  dark 7 h 45 min",
		"Tue 23 Dec  #+.............++.......  dark 2 h 17 min",
	}
	if diff := cmp.Diff(want, Timeline(all, o)[:4]); diff != "" {
		t.Errorf("ASCII timeline (-want +got):\n%s", diff)
	}
}

func TestTimelineFits(t *testing.T) {
	t.Parallel()
	for width := 14; width < 180; width++ {
		o := TimelineOptions{Title: "Nowhere", From: at(t, "2014-12-21 00:00:00"), To: at(t, "2014-12-30 00:00:00"), Width: width}
		lines := Timeline(exampleOutages(t), o)
		if len(lines) < 12 {
			t.Fatalf("width %d: got %d lines, want at least 12", width, len(lines))
		}
		for _, l := range lines {
			if n := utf8.RuneCountInString(l); n > width {
				t.Errorf("width %d: %d characters: %q", width, n, l)
			}
		}
	}
}
