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

// keep writes a record down: when (seconds from dawn), which outage, what in full, and what it comes to.
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
	case *pb.PrefixRecord: // since when, over whom, and when a change was said may be as a disturbance left it
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

// decided is what was published outside of the stretches given, in the order of time; of outages that lived in one only what
// became of them, times to the minute.
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

// withoutChurn leaves out how many messages came in the hour and the day before, of this state of an outage and of the one before
// it: what does not vote is not counted, and a table in place of messages has none.
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

// holding is how many prefixes a peer holds, how many of all it holds and does not really, or the other way round, and how many it
// holds over another upstream.
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
