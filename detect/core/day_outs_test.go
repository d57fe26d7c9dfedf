package core

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// keep writes a record down: time (seconds from dawn), outage, full text, and its short result.
func (p *dayPlayer) keep(o Out) {
	p.t.Helper()
	line := func(at int64, id, full, short string) {
		if _, err := fmt.Fprintf(p.outs, "%d\t%s\t%s\t%s\n", at/1e6-dawn, id, full, short); err != nil {
			p.t.Fatal(err)
		}
	}
	switch r := o.Record.(type) {
	case *pb.VisibilityRecord:
		line(r.WindowUs, "", fmt.Sprint("visibility ", r), "")
	case *pb.PrefixRecord: // its since, upstreams and time of change may be those of a disturbance
		if r.Daily {
			line(r.WindowUs, "", fmt.Sprint("prefix ", string(o.Key), " ", r.State, " ", r.SeenBy, " ", r.Origins), "")
		}
	case *pb.PanelRecord:
		line(r.TimeUs, "", fmt.Sprint("panel ", r), "")
	case *pb.OutageRecord:
		line(r.DecidedAtUs, r.Id, r.Event+" "+withoutChurn(p.t, r.Json), fmt.Sprint(r.Event, (r.StartS-dawn)/60, (r.GetEndS()-dawn)/60, r.Kind))
	case *pb.FeedRecord: // each of the disturbances that take a vote shuts the panel gate
		if r.Collector != "detect/ipv4" {
			p.t.Errorf("published %v", r)
		}
	default:
		p.t.Errorf("published %v", r)
	}
}

// decided returns the records that were published outside of the given spans, in the order of time.
// Of outages that lived only in a span it returns the result, with times to the minute.
func (p *dayPlayer) decided(touched []span) []string {
	p.t.Helper()
	if err := p.outs.Flush(); err != nil {
		p.t.Fatal(err)
	}
	b, err := os.ReadFile(p.file.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	type line struct {
		at              int64
		id, full, short string
	}
	var lines []line
	lived := map[string]bool{}
	for text := range strings.Lines(string(b)) {
		x := strings.Split(strings.TrimSuffix(text, "\n"), "\t")
		at, err := strconv.ParseInt(x[0], 10, 64)
		if err != nil || len(x) != 4 {
			p.t.Fatalf("line %q: %v", text, err)
		}
		lines = append(lines, line{at, x[1], x[2], x[3]})
		if x[1] != "" && within(touched, -1, at) {
			lived[x[1]] = true
		}
	}
	var out []string
	for _, l := range lines {
		switch {
		case within(touched, -1, l.at):
		case lived[l.id]:
			out = append(out, fmt.Sprintf("%06d %s %s", l.at, l.id, l.short))
		default:
			out = append(out, fmt.Sprintf("%06d %s %s", l.at, l.id, l.full))
		}
	}
	return out
}

// withoutChurn removes the number of messages in the hour and the day before, from a state of an
// outage and from the one before it. Messages of a peer without a vote are not counted, and a table
// in place of messages has none.
func withoutChurn(t *testing.T, b []byte) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	var strip func(m map[string]any)
	strip = func(m map[string]any) {
		delete(m, "churn_before")
		for _, v := range m {
			if inner, ok := v.(map[string]any); ok {
				strip(inner)
			}
		}
	}
	strip(m)
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// holding returns the number of prefixes that a peer holds, the number of prefixes whose state is
// wrong, and the number that it holds over another upstream.
func (p *dayPlayer) holding(c, i int) (n, wrong, elsewhere int) {
	p.t.Helper()
	key, err := codec.ParsePeer(dayPeer(c, i))
	if err != nil {
		p.t.Fatal(err)
	}
	fam := p.detector.family(bgp.IPv4)
	slot := p.detector.collectors[collectorName(c)].peers[key].slots[0].slot
	for net, up := range p.c[c].state[i] {
		_, k, _ := rib.ParseKey(dayPrefix(net))
		got := uint32(0)
		if row, ok := fam.rib.Row(k); ok && fam.rib.Held(row)[slot>>6]&(1<<(slot&63)) != 0 {
			n++
			fam.rib.EachPair(row, func(_, u bgp.ASN, slots []uint64) {
				if slots[slot>>6]&(1<<(slot&63)) != 0 {
					got = uint32(u)
				}
			})
		}
		switch {
		case (got != 0) != (up != 0):
			wrong++
		case got != up:
			elsewhere++
		}
	}
	return n, wrong, elsewhere
}
