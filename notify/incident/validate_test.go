package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	load := func(y string) error {
		c := DefaultConfig()
		if err := config.Decode(&c, []byte(y)); err != nil {
			return err
		}
		return config.Validate(&c)
	}
	good := `
public_url: https://darkmap.example.net
storm: {more_than: 5, within: 1m}
routes:
  - name: mine
    match: {types: [prefix, as], codes: [AS64496, 192.0.2.0/24], countries: [TO], asns: [64496], watch: [mine], families: [ipv4], kinds: [outage], severity: [total],
      min_minutes: 5, min_prefixes: 2, datasets: [live, demo], states: [suspected, open]}
    to: [chat]
    quiet_hours: {from: "22:00", to: "07:00", time_zone: Europe/Berlin, do: drop, except: [total]}
    digest: weekly mon 08:00 Europe/Berlin
    template: "{{.Title}}"
    updates: all
    group_wait: 0
`
	if err := load(good); err != nil {
		t.Errorf("got %v", err)
	}
	for y, want := range map[string]string{
		"{name: A, to: [c]}": `routes[0].name: got "A", want a-z, 0-9 and -`,
		"{name: a}":          "routes[0].to: is empty, want at least one target",
		`{name: a, to: [c], quiet_hours: {from: "22:00", to: "22:00"}}`:   "routes[0].quiet_hours.to",
		`{name: a, to: [c], quiet_hours: {from: "25:00", to: "22:00"}}`:   "routes[0].quiet_hours.from",
		`{name: a, to: [c], quiet_hours: {time_zone: Mars/Olympus}}`:      "routes[0].quiet_hours.time_zone",
		"{name: a, to: [c], digest: hourly}":                              "routes[0].digest",
		"{name: a, to: [c], digest: weekly xyz 08:00 UTC}":                "no day of the week",
		`{name: a, to: [c], template: "{{"}`:                              "routes[0].template",
		"{name: a, to: [c], updates: some}":                               "none, severity or all",
		"{name: a, to: [c], group_wait: 3h}":                              "routes[0].group_wait",
		"{name: a, to: [c], match: {types: [planet]}}":                    "match.types[0]",
		"{name: a, to: [c], match: {countries: [XX]}}":                    "match.countries[0]",
		"{name: a, to: [c], match: {codes: [\"1.2.3/99\"]}}":              "match.codes[0]",
		"{name: a, to: [c], match: {types: [country], codes: [AS64496]}}": "never matches",
		"{name: a, to: [c], match: {types: [country], asns: [64496]}}":    "match.asns",
		"{name: a, to: [c], match: {kinds: [origin], severity: [minor]}}": "at least major",
		"{name: a, to: [c], match: {states: [closed]}}":                   "match.states",
		"{name: a, to: [c]}, {name: a, to: [c]}":                          "routes[1].name",
		"{name: a, to: [c], match: {types: [world], countries: [TO]}}":    "match.countries",
		"{name: a, to: [c], match: {kinds: [origin], min_prefixes: 3}}":   "match.min_prefixes",
		"{name: a, to: [c], match: {families: [ipv5]}}":                   "match.families[0]",
		"{name: a, to: [c], digest: daily 08:00 Local}":                   "no fixed meaning",
		`{name: a, to: [c], template: "{{range $i, $x := 5}}{{end}}"}`:    "routes[0].template",
	} {
		if err := load("routes: [" + y + "]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", y, err, want)
		}
	}
}

func TestFaultsWith(t *testing.T) {
	t.Parallel()
	c := Config{Routes: []Route{
		{Name: "a", To: []string{"chat", "nobody", "pager", "chat"}, Digest: "daily 08:00", Match: Match{Watch: []string{"mine", "yours"}}},
		{Name: "b", To: []string{"hook"}, Template: "x"},
	}}
	known := Known{Targets: map[string]TargetInfo{"chat": chat("chat"), "pager": pager("pager"), "hook": recordsTarget("hook")}, WatchLists: []string{"mine"}}
	got := ""
	for _, f := range c.FaultsWith(known) {
		got += f.Key + " "
	}
	if want := "routes[0].to[1] routes[0].to[2] routes[0].to[3] routes[0].match.watch[1] routes[1].to[0] "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestZones: quiet hours and digests keep local time through the change to summer time, 29 March 2026 in Berlin.
func TestZones(t *testing.T) {
	t.Parallel()
	q, err := parseQuietHours(QuietHours{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		"2026-03-28T21:30:00Z": "2026-03-29T05:00:00Z", // 22:30 before, 07:00 after the change
		"2026-03-28T20:30:00Z": "", "2026-03-29T04:59:00Z": "2026-03-29T05:00:00Z", "2026-03-29T05:00:00Z": "", "2026-03-29T20:00:00Z": "2026-03-30T05:00:00Z",
	} {
		x, _ := time.Parse(time.RFC3339, at)
		got := ""
		if until := q.until(x, bgp.SeverityMinor); !until.IsZero() {
			got = until.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", at, got, want)
		}
	}
	s, err := parseSchedule("weekly sun 08:00 Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	first := s.next(time.Date(2026, 3, 22, 7, 0, 0, 0, time.UTC))
	if got := first.Format(time.RFC3339); got != "2026-03-29T06:00:00Z" || s.next(first).Format(time.RFC3339) != "2026-04-05T06:00:00Z" {
		t.Errorf("got %s", got)
	}
}
