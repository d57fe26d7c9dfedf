package bgp

import "testing"

func TestParseLane(t *testing.T) {
	t.Parallel()
	tests := []struct {
		lane Lane
		text string
		kind LaneKind
		name string
	}{
		{LaneLive, "live", LaneKindLive, ""},
		{LaneFollow, "follow", LaneKindFollow, ""},
		{LaneFeed, "feed", LaneKindFeed, ""},
		{LaneWatch, "watch", LaneKindWatch, ""},
		{LaneOut, "out", LaneKindOut, ""},
		{LaneClock, "clock", LaneKindClock, ""},
		{ClockLane("i-1"), "clock/i-1", LaneKindClock, "i-1"},
		{ClockLane(string(FileLane("0a1b"))), "clock/file/0a1b", LaneKindClock, "file/0a1b"},
		{RouteViewsLane("routeviews.chicago.64496.bmp_raw", 0), "rv/routeviews.chicago.64496.bmp_raw", LaneKindRouteViews, "routeviews.chicago.64496.bmp_raw"},
		{RouteViewsLane("t", 2), "rv/t/2", LaneKindRouteViews, "t/2"},
		{TableLane("5-1"), "table/5-1", LaneKindTable, "5-1"},
		{FillLane("5-1"), "fill/5-1", LaneKindFill, "5-1"},
		{FileLane("0a1b"), "file/0a1b", LaneKindFile, "0a1b"},
		{LostLane("bgp.updates.v1", 3), "lost/bgp.updates.v1/3", LaneKindLost, "bgp.updates.v1/3"},
		{"", "", LaneKindUnknown, ""},
		{"/", "/", LaneKindUnknown, "/"},
		{"fill", "fill", LaneKindUnknown, "fill"},
		{"fill/", "fill/", LaneKindFill, ""},
		{"live/1", "live/1", LaneKindUnknown, "live/1"},
		{"filler/1", "filler/1", LaneKindUnknown, "filler/1"},
	}
	for _, tt := range tests {
		if string(tt.lane) != tt.text {
			t.Errorf("got lane %q, want %q", tt.lane, tt.text)
		}
		if kind, name := ParseLane(tt.lane); kind != tt.kind || name != tt.name || tt.lane.Kind() != kind {
			t.Errorf("ParseLane(%q): got %q, %q, want %q, %q", tt.lane, kind, name, tt.kind, tt.name)
		}
	}
}

// FuzzParseLane: a lane of a known kind consists of its kind and its name. A table or fill without
// a name may end in a slash.
func FuzzParseLane(f *testing.F) {
	for _, s := range []string{"", "live", "fill/1-1", "fill/", "table", "clock/", "clock/file/0a1b", "rv/t/2", "table//", "out/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		kind, name := ParseLane(s)
		var again Lane
		switch {
		case kind == LaneKindUnknown:
			again = Lane(name)
		case name == "":
			again = Lane(kind)
		default:
			again = join(kind, name)
		}
		if nameless := name == "" && (kind == LaneKindTable || kind == LaneKindFill); nameless && string(again)+"/" == s {
			return
		}
		if string(again) != s {
			t.Errorf("%q reads as %q, %q, which is %q", s, kind, name, again)
		}
	})
}

func TestParseLaneAllocates(t *testing.T) {
	lanes := []string{"live", "fill/1-1", "rv/routeviews.chicago.64496.bmp_raw", "none"}
	if n := testing.AllocsPerRun(100, func() {
		for _, l := range lanes {
			ParseLane(l)
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
