package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// expandBoard expands the macros and variables of a board's query as Grafana and the official
// plugin for ClickHouse (4.20) do, as far as the boards use them. First the browser replaces
// $__conditionalAll, then variables get their values, then the plugin's server replaces the other
// macros.
func expandBoard(t *testing.T, sql string, values map[string][]string, at boardTime) string {
	t.Helper()
	sql = expandAll(t, sql, values)
	sql = boardVariableUse.ReplaceAllStringFunc(sql, func(use string) string {
		m := boardVariableUse.FindStringSubmatch(use)
		chosen, ok := values[m[1]]
		if !ok {
			t.Errorf("no variable %s", m[1])
		}
		var quoted []string
		for _, v := range chosen {
			quoted = append(quoted, "'"+strings.ReplaceAll(v, "'", `\'`)+"'")
		}
		return strings.Join(quoted, ",")
	})
	seconds := max(int64(at.interval/time.Second), 1)
	from, to := fmt.Sprintf("toDateTime(%d)", at.from.Unix()), fmt.Sprintf("toDateTime(%d)", at.to.Unix())
	sql = timeFilterUse.ReplaceAllString(sql, "$1 >= "+from+" AND $1 <= "+to)
	sql = timeIntervalUse.ReplaceAllString(sql, fmt.Sprintf("toStartOfInterval(toDateTime($1), INTERVAL %d second)", seconds))
	sql = strings.NewReplacer(
		"${__from:date:seconds}", strconv.FormatInt(at.from.Unix(), 10), "${__to:date:seconds}", strconv.FormatInt(at.to.Unix(), 10),
		"$__fromTime", from, "$__toTime", to, "$__interval_s", strconv.FormatInt(seconds, 10),
	).Replace(sql)
	if strings.Contains(sql, "$") {
		t.Errorf("a macro or variable is left in\n%s", sql)
	}
	return sql
}

var (
	boardVariableUse = regexp.MustCompile(`\$\{([a-z_]+):singlequote\}`)
	timeFilterUse    = regexp.MustCompile(`\$__timeFilter\(([a-z_.]+)\)`)
	timeIntervalUse  = regexp.MustCompile(`\$__timeInterval\(([a-z_.]+)\)`)
)

// expandAll replaces $__conditionalAll(condition, $variable) by the condition, or by 1=1 if all
// values are chosen or none is.
func expandAll(t *testing.T, sql string, values map[string][]string) string {
	t.Helper()
	const macro = "$__conditionalAll("
	for {
		at := strings.LastIndex(sql, macro)
		if at < 0 {
			return sql
		}
		rest := sql[at+len(macro):]
		depth, comma, end := 1, -1, -1
		for i, c := range rest {
			switch {
			case c == '(':
				depth++
			case c == ')':
				depth--
			case c == ',' && depth == 1:
				comma = i
			}
			if depth == 0 {
				end = i
				break
			}
		}
		if comma < 0 || end < 0 {
			t.Fatalf("a wrong $__conditionalAll in\n%s", sql)
		}
		condition, name := rest[:comma], strings.TrimPrefix(strings.TrimSpace(rest[comma+1:end]), "$")
		chosen, ok := values[name]
		if !ok {
			t.Fatalf("$__conditionalAll names the variable %s, which is not there", name)
		}
		if value := strings.Join(chosen, ","); value == "" || value == "$__all" {
			condition = "1=1"
		}
		sql = sql[:at] + condition + rest[end+1:]
	}
}

// TestExpandBoard checks the macros on the examples of the plugin's documentation.
func TestExpandBoard(t *testing.T) {
	t.Parallel()
	at := newBoardTime("2022-10-21 10:05", "2022-10-21 11:05", 20*time.Second)
	values := map[string][]string{"one": {"it's"}, "two": {"a", "b"}, "all": {"$__all"}}
	for sql, want := range map[string]string{
		"$__timeFilter(x)":                                                "x >= toDateTime(1666346700) AND x <= toDateTime(1666350300)",
		"$__timeInterval(x)":                                              "toStartOfInterval(toDateTime(x), INTERVAL 20 second)",
		"$__fromTime, $__toTime, $__interval_s":                           "toDateTime(1666346700), toDateTime(1666350300), 20",
		"from = '${__from:date:seconds}'":                                 "from = '1666346700'",
		"${one:singlequote}":                                              `'it\'s'`,
		"x IN (${two:singlequote})":                                       "x IN ('a','b')",
		"$__conditionalAll(x IN (${two:singlequote}), $two) AND z":        "x IN ('a','b') AND z",
		"y AND $__conditionalAll(x IN (${all:singlequote}), $all) OR (z)": "y AND 1=1 OR (z)",
	} {
		if got := expandBoard(t, sql, values, at); got != want {
			t.Errorf("%s: got %s, want %s", sql, got, want)
		}
	}
}
