package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// boardFile holds the queries of a dashboard, and the parts that depend on their answers.
type boardFile struct {
	UID        string
	Templating struct{ List []boardVariable }
	Panels     []struct {
		Title, Type string
		Targets     []boardQuery
		FieldConfig struct {
			Overrides []struct {
				Matcher    struct{ Options string }
				Properties []struct {
					ID    string
					Value any
				}
			}
		}
	}
	Annotations struct {
		List []struct {
			Name   string
			Target boardQuery
		}
	}
}

type boardVariable struct {
	Name, Type string
	Query      any // the SQL of a query is in its rawSql
	IncludeAll bool
}

type boardQuery struct {
	RawSQL, Expr string
	Format       int // 0 is a time series
}

// boardSQL is a query of a board, and its place there.
type boardSQL struct {
	where, sql string
	series     bool
	columns    []string // columns that the panel names
}

// readBoards reads the dashboards of Grafana.
func readBoards(t *testing.T) (all []boardFile) {
	t.Helper()
	paths, err := filepath.Glob("../../deploy/grafana/dashboards/*.json")
	if err != nil || len(paths) < 8 {
		t.Fatalf("got %v, %v", paths, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var f boardFile
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, f)
	}
	return all
}

var fieldOf = regexp.MustCompile(`__data\.fields\.([a-z_]+)`)

// queries returns the queries of the panels and of the annotations of a board.
func (f boardFile) queries() (all []boardSQL) {
	for _, p := range f.Panels {
		var columns []string
		for _, o := range p.FieldConfig.Overrides {
			columns = append(columns, o.Matcher.Options)
			for _, property := range o.Properties {
				for _, m := range fieldOf.FindAllStringSubmatch(fmt.Sprint(property.Value), -1) {
					columns = append(columns, m[1])
				}
			}
		}
		for _, q := range p.Targets {
			if q.RawSQL != "" {
				all = append(all, boardSQL{where: f.UID + ", " + p.Title, sql: q.RawSQL, series: q.Format == 0, columns: columns})
			}
		}
	}
	for _, a := range f.Annotations.List {
		all = append(all, boardSQL{where: f.UID + ", annotation " + a.Name, sql: a.Target.RawSQL, columns: []string{"time", "timeEnd", "text", "tags"}})
	}
	return all
}

// boardTimes are the values of the time picker: the whole year, its last hours, and a time before
// all data. The queries run with the first choice of a board at all of these times, with the second
// choice in the year, with the third in the last hours, and so on.
var boardTimes = []boardTime{
	newBoardTime("2025-01-01 00:00", "2026-01-01 00:00", 8*time.Hour), newBoardTime("2025-12-31 06:00", "2026-01-01 00:00", time.Minute),
	newBoardTime("2020-01-01 00:00", "2020-01-02 00:00", time.Minute),
}

type boardTime struct {
	from, to time.Time
	interval time.Duration
}

func newBoardTime(from, to string, interval time.Duration) boardTime {
	const layout = "2006-01-02 15:04"
	a, errA := time.Parse(layout, from)
	b, errB := time.Parse(layout, to)
	if errA != nil || errB != nil {
		panic("a wrong time")
	}
	return boardTime{a, b, interval}
}

// boardChoices are the values of variables for the queries of each board: those of the stories of
// the year, all values, several values, and values that do not exist.
var boardChoices = map[string][]map[string][]string{
	"darkmap-world":    {{"dataset": {"year"}, "family": {"$__all"}}, {"dataset": {"year"}, "family": {"ipv6"}}, {"dataset": {"year-replay"}, "family": {"ipv4"}}, {"dataset": {"it's none"}, "family": {"$__all"}}},
	"darkmap-country":  {{"dataset": {"year"}, "code": {"CU"}}, {"dataset": {"year"}, "code": {"BR"}}, {"dataset": {"year-replay"}, "code": {"CU"}}, {"dataset": {"year"}, "code": {"SD"}}, {"dataset": {"year"}, "code": {"it's none"}}},
	"darkmap-as":       {{"dataset": {"year"}, "code": {"AS4200000184"}}, {"dataset": {"year"}, "code": {"AS4200000025"}}, {"dataset": {"year-replay"}, "code": {"AS4200000184"}}, {"dataset": {"year"}, "code": {"it's none"}}},
	"darkmap-prefix":   {{"dataset": {"year"}, "code": {"240.9.43.0/24"}}, {"dataset": {"year"}, "code": {"it's none"}}},
	"darkmap-outage":   {{"dataset": {"year"}, "outage": {"country-CU-ipv4-20251231T1800Z"}}, {"dataset": {"year"}, "outage": {"country-SD-ipv4-20251122T1300Z"}}, {"dataset": {"year"}, "outage": {"it's none"}}},
	"darkmap-watch":    {{"dataset": {"year"}, "code": {"our-customers"}}, {"dataset": {"year"}, "code": {"it's none"}}},
	"darkmap-feeds":    {{"dataset": {"year"}, "collector": {"$__all"}}, {"dataset": {"year"}, "collector": {"ris/rrc00", "ris/rrc03"}}, {"dataset": {"it's none"}, "collector": {"$__all"}}},
	"darkmap-pipeline": {{"dataset": {"year"}}, {"dataset": {"it's none"}}},
}

// boardChecks check the answers to the first choice of a board in the whole year against the
// stories of the year.
var boardChecks = map[string]func(*testing.T, *reply){
	"darkmap-world, Countries out now":                exactly("countries", "1"),
	"darkmap-world, Where":                            first("country", "CU"),
	"darkmap-world, Open outages":                     first("entity_code", "CU"),
	"darkmap-world, Countries with outages":           every(holds("entity_code", "TO", "MM", "IQ", "SD", "CU", "GA"), falling("seconds")),
	"darkmap-country, Lost":                           between("ipv4", 80, 95),
	"darkmap-country, Outages":                        exactly("open", "1"),
	"darkmap-country, Prefixes, IPv4":                 between("baseline_prefixes", 1, 1000),
	"darkmap-country, Its outages":                    exactly("family", "ipv4"),
	"darkmap-country, Networks with outages":          holds("outages", "1"),
	"darkmap-as, Its outages":                         between("peak_loss_percent", 1, 100),
	"darkmap-outage, What is known":                   holds("what", "In one line", "Start (UTC)", "Most lost"),
	"darkmap-outage, How it went":                     first("event", "suspected", "opened"),
	"darkmap-outage, Who lost sight first":            between("withdrawals", 1, 1000),
	"darkmap-outage, Outages that are a part of it":   holds("entity_type", "as", "prefix"),
	"darkmap-watch, Who announced what is not theirs": between("share_percent", 20, 50),
	"darkmap-watch, Members":                          holds("events", "3"),
	"darkmap-prefix, Its outages":                     exactly("entity_code", "240.9.43.0/24"),
	"darkmap-prefix, What peers said":                 holds("series", "announcements", "withdrawals"),
	"darkmap-prefix, Who originated it":               falling("announcements"),
	"darkmap-feeds, Collectors up":                    between("up", 1, 100),
	"darkmap-feeds, Voters":                           between("ipv4", 20, 1000),
	"darkmap-feeds, Our gaps":                         holds("collector", "ris/rrc03"),
	"darkmap-pipeline, Newest in the store":           holds("what", "feeds", "outages", "panel", "visibility"),
}

// askBoards runs every query of every board with every choice and time, as a user of Grafana would.
// s holds the year of docs/sql.md.
func askBoards(t *testing.T, s clickhouse.Server) {
	t.Helper()
	for _, f := range readBoards(t) {
		if boardChoices[f.UID] == nil {
			t.Errorf("nothing is chosen for %s", f.UID)
		}
		answered := map[string]bool{}
		for i, choice := range boardChoices[f.UID] {
			for j, at := range boardTimes {
				if i > 0 && j != (i+1)%2 {
					continue
				}
				values := f.choose(t, s, choice, at)
				for _, q := range f.queries() {
					if i == 0 && j == 0 {
						exactTimes(t, s, q.where, expandBoard(t, q.sql, values, at))
					}
					a := askBoard(t, s, q, values, at)
					if a != nil && len(a.rows) > 0 {
						answered[q.where] = true
					}
					if check := boardChecks[q.where]; a != nil && check != nil && i == 0 && j == 0 {
						t.Run(q.where, func(t *testing.T) { check(t, a) }) //nolint:paralleltest // they share the store
					}
				}
			}
		}
		for _, q := range f.queries() {
			if !answered[q.where] {
				t.Errorf("%s: no choice and no time gives an answer", q.where)
			}
		}
	}
	askMarks(t, s)
}

// askMarks runs the queries of docs/grafana.md that mark outages in other boards.
func askMarks(t *testing.T, s clickhouse.Server) {
	t.Helper()
	page, err := os.ReadFile("../../docs/grafana.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := questionSQL.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 3 {
		t.Errorf("docs/grafana.md has %d queries", len(blocks))
	}
	for i, m := range blocks {
		q := boardSQL{where: fmt.Sprintf("query %d of docs/grafana.md", i+1), sql: strings.ReplaceAll(m[1], "'live'", "'year'"), columns: []string{"time", "timeEnd", "text", "tags"}}
		exactTimes(t, s, q.where, expandBoard(t, q.sql, nil, boardTimes[0]))
		if a := askBoard(t, s, q, nil, boardTimes[0]); a != nil && len(a.rows) == 0 {
			t.Errorf("%s: no answer", q.where)
		}
	}
}

// choose reads the values of a board's variables and returns the chosen ones: those of choice, else
// the first value. A chosen value that exists has to be offered.
func (f boardFile) choose(t *testing.T, s clickhouse.Server, choice map[string][]string, at boardTime) map[string][]string {
	t.Helper()
	values := map[string][]string{}
	for _, v := range f.Templating.List {
		values[v.Name] = choice[v.Name]
		query, ok := v.Query.(map[string]any)
		if !ok {
			continue
		}
		sql := expandBoard(t, query["rawSql"].(string), values, at)
		if at == boardTimes[0] {
			exactTimes(t, s, f.UID+", the variable "+v.Name, sql)
		}
		a := askStore(t, s, sql)
		if a == nil {
			t.Errorf("%s: the variable %s: no answer", f.UID, v.Name)
			continue
		}
		if len(a.columns) > 2 {
			t.Errorf("%s: the variable %s has the columns %v, want values and texts", f.UID, v.Name, a.columns)
		}
		var offered []string
		for _, r := range a.rows {
			if r[0] == "" || r[len(r)-1] == "" || slices.Contains(offered, r[0]) {
				t.Errorf("%s: the variable %s offers %q, empty or twice", f.UID, v.Name, r)
			}
			offered = append(offered, r[0])
		}
		switch {
		case choice[v.Name] == nil && len(offered) > 0:
			values[v.Name] = offered[:1]
		case choice[v.Name] == nil:
			values[v.Name] = []string{""}
		case at == boardTimes[0] && choice["dataset"][0] == "year" && choice[v.Name][0] != "$__all" && choice[v.Name][0] != "it's none":
			for _, value := range choice[v.Name] {
				if !slices.Contains(offered, value) && v.Name != "outage" {
					t.Errorf("%s: the variable %s does not offer %s but %.200q", f.UID, v.Name, value, offered)
				}
			}
		}
	}
	return values
}

// plain matches the types that Grafana's plugin passes to panels as numbers, texts, times and
// booleans.
var plain = regexp.MustCompile(`^(LowCardinality\()?(Nullable\()?(U?Int(8|16|32|64)|Float(32|64)|String|Bool|Enum8\(.*\)|Date(32)?|DateTime(64)?(\(.*\))?)\)*$`)

// askBoard runs one query and checks that a panel can show its answer. It returns the answer, or
// nil if there is none.
func askBoard(t *testing.T, s clickhouse.Server, q boardSQL, values map[string][]string, at boardTime) *reply {
	t.Helper()
	sql := expandBoard(t, q.sql, values, at)
	a := askStore(t, s, sql)
	if a == nil {
		t.Errorf("%s with %v: no answer to\n%s", q.where, values, sql)
		return nil
	}
	for _, column := range q.columns {
		if !slices.Contains(a.columns, column) {
			t.Errorf("%s: the panel names the column %s, the answer has %v", q.where, column, a.columns)
		}
	}
	times := 0
	for i, typ := range a.types {
		if !plain.MatchString(typ) {
			t.Errorf("%s: the column %s is a %s", q.where, a.columns[i], typ)
		}
		if strings.Contains(typ, "Date") {
			times++
		}
		if !q.series {
			continue
		}
		if text := strings.Contains(typ, "String") || strings.Contains(typ, "Enum"); text != (a.columns[i] == "series") || strings.Contains(typ, "Date") != (a.columns[i] == "time") {
			t.Errorf("%s: the column %s is a %s", q.where, a.columns[i], typ)
		}
	}
	if q.series && times != 1 {
		t.Errorf("%s: got the columns %v, want one time", q.where, a.columns)
	}
	checkBoardRows(t, q, a)
	return a
}

// checkBoardRows checks values: times rise, series have names, percentages lie between 0 and 100.
func checkBoardRows(t *testing.T, q boardSQL, a *reply) {
	t.Helper()
	before := ""
	seen := map[string]bool{}
	for _, r := range a.rows {
		for i, name := range a.columns {
			switch {
			case q.series && name == "time" && r[i] < before:
				t.Errorf("%s: %s after %s", q.where, r[i], before)
			case q.series && name == "time":
				before = r[i]
			case (name == "series" || name == "entity_code" || name == "collector" || name == "code") && (r[i] == "" || r[i] == "ᴺᵁᴸᴸ"):
				t.Errorf("%s: %s is %q", q.where, name, r[i])
			case strings.HasSuffix(name, "_percent") && r[i] != "ᴺᵁᴸᴸ" && (number(t, r[i]) < 0 || number(t, r[i]) > 100):
				t.Errorf("%s: %s is %s", q.where, name, r[i])
			}
		}
		if key := seriesKey(a, r); q.series && seen[key] {
			t.Errorf("%s: %s stands twice", q.where, key)
		} else {
			seen[key] = true
		}
	}
}

// seriesKey returns the time and the series of a row. A chart has one value for each key.
func seriesKey(a *reply, row []string) (key string) {
	for i, name := range a.columns {
		if name == "time" || name == "series" {
			key += row[i] + " "
		}
	}
	return key
}
