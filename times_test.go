package darkmap_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// secondsBegin matches the begin of a time of whole seconds in SQL. secondsEnd matches a whole such
// time on the left side of a comparison.
const (
	secondsBegin = `(?:(?:toDateTime|fromUnixTimestamp|parseDateTime\w*|now|toStartOf\w+)\(|\{\w+: *(?:DateTime(?:\('\w+'\))?|U?Int\d+)\}|\$__(?:from|to)Time\b|\d)`
	secondsEnd   = `(?:(?:toDateTime|fromUnixTimestamp|parseDateTime\w*|now|toStartOf\w+)\([^()]*\)|\{\w+: *(?:DateTime(?:\('\w+'\))?|U?Int\d+)\}|\$__(?:from|to)Time|\b\d+)(?: *[-+] *INTERVAL \d+ \w+)?`
)

// inexact returns an expression that finds comparisons by < or > of a column of microseconds with a
// time of seconds in SQL. A column that has seconds in one table and microseconds in another
// counts, because the text does not show the table, and microseconds are right with both.
func inexact(t *testing.T) *regexp.Regexp {
	t.Helper()
	b, err := os.ReadFile("internal/clickhouse/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var tables map[string]struct {
		Columns []struct{ Name, Type string }
	}
	if err := json.Unmarshal(b, &tables); err != nil {
		t.Fatal(err)
	}
	var names []string
	for table, def := range tables {
		for _, c := range def.Columns {
			if strings.Contains(c.Type, "DateTime64") && !strings.HasPrefix(table, "schema_") && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	if !slices.Contains(names, "timestamp") || !slices.Contains(names, "decided_at") {
		t.Fatalf("schema.json has %v", names)
	}
	column := `\b(?:` + strings.Join(names, "|") + `)\b`
	return regexp.MustCompile(column + `\s*[<>]\s*` + secondsBegin + `|` + secondsEnd + `\s*[<>]\s*(?:\w+\.)?` + column)
}

// TestTimesInSQL checks that no SQL in Go or in documents compares a time of microseconds with a
// time of seconds by < or >: ClickHouse leaves out rows then (clickhouse.QuoteTime). It checks the
// text. Other tests check views, the queries of docs/sql.md and the boards by the types that
// ClickHouse sees.
func TestTimesInSQL(t *testing.T) {
	t.Parallel()
	wrong := inexact(t)
	for text, want := range map[string]bool{
		"timestamp < toDateTime(1)": true, "p.timestamp > fromUnixTimestamp({at:Int64})": true, "decided_at < {to:DateTime('UTC')}": true, "{to:DateTime} - INTERVAL 1 HOUR > timestamp": true,
		"now() > received_at": true, "timestamp > 1796040000": true, "gap_begin\n\t< now()": true, "timestamp <= toDateTime(1)": false, "timestamp < toDateTime64(1, 6)": false, "timestamp < {to:DateTime64(6,'UTC')}": false,
		"start < toDateTime(1)": false, "timestamp < '2026-11-30 12:00:00'": false, "toDateTime(1) <= timestamp": false,
	} {
		if got := wrong.MatchString(text); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
	}
	report := func(where, text string) {
		for _, found := range wrong.FindAllString(text, -1) {
			t.Errorf("%s: %q leaves out rows: compare with clickhouse.QuoteTime, toDateTime64(x, 6, 'UTC') or {x:DateTime64(6,'UTC')}", where, found)
		}
	}
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			path := filepath.Join(p.Dir, name)
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil {
						report(files.Position(lit.Pos()).String(), text)
					}
				}
				return true
			})
		}
	}
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("got %v, %v", pages, err)
	}
	for _, path := range append(pages, "README.md") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		report(path, string(b))
	}
}
