package sink

import (
	"encoding/json"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// TestOutageColumns: why an outage ended, its neighbours in time and its texts have columns of
// their own.
func TestOutageColumns(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	k := kafkatest.New(t, 4)
	rec := outageRecord(t, 1, "ends")
	rec.State, rec.EndReason, rec.Successor, rec.Predecessor = string(bgp.StateClosed), string(bgp.EndSuperseded), "later", "earlier"
	var o bgp.Outage
	if err := json.Unmarshal(rec.GetJson(), &o); err != nil {
		t.Fatal(err)
	}
	o.Headline, o.Post = "North Korea: a headline", "A post."
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	rec.Json = b
	produce(t, k, record(t, k, schemas.TopicOutages, "x", rec), record(t, k, schemas.TopicOutages, "x", outageRecord(t, 1, "open")))
	stop := start(t, DefaultConfig(), k, s, "ends")
	drained(t, k)
	stop()
	for _, table := range []string{"outage_events", "outages"} {
		const columns = "formatRow('TSV', end_reason, successor, predecessor, headline, post, summary) FROM darkmap."
		got := one[string](t, conn, "SELECT "+columns+table+" WHERE end_reason != ''")
		if want := "superseded\tlater\tearlier\tNorth Korea: a headline\tA post.\tAll 4 networks\n"; got != want {
			t.Errorf("%s: got %q, want %q", table, got, want)
		}
	}
}
