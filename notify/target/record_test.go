package target

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestData checks that a record that fits is unchanged. A longer one must lose its previous record
// first, then the ends of its lists, and list the cut fields.
func TestData(t *testing.T) {
	t.Parallel()
	const small = `{"id":"a","sequence":18446744073709551615,"loss":99.50,"previous":{"state":"open"},"x":null,"y":true,"evidence":{"pattern":["p"]},"z":[]}`
	get := func(record string, room int) (string, []string) {
		t.Helper()
		b, cut, err := (&Message{Record: []byte(record)}).Data(room)
		if err != nil || len(b) > room || !json.Valid(b) {
			t.Fatalf("got %s, %v: %v", b, cut, err)
		}
		return string(b), cut
	}
	if got, cut := get(small, len(small)); got != small || cut != nil {
		t.Errorf("got %s, %v", got, cut)
	}
	if got, cut := get(small, len(small)-1); got != strings.Replace(small, `"previous":{"state":"open"},`, "", 1) || len(cut) != 1 || cut[0] != "previous" {
		t.Errorf("got %s, %v", got, cut)
	}
	o := bgp.Outage{ID: "x", Entity: bgp.Entity{Type: bgp.EntityWorld, Code: "world"}, LostPrefixesTotal: 20_000}
	for i := range 20_000 {
		o.LostPrefixes = append(o.LostPrefixes, fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255))
	}
	for i := range 900 {
		o.Evidence.Neighbours = append(o.Evidence.Neighbours, fmt.Sprint("AS", 64496+i))
	}
	record, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	got, cut := get(string(record), 10_000)
	var back bgp.Outage
	if err := json.Unmarshal([]byte(got), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"lost_prefixes", "evidence.neighbours"}, cut); diff != "" || len(got) < 5_000 || len(back.LostPrefixes) < 200 ||
		cmp.Diff(o.LostPrefixes[:len(back.LostPrefixes)], back.LostPrefixes) != "" || back.LostPrefixesTotal != 20_000 {
		t.Errorf("got %d octets, %d prefixes: %s", len(got), len(back.LostPrefixes), diff)
	}
	if got, _ := get(`{"name":"a\u001b[31m\u202eb\r\nc","evil":"<b>"}`, 1000); got != `{"name":"a[31mb\nc","evil":"\u003cb\u003e"}` {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "[]", "1", "{} {}", "{", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), `{"long":"` + strings.Repeat("x", 2000) + `"}`} {
		if got, _, err := (&Message{Record: []byte(bad)}).Data(1000); err == nil {
			t.Errorf("%.40s is taken: %s", bad, got)
		}
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]Message{
		"outage.reopened":  {Kind: Open, Subject: SubjectOutage, Record: []byte("{}"), Events: []bgp.Outage{{Event: bgp.EventReopened}}},
		"outage.retracted": {Kind: TakeBack, Subject: SubjectOutage},
		"blind.opened":     {Kind: Open, Subject: SubjectBlind},
		"blind.closed":     {Kind: Close, Subject: SubjectBlind},
		"notice":           {Kind: Notice, Subject: SubjectNone},
		"test":             {Kind: Test},
	} {
		if got := m.Event(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if data, _, err := m.Data(1000); err != nil || !json.Valid(data) {
			t.Errorf("%s: got %s, %v", want, data, err)
		}
	}
}
