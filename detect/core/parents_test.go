package core

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// parentsOf lists the records of entities with the parents that each names.
func parentsOf(t *testing.T, f *feed, codes ...string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, o := range f.outs {
		r, ok := o.Record.(*pb.OutageRecord)
		if !ok || !slices.Contains(codes, r.GetEntity().GetCode()) {
			continue
		}
		var x bgp.Outage
		if err := json.Unmarshal(r.GetJson(), &x); err != nil {
			t.Fatal(err)
		}
		line := []string{fmt.Sprintf("%s %s", x.Kind, x.Event)}
		for _, p := range x.Parents {
			share, _ := p.SharePercent.MarshalJSON()
			line = append(line, p.Code+" "+string(share))
			if !strings.Contains(p.ID, p.Code) {
				t.Errorf("%s names %+v", x.ID, p)
			}
		}
		out[x.Entity.Code] = append(out[x.Entity.Code], strings.Join(line, ", "))
	}
	return out
}

// TestParents: North Korea's prefixes name its AS and the country, from the first record to the
// last.
func TestParents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	kp := w.in("KP")
	w.gone(dawn+30*60, kp...)
	w.back(dawn+90*60, kp...)
	f := w.run(dawn + 120*60)
	want := map[string][]string{
		"KP":       {"outage suspected", "outage opened", "outage closed"},
		"AS131279": {"outage suspected, KP 100", "outage opened, KP 100", "outage closed, KP 100"},
	}
	codes := []string{"KP", "AS131279"}
	for _, n := range kp {
		codes = append(codes, n.prefix)
		want[n.prefix] = []string{"outage suspected, AS131279 100, KP 100", "outage opened, AS131279 100, KP 100", "outage closed, AS131279 100, KP 100"}
	}
	if diff := cmp.Diff(want, parentsOf(t, f, codes...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestParentsOfHijack: the prefixes of an AS that others originate name its event.
func TestParentsOfHijack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	kp := w.in("KP")
	w.back(dawn+30*60, hijack(kp)...)
	f := w.run(dawn + 60*60)
	want := map[string][]string{"AS131279": {"moved opened"}}
	codes := []string{"KP", "AS131279"}
	for _, n := range kp {
		codes = append(codes, n.prefix)
		want[n.prefix] = []string{"moved opened, AS131279 100"}
	}
	if diff := cmp.Diff(want, parentsOf(t, f, codes...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
