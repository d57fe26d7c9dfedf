package history

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/serve/live"
)

// Sort is the order of a list of outages.
type Sort string

// The orders. Outages that are equal in an order are sorted by id.
const (
	SortNewest  Sort = "newest"   // the latest start first
	SortOldest  Sort = "oldest"   // the earliest start first
	SortLongest Sort = "longest"  // the longest duration first
	SortLoss    Sort = "greatest" // the greatest loss in percent first
)

// MaxOutages bounds the outages on a page of a list.
const MaxOutages = 1000

// OutagesQuery selects outages of a dataset. Values of one field are alternatives. An outage must
// pass every field that is set.
type OutagesQuery struct {
	outagelog.Filter
	// Codes passes outages of the entities with one of these codes.
	Codes []string
	// MinDuration passes outages that last at least that long, or have not ended.
	MinDuration time.Duration
	// Sort is the order; empty is SortNewest. Limit bounds the outages of a page; 0 is 100.
	Sort  Sort
	Limit int
	// Cursor is Outages.Next of the page before. It is empty for the first page.
	Cursor string
}

// Outages is a page of a list.
type Outages struct {
	Entries []outagelog.Entry
	// Next is the cursor of the following page. It is empty on the last page.
	Next string
}

// ErrCursor means that a cursor does not come from an answer. Callers answer 400.
var ErrCursor = fmt.Errorf("the cursor is none that an answer has given")

// Outages lists outages of a dataset by their newest records.
func (s *Store) Outages(ctx context.Context, sc Scope, q OutagesQuery) (Outages, error) {
	if q.Limit < 1 || q.Limit > MaxOutages {
		q.Limit = 100
	}
	st, err := q.statement(sc)
	if err != nil {
		return Outages{}, err
	}
	question := "outages " + st.sql + fmt.Sprint(st.params)
	return answer(ctx, s, sc, question, func(ctx context.Context, a *asker) (Outages, error) {
		found, err := rows[struct {
			JSON string          `json:"json"`
			Key  json.RawMessage `json:"key"`
			ID   string          `json:"id"`
		}](ctx, a, st.sql, st.params)
		if err != nil {
			return Outages{}, err
		}
		var out Outages
		for i, r := range found {
			if i == q.Limit {
				break
			}
			e, ok, err := entry(sc, r.JSON)
			if err != nil {
				return Outages{}, err
			}
			if ok {
				out.Entries = append(out.Entries, e)
			}
			if i == q.Limit-1 && len(found) > q.Limit {
				out.Next = strings.Trim(string(r.Key), `"`) + "," + r.ID
			}
		}
		return out, nil
	})
}

// entry decodes a record and removes the parts that the viewer of the scope may not see. ok is
// false if nothing of it remains.
func entry(sc Scope, object string) (outagelog.Entry, bool, error) {
	e := outagelog.Entry{JSON: []byte(object)}
	if err := json.Unmarshal(e.JSON, &e.Outage); err != nil {
		return e, false, fmt.Errorf("reading an outage: %w", err)
	}
	e.Outage.Previous = nil
	if sc.Private {
		return e, true, nil
	}
	shown, ok := live.PublicEntry(e)
	return shown, ok, nil
}

// statement is SQL with its parameters.
type statement struct {
	sql    string
	params map[string]string
}

// statement returns a query for one outage more than the page holds. It selects the outages by
// short columns, and reads only the records of those.
func (q OutagesQuery) statement(sc Scope) (statement, error) {
	key, order := "toInt64(toUnixTimestamp(start))", "DESC"
	switch q.Sort {
	case SortOldest:
		order = "ASC"
	case SortLongest:
		key = "duration_seconds"
	case SortLoss:
		key = "toInt64(round(peak_loss_percent * 100))"
	case SortNewest, "":
	}
	c := &conditions{params: sc.params("limit", strconv.Itoa(q.Limit+1))}
	q.inTime(c)
	q.ofSort(c)
	q.ofPlace(c)
	if q.Cursor != "" {
		value, id, ok := strings.Cut(q.Cursor, ",")
		if _, err := strconv.ParseInt(value, 10, 64); err != nil || !ok || len(id) > 300 {
			return statement{}, ErrCursor
		}
		than := "<"
		if order == "ASC" {
			than = ">"
		}
		c.and(
			"("+key+" "+than+" {after:Int64} OR "+key+" = {after:Int64} AND id > {after_id:String})",
			"after", value, "after_id", id)
	}
	inOrder := " ORDER BY " + key + " " + order + ", id"
	sql := "SELECT id, toString(" + key + ") AS key, json FROM outages " +
		"WHERE dataset = {dataset:String} AND (entity_type, entity_code, family, id) IN (" +
		"SELECT entity_type, entity_code, family, id FROM outages WHERE dataset = {dataset:String}" +
		sc.shown() + c.sql.String() + inOrder + " LIMIT {limit:UInt32})" + inOrder
	return statement{sql, c.params}, nil
}

// conditions collects conditions with their parameters.
type conditions struct {
	sql    strings.Builder
	params map[string]string
}

func (c *conditions) and(condition string, params ...string) {
	c.sql.WriteString(" AND " + condition)
	for i := 0; i+1 < len(params); i += 2 {
		c.params[params[i]] = params[i+1]
	}
}

// in adds a condition on a column with a parameter of texts. It adds nothing if values is empty.
func (c *conditions) in(expression, name string, values []string) {
	if len(values) > 0 {
		c.and(expression+" IN {"+name+":Array(String)}", name, textArray(values))
	}
}

func (q OutagesQuery) inTime(c *conditions) {
	if !q.From.IsZero() {
		c.and(
			"(end IS NULL OR end > toDateTime({from:UInt32}, 'UTC') OR start >= toDateTime({from:UInt32}, 'UTC'))",
			"from", seconds(q.From))
	}
	if !q.To.IsZero() {
		c.and("start < toDateTime({to:UInt32}, 'UTC')", "to", seconds(q.To))
	}
	if q.MinDuration > 0 {
		c.and("(end IS NULL OR duration_seconds >= {least:Int64})", "least",
			strconv.FormatInt(int64(q.MinDuration.Seconds()), 10))
	}
}

func (q OutagesQuery) ofSort(c *conditions) {
	if !q.All {
		c.and("NOT blip AND state != 'retracted'")
	}
	c.in("toString(entity_type)", "types", texts(q.Types))
	c.in("toString(family)", "families", q.Families)
	c.in("kind", "kinds", strung(q.Kinds))
	c.in("state", "states", strung(q.States))
	c.in("entity_code", "codes", q.Codes)
	if i := slices.Index(bgp.Severities, q.MinSeverity); i >= 0 {
		c.in("severity", "severities", strung(bgp.Severities[i:]))
	}
}

func (q OutagesQuery) ofPlace(c *conditions) {
	if len(q.Countries) > 0 {
		c.and(`multiIf(entity_type = 'country', entity_code IN {places:Array(String)},
			entity_type = 'region', splitByChar('-', entity_code)[1] IN {places:Array(String)},
			hasAny(countries, {places:Array(String)}))`, "places", textArray(q.Countries))
	}
	if len(q.ASNs) > 0 {
		names := make([]string, len(q.ASNs))
		numbers := make([]string, len(q.ASNs))
		for i, a := range q.ASNs {
			names[i], numbers[i] = a.String(), strconv.FormatUint(uint64(a), 10)
		}
		c.and(`multiIf(entity_type = 'as', entity_code IN {ases:Array(String)},
			entity_type = 'prefix', hasAny(origins, {origins:Array(UInt32)}), false)`,
			"ases", textArray(names), "origins", "["+strings.Join(numbers, ",")+"]")
	}
}

// textArray formats texts as a parameter of type Array(String).
func textArray(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = clickhouse.QuoteText(s)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func texts[T fmt.Stringer](all []T) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = x.String()
	}
	return out
}

func strung[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = string(x)
	}
	return out
}
