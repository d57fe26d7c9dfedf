package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

// fullAnswer returns an answer with all fields.
func fullAnswer() query.Answer {
	at := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)
	usual := bgp.Decimal(9750)
	as := bgp.AS{ASN: 64496, Name: "EXAMPLE"}
	heard := []query.Heard{{AS: as, Voters: 3}}
	size := bgp.Size{Prefixes: 4, Space: 429}
	outage := query.Outage{
		ID: "country-KP-ipv4-20141222T1615Z", Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP", Name: "North Korea"}, Kind: bgp.KindOutage, State: bgp.StateClosed,
		Start: at, End: &at, EndReason: bgp.EndRecovered, Severity: bgp.SeverityTotal, Blip: true, Headline: "North Korea",
	}
	brief := []query.Brief{{Prefix: "192.0.2.0/23", State: query.Visible, HeldBy: 3, Origins: []bgp.ASN{64496}}}
	return query.Answer{
		What: "192.0.2.0/24", Kind: query.KindPrefix, Dataset: "live", Source: query.SourceLive, Outages: []query.Outage{outage}, OutagesTotal: 7,
		Families: []query.Family{{
			Family: "ipv4", At: &at, Covering: brief, Within: brief, WithinTotal: 10_000, WithinCut: true, Open: []query.Outage{outage},
			Panel: query.Panel{
				Votes: bgp.Votes{Voters: 4, Collectors: 2, MinVoters: 3, MinCollectors: 1}, Verdicts: true, NoVerdict: bgp.NoVerdictVoters, Text: "IPv4", Table: bgp.TablesComplete,
				PlacesNotJudged: "because",
			},
			Prefix: &query.Prefix{
				Prefix: "192.0.2.0/24", State: query.Lost, Why: "because", HeldBy: 1, GoneFrom: 2, Voters: 4, Silent: 1, OtherPeers: 1, UsualPercent: &usual, Since: &at, FirstWithdrawal: &at,
				LastWithdrawal: &at, BackSince: &at, Origins: heard, Upstreams: heard, LastOrigins: heard, LastUpstreams: heard, UsualOrigins: []bgp.AS{as}, MovedSince: &at, Covered: true,
				Places: []string{"KP"}, PeersTotal: 2, Cut: true,
				Peers: []query.Peer{{Collector: "bmp/edge1", Address: "192.0.2.1", ASN: 64497, Votes: true, Holds: true, Origin: 64496, Upstream: 64498, Withdrawn: &at, SessionEnded: true, Never: true}},
			},
			Entity: &query.Entity{
				Name: "North Korea", Visible: size, Known: size, Usual: size, LossPercent: 1234, Moved: 1, NotJudged: true, LostPrefixesTotal: 2, Cut: true,
				Prefixes: []query.Brief{{Prefix: "192.0.2.0/24", State: query.Lost, HeldBy: 1, Origins: []bgp.ASN{64496}}}, PrefixesTotal: 2,
				LostPrefixes: []query.LostPrefix{{Prefix: "192.0.2.0/24", Since: &at, Origins: []bgp.ASN{64496}, Upstreams: []bgp.ASN{64498}, HeldBy: 1, Covered: true}},
			},
		}},
		Watch: []query.WatchList{{
			Name: "my-customers", Title: "Our customers", Public: true, Home: "TO", Since: &at, Problem: "because", Counts: map[query.State]int{query.Visible: 1, query.Partly: 1, query.Lost: 1, query.NotCounted: 1, query.NeverSeen: 1, query.TooLong: 1, query.NoAddress: 1}, MembersTotal: 2, Cut: true,
			Open: []query.Outage{outage},
			Members: []query.WatchMember{{
				Member: "www.example.net", Kind: query.MemberHost, State: query.Lost, Why: "because", Origins: []bgp.ASN{64496}, Cut: true, ResolvedAt: &at, Problem: "no such name",
				Open: []query.Outage{outage},
				Routes: []query.WatchRoute{{
					Family: "ipv4", Address: "192.0.2.1", NameServer: true, Prefix: "192.0.2.0/23", More: 1, CoveredBy: "192.0.2.0/23", State: query.Lost, HeldBy: 1, Voters: 4,
					Since: &at, BackSince: &at, Origins: heard, Upstreams: heard, LastUpstreams: heard, Countries: []string{"NL"}, Abroad: true,
				}},
				Sums: []query.WatchSum{{Family: "ipv4", Entity: query.Entity{
					Name: "North Korea", Visible: size, Known: size, Usual: size, LossPercent: 1234, Moved: 1, NotJudged: true, LostPrefixesTotal: 2, Cut: true,
					LostPrefixes: []query.LostPrefix{{Prefix: "192.0.2.0/24", Since: &at, Origins: []bgp.ASN{64496}, Upstreams: []bgp.ASN{64498}, HeldBy: 1, Covered: true}},
				}}},
			}},
		}},
	}
}

// TestAnswerSchema: an answer with all fields and one with none match the schema. The schema has no
// other fields.
func TestAnswerSchema(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("answer.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("answer.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("answer.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]query.Answer{"full": fullAnswer(), "empty": {Kind: query.KindAS, Source: query.SourceStore, Families: []query.Family{{Family: "ipv6"}}, Outages: []query.Outage{}}} {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	text, _ := json.Marshal(fullAnswer())
	var value map[string]any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	compareFields(t, "answer", doc.(map[string]any), doc.(map[string]any)["$defs"].(map[string]any), value)
}

// compareFields fails for a property of a schema's object that a value does not have, and for a
// field of the value that the schema does not have.
func compareFields(t *testing.T, at string, schema, defs map[string]any, value any) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = defs[ref[len("#/$defs/"):]].(map[string]any)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		for _, x := range value.([]any) {
			compareFields(t, at, items, defs, x)
		}
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	fields, _ := value.(map[string]any)
	for name := range fields {
		if properties[name] == nil {
			t.Errorf("%s.%s is in the answer and not in the schema", at, name)
		}
	}
	for name, p := range properties {
		x, ok := fields[name]
		if !ok {
			t.Errorf("%s.%s is in the schema and in no answer", at, name)
			continue
		}
		compareFields(t, at+"."+name, p.(map[string]any), defs, x)
	}
}
