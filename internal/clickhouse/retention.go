package clickhouse

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

// RetentionConfig is the section clickhouse.retention: for how long the tables keep rows, from their arrival.
type RetentionConfig struct {
	// Route changes, as they came (route_change_log) and by prefix (prefix_changes).
	RouteChanges string `yaml:"route_changes" want:"a time as 12h, 30d, 8w or 5y, or forever"`
	// What was visible, by the minute.
	Visibility string `yaml:"visibility" want:"a time as 12h, 30d, 8w or 5y, or forever"`
	// What was visible, by the hour.
	VisibilityHours string `yaml:"visibility_hours" want:"a time as 12h, 30d, 8w or 5y, or forever"`
	// Who held prefixes and who saw them: a row a day and prefix, and one for each change.
	Prefixes string `yaml:"prefixes" want:"a time as 12h, 30d, 8w or 5y, or forever"`
	// Outages.
	Outages string `yaml:"outages" want:"a time as 12h, 30d, 8w or 5y, or forever"`
	// Who voted.
	Panel string `yaml:"panel" want:"a time as 12h, 30d, 8w or 5y, or forever"`
	// What happened to the feeds.
	Feeds string `yaml:"feeds" want:"a time as 12h, 30d, 8w or 5y, or forever"`
	// Records that could not be decoded.
	Deadletter string `yaml:"deadletter" want:"a time as 12h, 30d, 8w or 5y, or forever"`
}

// forever is the word for rows that are kept; 0 is another one.
const forever = "forever"

// DefaultRetention keeps visibility for years, and what takes the most room for a month.
func DefaultRetention() RetentionConfig {
	return RetentionConfig{RouteChanges: "30d", Visibility: "5y", VisibilityHours: "10y", Prefixes: "1y", Outages: forever, Panel: "365d", Feeds: "90d", Deadletter: "30d"}
}

// span is a time as a table's time to live has it.
var span = regexp.MustCompile(`^([1-9][0-9]{0,4})([hdwy])$`)

// units are the names of the units in ClickHouse.
var units = map[string]string{"h": "Hour", "d": "Day", "w": "Week", "y": "Year"}

// interval is the time in ClickHouse's words, empty for ever. ok is false for what is no time.
func interval(text string) (expression string, ok bool) {
	if text == forever || text == "0" {
		return "", true
	}
	m := span.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return "toInterval" + units[m[2]] + "(" + m[1] + ")", true
}

// each calls f with every key, its value and its tables.
func (c RetentionConfig) each(f func(key, value string, tables ...string)) {
	f("route_changes", c.RouteChanges, "route_change_log", "prefix_changes")
	f("visibility", c.Visibility, "visibility")
	f("visibility_hours", c.VisibilityHours, "visibility_hours")
	f("prefixes", c.Prefixes, "prefix_states")
	f("outages", c.Outages, "outage_events", "outage_newest")
	f("panel", c.Panel, "panel", "panel_verdicts")
	f("feeds", c.Feeds, "feeds", "feed_newest")
	f("deadletter", c.Deadletter, "deadletter")
}

// Faults are the values that are no times.
func (c RetentionConfig) Faults() []config.Fault {
	var faults []config.Fault
	c.each(func(key, value string, _ ...string) {
		if _, ok := interval(value); !ok {
			faults = append(faults, config.Fault{Key: key, Value: value})
		}
	})
	return faults
}

// timeToLive is the part of an engine's full description that holds the times to live.
var timeToLive = regexp.MustCompile(`(?s) TTL (.*?)(?: SETTINGS .*)?$`)

// lifeChange is a table whose rows are to be kept for another time.
type lifeChange struct {
	statements []string
	// differs says what is and what is wanted, done what was done.
	differs, done string
}

// retention lists the tables that keep rows for another time than the configuration says. What a person has added to a time to live, as a
// move to another disk, stays.
func (r *migration) retention(ctx context.Context) ([]lifeChange, error) {
	if r.Retention == nil {
		return nil, nil
	}
	have, err := readSchema(ctx, r.conn, r.server.Database)
	if err != nil {
		return nil, err
	}
	var changes []lifeChange
	r.Retention.each(func(_, value string, tables ...string) {
		for _, name := range tables {
			t := have[name]
			if t == nil || t.column("appended_at") == nil {
				continue
			}
			if c, ok := r.server.lifeChange(name, t, value); ok {
				changes = append(changes, c)
			}
		}
	})
	return changes, nil
}

// lifeChange compares the time to live of one table.
func (s Server) lifeChange(name string, t *tableSchema, value string) (lifeChange, bool) {
	was := ""
	var others []string
	if m := timeToLive.FindStringSubmatch(t.EngineFull); m != nil {
		for _, part := range topLevel(m[1]) {
			if moves.MatchString(part) {
				others = append(others, part)
			} else {
				was = strings.TrimSuffix(part, " DELETE")
			}
		}
	}
	want := ""
	if i, _ := interval(value); i != "" {
		want = "appended_at + " + i
	}
	if want == was {
		return lifeChange{}, false
	}
	all := others
	if want != "" {
		all = append(slices.Clone(others), want)
	}
	alter := fmt.Sprintf("ALTER TABLE %s.%s %s", s.Database, name, s.onCluster())
	c := lifeChange{
		differs: fmt.Sprintf("table %s keeps rows for %s, and is to keep them for %s", name, lasted(was), lasting(value)),
		done:    fmt.Sprintf("table %s keeps rows for %s now; it was %s", name, lasting(value), lasted(was)),
	}
	if len(all) == 0 {
		c.statements = []string{alter + " REMOVE TTL"}
		return c, true
	}
	// Without it the change would write every part anew. Rows go with the merges and drops that follow, as they always do.
	if set := "materialize_ttl_recalculate_only = 1"; !strings.Contains(t.EngineFull, set) {
		c.statements = append(c.statements, alter+" MODIFY SETTING "+set)
	}
	c.statements = append(c.statements, alter+" MODIFY TTL "+strings.Join(all, ", "))
	return c, true
}

// moves are the parts of a time to live that delete no rows.
var moves = regexp.MustCompile(` (?:TO (?:DISK|VOLUME) |RECOMPRESS |GROUP BY )`)

// lasting says a configured time in words.
func lasting(value string) string {
	if m := span.FindStringSubmatch(value); m != nil {
		n, _ := strconv.Atoi(m[1]) // of at most five digits
		return bgp.Count(n, map[string]string{"h": "hour", "d": "day", "w": "week", "y": "year"}[m[2]])
	}
	return "ever"
}

var livedFor = regexp.MustCompile(`^appended_at \+ toInterval([A-Z][a-z]+)\(([0-9]+)\)$`)

// lasted says a time to live in words.
func lasted(ttl string) string {
	if ttl == "" {
		return "ever"
	}
	if m := livedFor.FindStringSubmatch(ttl); m != nil {
		if n, err := strconv.Atoi(m[2]); err == nil {
			return bgp.Count(n, strings.ToLower(m[1]))
		}
	}
	return "until " + ttl
}

// topLevel splits at commas outside of parentheses and texts.
func topLevel(text string) []string {
	var parts []string
	depth, quoted, begin := 0, false, 0
	for i, c := range text {
		switch {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(text[begin:i]))
			begin = i + 1
		}
	}
	return append(parts, strings.TrimSpace(text[begin:]))
}

// keep sets the times to live that differ, and says so.
func (r *migration) keep(ctx context.Context) ([]string, error) {
	changes, err := r.retention(ctx)
	if err != nil {
		return nil, err
	}
	var said []string
	for _, c := range changes {
		for _, statement := range c.statements {
			if err := r.conn.Exec(ctx, statement); err != nil {
				return said, fmt.Errorf("setting for how long rows are kept: %w", err)
			}
		}
		said = append(said, c.done)
	}
	return said, nil
}
