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

// RetentionConfig is the section clickhouse.retention of the configuration: how long the tables
// keep rows, from their arrival.
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

// forever is the word for rows without an end of life; 0 means the same.
const forever = "forever"

// DefaultRetention keeps visibility for years, and the largest tables for a month.
func DefaultRetention() RetentionConfig {
	return RetentionConfig{
		RouteChanges: "30d", Visibility: "5y", VisibilityHours: "10y", Prefixes: "1y",
		Outages: forever, Panel: "365d", Feeds: "90d", Deadletter: "30d",
	}
}

// span matches a configured time.
var span = regexp.MustCompile(`^([1-9][0-9]{0,4})([hdwy])$`)

// units maps the units to their names in ClickHouse.
var units = map[string]string{"h": "Hour", "d": "Day", "w": "Week", "y": "Year"}

// interval returns a configured time as a ClickHouse expression, or "" for rows without an end of
// life. ok is false if the text is no time.
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
	f("prefixes", c.Prefixes, "prefix_states", "prefix_origins", "prefix_countries")
	f("outages", c.Outages, "outage_events", "outage_newest")
	f("panel", c.Panel, "panel", "panel_verdicts")
	f("feeds", c.Feeds, "feeds", "feed_newest")
	f("deadletter", c.Deadletter, "deadletter")
}

// Faults returns the values that are no times.
func (c RetentionConfig) Faults() []config.Fault {
	var faults []config.Fault
	c.each(func(key, value string, _ ...string) {
		if _, ok := interval(value); !ok {
			faults = append(faults, config.Fault{Key: key, Value: value})
		}
	})
	return faults
}

// timeToLive matches the times to live in an engine's full description.
var timeToLive = regexp.MustCompile(`(?s) TTL (.*?)(?: SETTINGS .*)?$`)

// lifeChange is a change to how long a table keeps rows.
type lifeChange struct {
	statements []string
	// differs describes the present and the desired state, done the change.
	differs, done string
}

// retention lists the tables that keep rows for another time than configured. It preserves an
// operator's additions to a time to live, such as a move to another disk.
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

// lifeChange compares the time to live of one table with the configuration. It returns false if
// they are equal.
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
		differs: fmt.Sprintf("table %s keeps rows for %s, and is to keep them for %s",
			name, lasted(was), lasting(value)),
		done: fmt.Sprintf("table %s keeps rows for %s now; it was %s", name, lasting(value), lasted(was)),
	}
	if len(all) == 0 {
		c.statements = []string{alter + " REMOVE TTL"}
		return c, true
	}
	// Without this setting the change would rewrite every part. Merges and drops delete the rows
	// later, as usual.
	if set := "materialize_ttl_recalculate_only = 1"; !strings.Contains(t.EngineFull, set) {
		c.statements = append(c.statements, alter+" MODIFY SETTING "+set)
	}
	c.statements = append(c.statements, alter+" MODIFY TTL "+strings.Join(all, ", "))
	return c, true
}

// moves matches the parts of a time to live that delete no rows.
var moves = regexp.MustCompile(` (?:TO (?:DISK|VOLUME) |RECOMPRESS |GROUP BY )`)

// lasting returns a configured time in words.
func lasting(value string) string {
	if m := span.FindStringSubmatch(value); m != nil {
		n, _ := strconv.Atoi(m[1]) // at most five digits
		return bgp.Count(n, map[string]string{"h": "hour", "d": "day", "w": "week", "y": "year"}[m[2]])
	}
	return "ever"
}

var livedFor = regexp.MustCompile(`^appended_at \+ toInterval([A-Z][a-z]+)\(([0-9]+)\)$`)

// lasted returns a time to live in words.
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

// topLevel splits at commas outside of parentheses and string literals.
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

// keep sets the times to live that differ, and describes the changes.
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
