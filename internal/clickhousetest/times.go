package clickhousetest

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// InexactTimes asks s which comparisons of a SELECT omit rows if ClickHouse uses an index. These
// are comparisons by < or >, or negated ones by >= or <=, of a time in microseconds with a constant
// in seconds: a DateTime or a number (clickhouse.QuoteTime). It returns the types of the two sides
// of each. It does not examine views that the SELECT reads. params holds values of the SELECT's own
// parameters.
func InexactTimes(t testing.TB, s clickhouse.Server, sql string, params map[string]string) []string {
	t.Helper()
	settings := map[string]string{}
	for name, value := range params {
		settings["param_"+name] = value
	}
	body, err := s.HTTP(t.Context(), clickhouse.Query{
		SQL: "EXPLAIN QUERY TREE " + sql, Format: "TSVRaw", Database: s.Database, Settings: settings,
	})
	if err != nil {
		t.Errorf("explaining %s: %v", sql, err)
		return nil
	}
	defer body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(body)
	if err != nil {
		t.Errorf("explaining %s: %v", sql, err)
		return nil
	}
	return inexact(strings.Split(string(b), "\n"))
}

// Lines of a query tree.
var (
	comparison = regexp.MustCompile(
		`^ *FUNCTION id: \d+, function_name: (less|greater|lessOrEquals|greaterOrEquals),`)
	negation = regexp.MustCompile(`^ *FUNCTION id: \d+, function_name: not,`)
	fine     = regexp.MustCompile(`result_type: (?:Nullable\()?DateTime64\b`)
	coarse   = regexp.MustCompile(`^ *CONSTANT .*constant_value_type: (?:Nullable\()?(?:DateTime\b|U?Int\d)`)
	typeOf   = regexp.MustCompile(`^.*_type: |, source_id: \d+$`)
)

// inexact reads a query tree. Below each function the tree has ARGUMENTS, a LIST, and the
// arguments, each indented by two more columns.
func inexact(tree []string) (found []string) {
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	negated := -1 // indent of the outermost negation above the line; -1 is none
	for i, line := range tree {
		if indent(line) <= negated {
			negated = -1
		}
		if negated < 0 && negation.MatchString(line) {
			negated = indent(line)
		}
		m := comparison.FindStringSubmatch(line)
		if m == nil || negated < 0 && strings.HasSuffix(m[1], "OrEquals") {
			continue
		}
		var sides []string
		for _, below := range tree[i+1:] {
			if indent(below) <= indent(line) {
				break
			}
			if indent(below) == indent(line)+6 {
				sides = append(sides, below)
			}
		}
		if len(sides) == 2 && (fine.MatchString(sides[0]) && coarse.MatchString(sides[1]) ||
			coarse.MatchString(sides[0]) && fine.MatchString(sides[1])) {
			found = append(found, typeOf.ReplaceAllString(sides[0], "")+" and "+typeOf.ReplaceAllString(sides[1], ""))
		}
	}
	return found
}
