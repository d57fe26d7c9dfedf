// Package contracts breaks the rules of contracts_test.go, once in each line that says so.
package contracts

import (
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const local = bgp.KindOutage

const opened bgp.Event = "opened" // broken: word

func words(o *bgp.Outage, st *pb.FeedStatus) []bgp.Kind {
	o.State = "open"           // broken: word
	if o.Severity == "total" { // broken: word
		o.EndReason = "" // broken: word
	}
	o.Event = opened // broken: word
	o.Kind = local   // broken: word
	o.Panel.Table = bgp.TablesLearned
	switch bgp.FeedState(st.GetState()) {
	case bgp.FeedUp, "gone": // broken: word
	default:
	}
	st.State = string(bgp.FeedDown)
	return []bgp.Kind{bgp.KindMoved, bgp.Kind("outage"), "partial" + ""} // broken: word
}

func lanes(p bgp.Position, k bgp.LaneKey, rec *pb.Position) []string {
	wire := rec.GetLane()
	var field = rec.Lane
	again := string(k.Lane)
	_, gap, _ := strings.Cut(wire, "/")             // broken: lane
	if strings.HasPrefix(string(p.Lane), "fill/") { // broken: lane
		gap = strings.TrimPrefix(field, "fill/") // broken: lane
	}
	rest, _ := strings.CutPrefix(again, "rv/")             // broken: lane
	file := string(p.Lane[len("file/"):])                  // broken: lane
	if rec.GetLane() == "live" || p.Lane == bgp.LaneLive { // broken: lane
		return strings.Split(gap, "-")
	}
	collector := strings.TrimPrefix(rec.GetCollector(), "ris/")
	_ = &pb.Position{Lane: "clock/" + rest, Collector: collector} // broken: lane
	_ = &pb.Position{Lane: string(bgp.ClockLane(rest))}
	_ = bgp.Lane("table/" + gap) // broken: lane
	_, name := bgp.ParseLane(rec.GetLane())
	return []string{strings.Clone(wire), file, strings.TrimPrefix(name, "x")}
}

var _ = []any{words, lanes}
