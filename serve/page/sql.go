package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/serve/live"
)

// These are the statements that pages show beside a number. A reader may copy one into `darkmap
// sql`. It returns that number from the newest record of the store.

// quoted returns a text as an SQL literal.
func quoted(text string) string { return clickhouse.QuoteText(text) }

// sqlTime returns a time as an SQL literal.
func sqlTime(t time.Time) string { return quoted(t.UTC().Format(time.DateTime)) }

// seriesSQL returns the statement for the numbers of a chart.
func seriesSQL(dataset string, k live.Key, from, to time.Time, step time.Duration) string {
	return fmt.Sprintf(`SELECT minute, space, prefixes, usual_space, usual_prefixes, loss_percent, voters
FROM entity_minutes(dataset = %s, entity_type = %s, entity_code = %s,
  family = %s, from = %s, to = %s, step = %d)
ORDER BY minute`, quoted(dataset), quoted(k.Type.String()), quoted(k.Code),
		quoted(k.Family.String()), sqlTime(from), sqlTime(to), int64(step/time.Second))
}

// outageSQL returns the statement for columns of the newest record of an outage.
func outageSQL(dataset, id, columns string) string {
	return fmt.Sprintf("SELECT %s\nFROM outages\nWHERE dataset = %s AND id = %s", columns,
		quoted(dataset), quoted(id))
}

// fieldSQL returns the statement for a field of the object of an outage. path is as in
// docs/outage.md: evidence.churn_before.hour.
func fieldSQL(dataset, id, path string) string {
	parts := strings.Split(path, ".")
	for i, p := range parts {
		parts[i] = quoted(p)
	}
	return outageSQL(dataset, id,
		fmt.Sprintf("JSONExtractRaw(json, %s) AS %s",
			strings.Join(parts, ", "), strings.ReplaceAll(path, ".", "_")))
}

// historySQL returns the statement for the records of an outage.
func historySQL(dataset, id string) string {
	return fmt.Sprintf(
		"SELECT sequence, event, state, decided_at, severity, peak_loss_percent, duration_seconds\n"+
			"FROM outage_history\nWHERE dataset = %s AND id = %s\nORDER BY sequence",
		quoted(dataset), quoted(id))
}
