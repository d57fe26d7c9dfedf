package sink

import (
	"encoding/json"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// TestOutageColumns checks that these have columns of their own: the end reason of an outage, its
// predecessor and successor, its texts, its parents, its watch lists and its unexpected origins.
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
	o.Parents = []bgp.Parent{
		{Type: bgp.EntityAS, Code: "AS131279", ID: "as-AS131279-ipv4-20141222T1615Z", SharePercent: 10000},
		{Type: bgp.EntityCountry, Code: "KP", ID: "country-KP-ipv4-20141222T1615Z", SharePercent: 3333},
	}
	o.Watch = []bgp.WatchMember{{List: "mine", Title: "Ours", Member: "192.0.2.0/24", CoveredBy: "192.0.0.0/16", Public: true}, {List: "mine", Member: "AS64496"}}
	o.Unexpected = []bgp.UnexpectedRoute{
		{Prefix: "192.0.2.0/25", Origin: bgp.AS{ASN: 64666}, Expected: []bgp.ASN{64496, 64497}, Voters: 4, Collectors: 3, SharePercent: 1250, RPKI: "invalid"},
		{Prefix: "192.0.2.128/25", Origin: bgp.AS{ASN: 64667}},
	}
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
		const columns = "formatRow('TSV', end_reason, successor, predecessor, headline, post, summary, parents, watch, unexpected, " +
			"arrayMap(p -> p.code, parents), arraySum(unexpected.voters)) FROM darkmap."
		got := one[string](t, conn, "SELECT "+columns+table+" WHERE end_reason != ''")
		want := "superseded\tlater\tearlier\tNorth Korea: a headline\tA post.\tAll 4 networks\t" +
			"[('as','AS131279','as-AS131279-ipv4-20141222T1615Z',100),('country','KP','country-KP-ipv4-20141222T1615Z',33.33)]\t" +
			"[('mine','Ours','192.0.2.0/24','192.0.0.0/16',true),('mine','','AS64496','',false)]\t" +
			"[('192.0.2.0/25',64666,[64496,64497],4,3,12.5,'invalid'),('192.0.2.128/25',64667,[],0,0,0,'')]\t['AS131279','KP']\t4\n"
		if got != want {
			t.Errorf("%s: got %q, want %q", table, got, want)
		}
	}
}
