package sqlshell

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	c := catalogue{words: []Word{
		{"outages", "table", "", ""},
		{"outage_events", "table", "", ""},
		{"feeds", "table", "", ""},
		{"collector", "column", "feeds", ""},
		{"country", "column", "outages", ""},
		{"code", "column", "outages", ""},
		{"code", "column", "feeds", ""},
		{"count", "function", "", ""},
		{"concat", "function", "", ""},
		{"SELECT", "keyword", "", ""},
		{"FROM", "keyword", "", ""},
		{"CSV", "format", "", ""},
	}}
	for _, tt := range []struct {
		before, behind string
		want           []string
		prefix         string
	}{
		{"SELECT * FROM out", "", []string{"outage_events", "outages"}, "out"},
		{"SELECT * FROM OUT", "", []string{"outage_events", "outages"}, "OUT"},
		{"SELECT co", " FROM feeds", []string{"code", "collector", "country", "concat", "count"}, "co"},
		{"SELECT count() FROM outages WHERE cou", "", []string{"country", "count"}, "cou"},
		{"SELECT o.co", " FROM outages AS o", []string{"code", "country", "collector"}, "co"},
		{"SELECT 1 FORMAT ", "", []string{"CSV"}, ""},
		{"sel", "", []string{"SELECT"}, "sel"},
		{"", "", nil, ""},
		{"SELECT 'out", "", nil, ""},
		{"SELECT 1 -- out", "", nil, ""},
		{"SELECT $$ out", "", nil, ""},
		{`\d fe`, "", []string{"feeds"}, "fe"},
		{"SELECT *\nFROM feeds\nWHERE col", "", []string{"collector"}, "col"},
	} {
		found, prefix := c.complete(tt.before, tt.behind)
		var got []string
		for _, w := range found {
			got = append(got, w.Text)
		}
		if !slices.Equal(got, tt.want) || prefix != tt.prefix {
			t.Errorf("%q|%q: got %q, %q, want %q, %q", tt.before, tt.behind, got, prefix, tt.want, tt.prefix)
		}
	}
}

// TestCatalogueAsksWhenNeeded checks that names are loaded at the first use, after a minute, and
// after forget. A failed load is tried again and loses no names.
func TestCatalogueAsksWhenNeeded(t *testing.T) {
	t.Parallel()
	asked, now := 0, time.Unix(1_000_000, 0)
	var fails error
	c := catalogue{now: func() time.Time { return now }, ask: func(context.Context, string) ([][]string, error) {
		asked++
		return [][]string{{"feeds", "table", "", ""}}, fails
	}}
	for _, step := range []struct {
		change func()
		asked  int
	}{
		{func() { fails = errors.New("down") }, 2},
		{func() { fails = nil }, 4},
		{func() {}, 4},
		{func() { now = now.Add(catalogueAge) }, 6},
		{func() { c.forget(); fails = errors.New("down") }, 8},
	} {
		step.change()
		if c.load(t.Context()); asked != step.asked {
			t.Errorf("asked %d times, want %d", asked, step.asked)
		}
	}
	if len(c.words) != 2 {
		t.Errorf("got %v, want what was known before", c.words)
	}
}
