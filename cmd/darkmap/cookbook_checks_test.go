package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// number parses a number of an answer.
func number(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// first checks the first values of a column.
func first(column string, want ...string) func(*testing.T, *reply) {
	return func(t *testing.T, a *reply) {
		t.Helper()
		if got := a.col(t, column); len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: got %v, want %v first", column, got, want)
		}
	}
}

// exactly checks all values of a column.
func exactly(column string, want ...string) func(*testing.T, *reply) {
	return func(t *testing.T, a *reply) {
		t.Helper()
		if got := a.col(t, column); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", column, got, want)
		}
	}
}

// holds checks that a column has all of the values.
func holds(column string, want ...string) func(*testing.T, *reply) {
	return func(t *testing.T, a *reply) {
		t.Helper()
		got := a.col(t, column)
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: got %v, want %s in it", column, got, w)
			}
		}
	}
}

// between checks that all values of a column lie between two bounds.
func between(column string, least, most float64) func(*testing.T, *reply) {
	return func(t *testing.T, a *reply) {
		t.Helper()
		for _, s := range a.col(t, column) {
			if n := number(t, s); n < least || n > most {
				t.Errorf("%s: got %v, want %v to %v", column, n, least, most)
			}
		}
	}
}

// falling checks that a column of numbers never rises.
func falling(column string) func(*testing.T, *reply) {
	return func(t *testing.T, a *reply) {
		t.Helper()
		all := a.col(t, column)
		for i := 1; i < len(all); i++ {
			if number(t, all[i]) > number(t, all[i-1]) {
				t.Errorf("%s: %s after %s", column, all[i], all[i-1])
			}
		}
	}
}

// every runs all of the checks.
func every(checks ...func(*testing.T, *reply)) func(*testing.T, *reply) {
	return func(t *testing.T, a *reply) {
		t.Helper()
		for _, check := range checks {
			check(t, a)
		}
	}
}

// cookbookChecks check the answer to each question of docs/sql.md. The expected values follow from
// eval/simulate/year/stories.go.
var cookbookChecks = map[string]func(*testing.T, *reply){
	"What is out now":                    every(first("entity_code", "CU"), between("loss_percent", 0, 100)),
	"The longest of the year":            every(first("entity_code", "TO", "TO"), between("days", 0, 21.1), falling("days")),
	"Outages per country and month":      every(first("entity_code", "TO", "MM"), holds("entity_code", "IQ", "SD", "GA"), between("worst_percent", 10, 100), falling("hours")),
	"The life of one outage":             every(exactly("event", "suspected", "opened", "updated", "updated", "updated", "updated", "updated", "updated", "updated", "closed"), first("sequence", "1", "2")),
	"Repeat offenders":                   every(first("entity_code", "AS4200000015"), between("outages", 2, 60), falling("outages")),
	"How long until the routes are back": every(holds("entity_type", "prefix", "as", "country"), between("half_minutes", 6, 24*60)),
	"Why events ended":                   every(first("end_reason", "recovered"), holds("end_reason", "lost_sight", "left_table", "new_normal", "superseded")),
	"Blips":                              every(first("entity_code", "AS4200000024"), first("blips", "30"), between("mean_seconds", 1, 300)),
	"Suspicions that were taken back":    every(holds("entity_code", "FR", "JP", "IN", "DE"), between("duration_seconds", 60, 600)),
	"What went on as another event":      every(exactly("entity", "AS4200000025"), exactly("first_kind", "partial"), exactly("then_kind", "outage")),
	"Prefixes that moved to another network": func(t *testing.T, a *reply) {
		t.Helper()
		if got := strings.Join(a.col(t, "moved_to"), " "); !strings.Contains(got, "4200000022") {
			t.Errorf("moved to %s", got)
		}
	},
	"Outages by region":    every(first("entity_code", "BR-02"), falling("outages")),
	"Outages by continent": every(first("continent", "Asia", "Africa"), between("countries", 1, 6), falling("outages")),
	"Which of my prefixes fell with the country": every(between("share_percent", 100, 100), func(t *testing.T, a *reply) {
		t.Helper()
		for _, s := range a.col(t, "start") {
			if !strings.HasPrefix(s, "2025-12-31 18:0") {
				t.Errorf("a start at %s", s)
			}
		}
	}),
	"Collateral countries":          every(first("fell", "SD"), first("followed", "TD"), first("times", "5", "4"), holds("followed", "SS"), between("seconds_later", 1, 600)),
	"Upstreams that share fate":     every(first("one", "4200000003"), first("other", "4200000007"), first("times", "7")),
	"What happened to a watch list": every(exactly("kind", "outage", "outage", "outage", "origin"), exactly("member", "AS4200000028", "AS4200000028", "AS4200000028", "240.0.104.0/24")),
	"Hijacks":                       every(exactly("announced_by", "4200000014"), exactly("prefix", "240.0.104.0/24"), exactly("expected", "[4200000013]")),
	"Shutdowns by local clock":      every(first("local_start", "01:00"), first("nights", "21"), between("mean_hours", 7.9, 8.1)),
	"Exam seasons: the same minute of many days": every(first("entity_code", "IQ"), first("time_utc", "01:00"), holds("entity_code", "MM"), func(t *testing.T, a *reply) {
		t.Helper()
		if got := a.col(t, "weekdays")[0]; strings.ContainsAny(got, "56") {
			t.Errorf("examinations on weekdays %s", got)
		}
	}),
	"Peak hours":                every(between("local_hour", 0, 23), falling("outages")),
	"The day with most outages": every(falling("outages"), between("outages", 10, 5000)),
	"Usual against now":         every(first("entity_code", "CU"), falling("lost_percent"), between("lost_percent", 0, 100)),
	"The world at one moment":   every(first("entity_code", "IQ"), falling("loss_percent"), between("loss_percent", 0, 100)),
	"A country's year by the hour": func(t *testing.T, a *reply) {
		t.Helper()
		hours, lost := a.col(t, "hours"), a.col(t, "hours_with_loss")
		if len(hours) != 12 || hours[0] != "744" || hours[1] != "672" {
			t.Errorf("hours of the months: %v", hours)
		}
		if june := number(t, lost[5]); june < 55 || june > 120 || lost[0] != "0" || lost[10] != "0" {
			t.Errorf("hours with loss: %v", lost)
		}
	},
	"An AS's month at 5 minutes": every(exactly("steps", "8928"), exactly("fewest", "0"), exactly("most", "8"), between("minutes_lost", 100, 400)),
	"IPv4 against IPv6": func(t *testing.T, a *reply) {
		t.Helper()
		v4, v6 := a.col(t, "ipv4"), a.col(t, "ipv6")
		if len(v4) != 10 || v4[0] == "0" || v4[4] != "0" || v4[9] == "0" {
			t.Errorf("IPv4: %v", v4)
		}
		if slices.Contains(v6, "0") {
			t.Errorf("IPv6: %v", v6)
		}
	},
	"Who lost sight first":             every(first("collector", "ris/rrc05"), between("withdrawals", 1, 64)),
	"What contained this address then": every(holds("origin_as", "4200000014", "4200000013"), holds("prefix", "240.0.104.0/24")),
	"Peers that disagree": func(t *testing.T, a *reply) {
		t.Helper()
		for i, gone := range a.col(t, "gone") {
			if n := number(t, gone); n < 2 || n > 15 || a.col(t, "back")[i] != "0" {
				t.Errorf("gone %v, back %v", a.col(t, "gone"), a.col(t, "back"))
			}
		}
	},
	"Churn without loss": every(first("prefix", "240.0.96.0/24"), falling("changes"), func(t *testing.T, a *reply) {
		t.Helper()
		if number(t, a.col(t, "changes")[0]) < 10*number(t, a.col(t, "changes")[1]) {
			t.Errorf("it does not stand out: %v", a.col(t, "changes"))
		}
	}),
	"A prefix's month by the day": func(t *testing.T, a *reply) {
		t.Helper()
		got := a.col(t, "announcements")
		if len(got) != 6 || got[0] != "0" || number(t, got[2]) < 1000 || number(t, got[3]) < 1000 || number(t, got[5]) != 0 {
			t.Errorf("announcements by day: %v", got)
		}
	},
	"All of a /16": every(falling("withdrawals"), func(t *testing.T, a *reply) {
		t.Helper()
		for _, p := range a.col(t, "prefix") {
			if !strings.HasPrefix(p, "240.0.") {
				t.Errorf("%s is not in 240.0.0.0/16", p)
			}
		}
	}),
	"New prefixes":           exactly("prefix", "240.0.160.0/24", "240.0.161.0/24", "240.0.162.0/24", "240.0.163.0/24", "240.0.164.0/24", "240.0.165.0/24", "240.0.166.0/24", "240.0.167.0/24"),
	"Vanished prefixes":      holds("prefix", "240.0.168.0/24", "240.0.169.0/24", "240.0.170.0/24", "240.0.171.0/24"),
	"Our own gaps":           every(first("collector", "ris/rrc03"), first("minutes", "120"), falling("minutes")),
	"The state of the feeds": every(between("lag_seconds", 0, 120), first("state", "up"), holds("collector", "ris/rrc00", "routeviews/route-views3")),
	"Our own lag": every(between("most_seconds", 0.3, 120), func(t *testing.T, a *reply) {
		t.Helper()
		if got := a.col(t, "collector")[0]; !strings.HasPrefix(got, "routeviews/") {
			t.Errorf("the latest is %s", got)
		}
	}),
	"The number of voters behind the verdicts": every(exactly("family", "ipv4", "ipv6"), func(t *testing.T, a *reply) {
		t.Helper()
		if got := a.col(t, "day"); got[0] != "2025-12-17" {
			t.Errorf("days %v", got)
		}
	}),
	"Who does not vote, and why": every(exactly("collector", "ris/rrc07"), exactly("reason", "partial")),
	"A replay against the live dataset": func(t *testing.T, a *reply) {
		t.Helper()
		got := a.col(t, "found_by")
		if len(got) != 2 || got[0] != "both" || got[1] != "live only" {
			t.Errorf("found by %v", got)
		}
	},
	"Storage per table": holds("table", "visibility", "visibility_hours", "route_change_log", "prefix_changes", "outage_events", "panel", "feeds"),
}
