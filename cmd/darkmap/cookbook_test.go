package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/darkmap/darkmap/enrich/lookup"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

const cookbookPage = "../../docs/sql.md"

// question is a section of docs/sql.md.
type question struct {
	title, sql, excerpt string
	end                 int // end of the query in the page
	excerptEnd          int // end of the excerpt in the page, or end
}

var (
	questionTitle = regexp.MustCompile(`(?m)^### \d+\. (.+)$`)
	questionSQL   = regexp.MustCompile("(?s)```sql\n(.*?)\n```\n")
	questionText  = regexp.MustCompile("^\n```text\n(?s)(.*?)```\n")
)

// readCookbook returns the questions of the page.
func readCookbook(t *testing.T, page string) (all []question) {
	t.Helper()
	titles := questionTitle.FindAllStringSubmatchIndex(page, -1)
	for i, m := range titles {
		to := len(page)
		if i+1 < len(titles) {
			to = titles[i+1][0]
		}
		q := question{title: page[m[2]:m[3]]}
		body := page[m[1]:to]
		s := questionSQL.FindStringSubmatchIndex(body)
		if s == nil {
			t.Errorf("%s has no query", q.title)
			continue
		}
		q.sql, q.end = body[s[2]:s[3]], m[1]+s[1]
		q.excerptEnd = q.end
		if e := questionText.FindStringSubmatchIndex(page[q.end:]); e != nil {
			q.excerpt, q.excerptEnd = page[q.end+e[2]:q.end+e[3]], q.end+e[1]
		}
		all = append(all, q)
	}
	return all
}

// reply is the answer to a query: names and types of columns, and rows as texts.
type reply struct {
	columns, types []string
	rows           [][]string
}

// col returns a column.
func (a *reply) col(t *testing.T, name string) []string {
	t.Helper()
	i := slices.Index(a.columns, name)
	if i < 0 {
		t.Fatalf("there is no column %s: %v", name, a.columns)
	}
	var all []string
	for _, r := range a.rows {
		all = append(all, r[i])
	}
	return all
}

func askStore(t *testing.T, s clickhouse.Server, sql string) *reply {
	t.Helper()
	body, err := s.HTTP(t.Context(), clickhouse.Query{SQL: sql + "\nFORMAT JSONCompactStrings", Database: s.Database})
	if err != nil {
		t.Errorf("%v", err)
		return nil
	}
	defer body.Close() //nolint:errcheck // only read
	var result struct {
		Meta []struct{ Name, Type string }
		Data [][]string
	}
	if err := json.NewDecoder(body).Decode(&result); err != nil {
		t.Errorf("%v", err)
		return nil
	}
	a := &reply{rows: result.Data}
	for _, m := range result.Meta {
		a.columns, a.types = append(a.columns, m.Name), append(a.types, m.Type)
	}
	return a
}

// exactTimes reports comparisons in a query that leave out rows.
func exactTimes(t *testing.T, s clickhouse.Server, where, sql string) {
	t.Helper()
	for _, types := range clickhousetest.InexactTimes(t, s, sql, nil) {
		t.Errorf("%s compares by < or > %s: compare with toDateTime64(..., 6, 'UTC')", where, types)
	}
}

// excerptRows and excerptWidth bound the excerpt of an answer in the page.
const (
	excerptRows  = 6
	excerptWidth = 44
)

// excerpt draws the first rows of an answer.
func (a *reply) excerpt() string {
	rows := append([][]string{a.columns}, a.rows[:min(len(a.rows), excerptRows)]...)
	width := make([]int, len(a.columns))
	cell := func(s string) string {
		if utf8.RuneCountInString(s) > excerptWidth {
			s = string([]rune(s)[:excerptWidth-1]) + "…"
		}
		return s
	}
	for _, r := range rows {
		for i, s := range r {
			width[i] = max(width[i], utf8.RuneCountInString(cell(s)))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		var line strings.Builder
		for i, s := range r {
			s = cell(s)
			line.WriteString(s + strings.Repeat(" ", width[i]-utf8.RuneCountInString(s)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if n := len(a.rows) - excerptRows; n > 0 {
		fmt.Fprintf(&b, "(%d more)\n", n)
	}
	return b.String()
}

// differs lists questions whose answers differ from store to store.
var differs = map[string]bool{"Storage per table": true}

// TestCookbook makes the year of docs/sql.md once and asks every question of the page as a reader.
// It checks that each answer makes sense and equals the one in the page. -update writes the answers
// into the page.
func TestCookbook(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(cookbookPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	all := readCookbook(t, page)
	if len(all) < 30 {
		t.Fatalf("the page has %d questions", len(all))
	}
	s := clickhousetest.Server(t) // skips where there is no engine
	c := simulateCmd{Store: true, Days: 365, Scale: 0.003, Seed: 1, Dataset: "year", Until: "2026-01-01"}
	y, err := c.year(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loadYear(t.Context(), s, y, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := clickhouse.FillLookups(t.Context(), s, "test", lookup.Countries(), nil); err != nil {
		t.Fatal(err)
	}
	t.Run("boards", func(t *testing.T) { askBoards(t, s.AsReader()) }) //nolint:paralleltest // they share the store
	var out strings.Builder
	from := 0
	for _, q := range all {
		reader := s.AsReader()
		if strings.Contains(q.sql, "system.") {
			reader = s
		}
		exactTimes(t, reader, q.title, q.sql)
		a := askStore(t, reader, q.sql)
		if a == nil || len(a.rows) == 0 {
			t.Errorf("%s: no answer", q.title)
			continue
		}
		check := cookbookChecks[q.title]
		if check == nil {
			t.Errorf("%s: nothing is asked of its answer", q.title)
			continue
		}
		t.Run(q.title, func(t *testing.T) { check(t, a) }) //nolint:paralleltest // they share the store
		if got := a.excerpt(); got != q.excerpt && !*update && !differs[q.title] {
			t.Errorf("%s: the page shows\n%sand the answer is now (-update writes it)\n%s", q.title, q.excerpt, got)
		}
		text := a.excerpt()
		if differs[q.title] && q.excerpt != "" {
			text = q.excerpt
		}
		out.WriteString(page[from:q.end] + "\n```text\n" + text + "```\n")
		from = q.excerptEnd
	}
	for title := range cookbookChecks {
		if !slices.ContainsFunc(all, func(q question) bool { return q.title == title }) {
			t.Errorf("the page has no question %q", title)
		}
	}
	t.Run("disturbed", func(t *testing.T) { disturbed(t, s, all) }) //nolint:paralleltest // it uses the store's engine
	if *update && !t.Failed() {
		if err := os.WriteFile(cookbookPage, []byte(out.String()+page[from:]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
