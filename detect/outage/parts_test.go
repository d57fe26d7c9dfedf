package outage

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

// TestNewID checks that an id that an earlier event has taken is not used again.
func TestNewID(t *testing.T) {
	t.Parallel()
	ent := &entity{key: country("AA")}
	start := unix(t, noon)
	var got []string
	for _, at := range []int64{start, start + 30, start + 300, start + 240} {
		got = append(got, strings.TrimPrefix(ent.newID(at), "country-AA-ipv4-20240301T"))
	}
	if want := []string{"1200Z", "1201Z", "1205Z", "1206Z"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	large, small := baseline{space: 100 * 256, prefixes: 100}, baseline{space: 4 * 256, prefixes: 4}
	tests := []struct {
		kind bgp.Kind
		base baseline
		loss loss
		want bgp.Severity
	}{
		{bgp.KindOutage, large, loss{percent: 2499}, bgp.SeverityMinor},
		{bgp.KindOutage, large, loss{percent: 2500}, bgp.SeverityModerate},
		{bgp.KindOutage, large, loss{percent: 4999}, bgp.SeverityModerate},
		{bgp.KindOutage, large, loss{percent: 5000}, bgp.SeverityMajor},
		{bgp.KindOutage, large, loss{percent: 8999}, bgp.SeverityMajor},
		{bgp.KindOutage, large, loss{percent: 9000, space: 90 * 256}, bgp.SeverityTotal},
		{bgp.KindOutage, small, loss{percent: 9500, space: 4*256 - 1, prefixes: 3}, bgp.SeverityMajor},
		{bgp.KindOutage, small, loss{percent: 10000, space: 4 * 256, prefixes: 4}, bgp.SeverityTotal},
		{bgp.KindPartial, small, loss{percent: 9900}, bgp.SeverityMajor},
	}
	for _, tt := range tests {
		if got := severity(tt.kind, tt.base, tt.loss); got != tt.want {
			t.Errorf("severity(%s, %+v, %+v): got %s, want %s", tt.kind, tt.base, tt.loss, got, tt.want)
		}
	}
}

func TestThreshold(t *testing.T) {
	t.Parallel()
	v4, v6 := DefaultConfig(), DefaultConfig()
	v4.Family, v6.Family = bgp.IPv4, bgp.IPv6
	tests := []struct {
		name        string
		cfg         Config
		base        baseline
		want, large uint64
	}{
		{"a unit at least", v4, baseline{space: 4 * 256}, 256, 0},
		{"a tenth, rounded up", v4, baseline{space: 10001}, 1001, 0},
		{"noise", v4, baseline{space: 100 * 256, mad: 1000}, 59304 * 1000 / 10000, 0},
		{"large, 2 %", v4, baseline{space: 20000 * 256}, 2000 * 256, 400 * 256},
		{"large, at least 256 units", v4, baseline{space: 5000 * 256}, 500 * 256, 256 * 256},
		{"not quite large", v4, baseline{space: 5000*256 - 1}, 128000, 0},
		{"all of IPv6", v6, baseline{space: 1 << 61}, (1<<61 + 9) / 10, (1<<61 + 49) / 50},
		{"noise beyond all bounds", v6, baseline{space: 1 << 61, mad: math.MaxUint64}, math.MaxUint64, (1<<61 + 49) / 50},
	}
	for _, tt := range tests {
		large := tt.cfg.largeThreshold(tt.base)
		if got := tt.cfg.threshold(tt.base); got != tt.want || large != tt.large {
			t.Errorf("%s: got %d and %d, want %d and %d", tt.name, got, large, tt.want, tt.large)
		}
	}
}

// TestNoise checks an entity that changes a little every few minutes. Its baseline and threshold
// allow for that.
func TestNoise(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := country("AA")
	w.add(k, networks(100))
	for i := range 24 * 12 {
		w.setDown(k, 4*(i%3)) // 0, 4, 8: the median is 4 down, the deviation 4, the threshold 23.7
		w.minutes(5)
	}
	w.setDown(k, 27)
	w.minutes(30)
	if got := w.life(k); len(got) != 0 {
		t.Errorf("got %v, want nothing within the noise", got)
	}
	w.setDown(k, 28)
	w.minutes(10)
	if got := w.final(k); len(got) != 1 {
		t.Errorf("got %v, want an outage", w.life(k))
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	every := func(n int, gap int64) []int64 {
		s := make([]int64, n)
		for i := range s {
			s[i] = int64(i) * gap
		}
		return s
	}
	tests := []struct {
		name  string
		times []int64
		want  string
	}{
		{"one", []int64{5}, shapeAbrupt},
		{"four in two minutes", []int64{0, 40, 80, 120}, shapeAbrupt},
		{"a tenth of them later", append(every(18, 5), 4000, 5000), shapeAbrupt},
		{"two steps", []int64{0, 1, 2, 900, 901, 902}, shapeStepped},
		{"one after the other, a minute apart", every(20, 60), shapeGradual},
		{"one after the other, ten minutes apart", every(20, 600), shapeGradual},
	}
	for _, tt := range tests {
		if got := shape(tt.times); got != tt.want {
			t.Errorf("%s: shape(%v): got %s, want %s", tt.name, tt.times, got, tt.want)
		}
	}
}

func TestFlapLog(t *testing.T) {
	t.Parallel()
	start := unix(t, "2024-03-10T12:00Z")
	f := flapLog{}
	for d := int64(9); d >= 1; d-- { // two a day, the last a day before
		f.add(start - d*day - 2*hour)
		f.add(start - d*day)
	}
	f.add(start - 2*hour)
	f.add(start - hour)
	f.add(start - minute)
	f.add(start)
	got := f.count(start, start-20*day)
	if got.Hour != 2 || got.Day != 4 || got.UsualDay == nil || *got.UsualDay != 2 {
		t.Errorf("got %+v, usual %v, want 2 in the hour, 4 in the day, usually 2", got, got.UsualDay)
	}
	if got = f.count(start, start-47*hour); got.UsualDay != nil {
		t.Errorf("watched for less than two days: got a usual number %d", *got.UsualDay)
	}
	f.forget(start)
	if n := len(f.minutes); n != 4+2*7+1 {
		t.Errorf("after forgetting: got %d, want %d", n, 4+2*7+1)
	}
	for i := range int64(3 * maxFlaps) {
		f.add(start + i*2*minute)
	}
	if len(f.minutes) > maxFlaps || !slices.IsSorted(f.minutes) {
		t.Errorf("got %d, want at most %d, sorted", len(f.minutes), maxFlaps)
	}
	f.forget(start + 100*day)
	if f.minutes != nil {
		t.Errorf("got %d left", len(f.minutes))
	}
}

// TestSameTime checks the count of outages at about the same time of day on the days before.
func TestSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2024-03-01T00:00Z", DefaultConfig())
	k := country("AA")
	w.add(k, networks(4))
	for _, s := range []string{"2024-03-01T04:00Z", "2024-03-02T04:20Z", "2024-03-03T09:00Z", "2024-03-04T03:59Z", "2024-03-05T04:01Z"} {
		w.until(s)
		w.away(k, 4, 30)
	}
	w.minutes(30)
	got := w.final(k)
	o := got[len(got)-1]
	if o.Evidence.SameTimeLast7Days != 3 || o.Evidence.OutagesLast7Days != 4 || !o.Evidence.OnTheHour ||
		!strings.Contains(o.Evidence.ConsistentWith, "planned action that repeats") ||
		!strings.Contains(o.Summary, "at about the same time of day on 3 of the last 7 days") {
		t.Errorf("got %+v\n%s", o.Evidence, o.Summary)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int64]string{0: "1 s", 1: "1 s", 59: "59 s", 60: "1 min", 61: "2 min", 3541: "1 h", 3601: "1 h 1 min"} {
		if got := within(seconds); got != want {
			t.Errorf("within(%d): got %q, want %q", seconds, got, want)
		}
	}
}

// TestWords checks the sentences of the kinds that other tests do not check.
func TestWords(t *testing.T) {
	t.Parallel()
	nets := networks(200)
	w := newWorld(t, noon, DefaultConfig())
	w.origin = 64500
	big, as, only := country("IR"), asKey(64500), asKey(64501)
	w.add(big, nets)
	w.add(as, nets[:20])
	w.add(only, nets[:1])
	w.minutes(30)
	w.up = []bgp.ASN{64510, 64511}
	w.setDown(big, 60)
	w.setDown(as, 20)
	w.setDown(only, 1)
	w.minutes(3)
	early := w.final(as)[0].Summary
	w.minutes(10)
	want := map[Key][]string{
		big: {
			"Iran lost the routes to 30 % of its IPv4 address space (60 of 200 /24s) at 12:30 UTC on 1 March 2024.",
			"60 prefixes were lost, through all upstreams at once (AS64510 (Example Transit) and AS64511). Four fifths of the withdrawals came within 32 s.",
			"consistent with one cause at a point that all of it shares", "At 12:35 UTC it had lasted 5 min.",
		},
		as:   {"AS64500 lost the routes to 100 % of its IPv4 address space (20 of 20 /24s)", "Routes were also lost, at about the same time or behind the same upstream, by AS64501."},
		only: {"The only IPv4 prefix of AS64501 lost its routes at"},
	}
	for k, parts := range want {
		for _, part := range parts {
			if s := w.final(k)[0].Summary; !strings.Contains(s, part) {
				t.Errorf("%s: the summary lacks %q: %s", k.Code, part, s)
			}
		}
	}
	if !strings.Contains(early, "AS64500 seems to have lost the routes") || !strings.Contains(early, "not yet confirmed") {
		t.Errorf("suspected: got %s", early)
	}
}

// TestGapsAreBounded checks an entity that changes for days. It lists its last pauses and counts
// all of them.
func TestGapsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, noon, DefaultConfig())
	k := country("AA")
	w.add(k, networks(20))
	for range 150 {
		w.minutes(20)
		w.away(k, 10, 20)
	}
	w.minutes(10)
	got := w.final(k)
	if len(got) != 1 || len(got[0].Gaps) != maxGaps || !strings.Contains(got[0].Summary, "interrupted by 149 recoveries") {
		t.Errorf("got %d outages, the first with %d gaps: %s", len(got), len(got[0].Gaps), got[0].Summary)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	if err := config.Validate(&cfg); err != nil {
		t.Errorf("the defaults: got %v", err)
	}
	cfg.OpenAfter, cfg.CloseAfter, cfg.OpenPermille, cfg.PartialLowPermille, cfg.Label = -5*time.Minute, 90*time.Second, 2000, 900, "a label that is far too long"
	err := config.Validate(&cfg)
	for _, want := range []string{
		"open_after: got -5m, want 1m to 672h, whole minutes", "close_after: got 1m30s, want 1m to 672h, whole minutes", "open_permille: got 2000, want 1 to 1000",
		"partial_low_permille: got 900, want less than partial_high_permille", `label: got "a label that is far too long", want at most 24 characters`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}
