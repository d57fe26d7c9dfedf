package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/darkmap/darkmap/internal/bgp"
)

func outageSchema(t *testing.T) (schema *jsonschema.Schema, document map[string]any) {
	t.Helper()
	b, err := os.ReadFile("outage.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("outage.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err = c.Compile("outage.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema, doc.(map[string]any)
}

// everyField returns an outage with all fields.
func everyField(t *testing.T) bgp.Outage {
	t.Helper()
	start := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)
	end := start.Add(9*time.Hour + 31*time.Minute)
	together, duty, usual := true, bgp.Decimal(1234), 3
	as := []bgp.AS{{ASN: 64496, Name: "EXAMPLE"}, {ASN: 4294967295}}
	o := bgp.Outage{
		ID: "prefix-198.51.100.0_24-ipv4-20141222T1615Z", Sequence: 2, Kind: bgp.KindIntermittent, State: bgp.StateClosed, Event: bgp.EventClosed, Family: "ipv4",
		Entity: bgp.Entity{Type: bgp.EntityPrefix, Code: "198.51.100.0/24", Name: "Example"}, Start: start, End: &end, DurationSeconds: 34260, Severity: bgp.SeverityTotal, Score: 57100,
		Baseline: bgp.Size{Prefixes: 4, Space: 429}, Peak: bgp.Loss{LostPrefixes: 4, LostSpace: 429, LossPercent: 10000}, Now: bgp.Loss{LostSpace: 1, LossPercent: 33},
		LostPrefixes: []string{"198.51.100.0/24"}, LostPrefixesTotal: 1, SurvivingPrefixes: []string{"2001:db8::/32"}, SurvivingPrefixesTotal: 1, Origins: as, Countries: []string{"NL"}, Upstreams: as,
		Panel: bgp.Panel{Voters: 40, Collectors: 12, Table: bgp.TablesComplete}, Flaps: bgp.Flaps{Hour: 2, Day: 31, UsualDay: &usual}, Gaps: []bgp.Interval{{Start: start, End: end}},
		Parents: []bgp.Parent{{Type: bgp.EntityCountry, Code: "NL", ID: "country-NL-ipv4-20141222T1615Z", SharePercent: 10000}},
		Watch: []bgp.WatchMember{{List: "my-customers", Title: "Our customers", Member: "AS64496", CoveredBy: "198.51.96.0/20", Public: true, Host: &bgp.WatchHost{
			ResolvedAt: &start, Problem: "no answer from the DNS servers", AddressesTotal: 1,
			Addresses: []bgp.HostAddress{{Address: "198.51.100.1", NameServer: true, Prefix: "198.51.96.0/20", State: "lost", Countries: []string{"NL"}, Abroad: true}},
		}}},
		Unexpected: []bgp.UnexpectedRoute{
			{Prefix: "198.51.100.0/25", Origin: as[0], Expected: []bgp.ASN{64497}, Voters: 3, Collectors: 2, SharePercent: 750, RPKI: "invalid"},
		},
		Blip: true, Notes: []string{"A note."}, Dataset: "demo", Summary: "All 4 networks.", Headline: "All 4", Post: "All 4.",
		EndReason: bgp.EndSuperseded, Successor: "prefix-198.51.100.0_24-ipv4-20141223T0146Z", Predecessor: "prefix-198.51.100.0_24-ipv4-20141222T0000Z",
		Evidence: bgp.Evidence{
			WithdrawalSpreadSeconds: &bgp.Spread{P10: 4, P50: 21, P90: 75}, UpstreamsLostTogether: &together, Shape: "abrupt", ChurnBefore: &bgp.Churn{Hour: 1, Day: 2},
			SameTimeLast7Days: 1, OutagesLast7Days: 2, OnTheHour: true, Neighbours: []string{"AS64497"}, ReroutedVia: []bgp.ASN{64497},
			Covered: []bgp.Covered{{Prefix: "198.51.100.0/24", By: 64498}}, Deaggregated: []string{"198.51.100.0/25"}, MovedTo: as, OriginOrder: []bgp.ASN{64496},
			LossesInEvent: 3, DutyCyclePercent: &duty, Pattern: []string{"A sentence."}, ConsistentWith: "this", LessTypicalOf: "that",
		},
	}
	before := o
	before.Sequence, before.State, before.Event, before.End = 1, bgp.StateOpen, bgp.EventOpened, nil
	b, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	raw := json.RawMessage(b)
	o.Previous = &raw
	return o
}

// decode returns v as a JSON reader decodes it.
func decode(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOutageSchemaTakesOutages(t *testing.T) {
	t.Parallel()
	schema, _ := outageSchema(t)
	least := bgp.Outage{
		ID: "as-AS64496-ipv6-20141222T1615Z", Sequence: 1, Kind: bgp.KindOutage, State: bgp.StateOpen, Family: "ipv6", Entity: bgp.Entity{Type: bgp.EntityAS, Code: "AS64496"},
		Start: time.Unix(0, 0).UTC(), Severity: bgp.SeverityMinor, Panel: bgp.Panel{Table: bgp.TablesLearned}, Dataset: "x", Summary: "x",
	}
	for name, o := range map[string]bgp.Outage{"every field": everyField(t), "the least": least} {
		if err := schema.Validate(decode(t, o)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// refusedOutages are changes that make an outage invalid.
func refusedOutages() map[string]func(o map[string]any) {
	return map[string]func(o map[string]any){
		"no id":               func(o map[string]any) { delete(o, "id") },
		"an id with a slash":  func(o map[string]any) { o["id"] = "prefix-198.51.100.0/24-ipv4-20141222T1615Z" },
		"another kind":        func(o map[string]any) { o["kind"] = "blackout" },
		"another end reason":  func(o map[string]any) { o["end_reason"] = "over" },
		"a long headline":     func(o map[string]any) { o["headline"] = strings.Repeat("x", 401) },
		"another state":       func(o map[string]any) { o["state"] = "opened" },
		"a fraction of a sec": func(o map[string]any) { o["start"] = "2014-12-22T16:15:00.5Z" },
		"another zone":        func(o map[string]any) { o["start"] = "2014-12-22T16:15:00+00:00" },
		"no such day":         func(o map[string]any) { o["start"] = "2014-02-30T16:15:00Z" },
		"an ASN as text":      func(o map[string]any) { o["origins"] = []any{map[string]any{"asn": "AS64496"}} },
		"a loss of 101 %":     func(o map[string]any) { o["now"].(map[string]any)["loss_percent"] = json.Number("101") },
		"a bad previous":      func(o map[string]any) { o["previous"].(map[string]any)["sequence"] = json.Number("0") },
	}
}

func TestOutageSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema, _ := outageSchema(t)
	for name, spoil := range refusedOutages() {
		o := decode(t, everyField(t)).(map[string]any)
		spoil(o)
		if schema.Validate(o) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestOutageSchemaIsWhole: the schema and the Go type have the same properties, and each is
// described.
func TestOutageSchemaIsWhole(t *testing.T) {
	t.Parallel()
	_, root := outageSchema(t)
	compare(t, root, root, reflect.TypeFor[bgp.Outage](), "outage")
}

func compare(t *testing.T, root, schema map[string]any, typ reflect.Type, path string) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if ref, ok := schema["$ref"].(string); ok {
		name, ok := strings.CutPrefix(ref, "#/$defs/")
		if !ok {
			return // previous is itself an outage
		}
		schema = root["$defs"].(map[string]any)[name].(map[string]any)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		compare(t, root, items, typ, path)
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
		if properties != nil {
			t.Errorf("%s: the schema has properties, the type has none", path)
		}
		return
	}
	var required []string
	for field := range typ.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		p, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s.%s is not in the schema", path, name)
			continue
		}
		if p["description"] == nil && p["$ref"] == nil {
			t.Errorf("%s.%s is not described", path, name)
		}
		if options != "omitempty" {
			required = append(required, name)
		}
		compare(t, root, p, field.Type, path+"."+name)
	}
	if len(properties) != typ.NumField() {
		t.Errorf("%s: the schema has %d properties, the type %d", path, len(properties), typ.NumField())
	}
	var listed []string
	for _, r := range schema["required"].([]any) {
		listed = append(listed, r.(string))
	}
	slices.Sort(listed)
	slices.Sort(required)
	if !slices.Equal(listed, required) {
		t.Errorf("%s: the schema requires %v, the type always writes %v", path, listed, required)
	}
}
