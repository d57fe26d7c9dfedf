package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestVerdictsCount: a minute counts as possible only in a run of enough minutes.
func TestVerdictsCount(t *testing.T) {
	t.Parallel()
	v := newVerdicts(5 * time.Minute)
	f := newFeed(t, small()).detector.family(bgp.IPv4)
	start := dawn
	pass := func(minutes int, why bgp.NoVerdict, voters int) (changed int) {
		for range minutes {
			if v.note(start, why, bgp.Votes{Voters: voters}, 9, func() []panel.ReasonCount { return nil }) {
				changed++
			}
			start += 60
		}
		return changed
	}
	if got := []int{
		pass(2, bgp.NoVerdictPeers, 0), pass(3, bgp.NoVerdictTables, 1), pass(4, bgp.VerdictPossible, 30), pass(1, bgp.NoVerdictVoters, 2),
		pass(6, bgp.VerdictPossible, 31), pass(2, bgp.NoVerdictVoters, 4), pass(1, bgp.VerdictPossible, 20),
	}; !cmp.Equal(got, []int{0, 1, 1, 1, 1, 1, 1}) {
		t.Errorf("got the changes %v", got)
	}
	got := v.report(f)
	got.Prefixes, got.Decidable = 0, 0
	want := Verdicts{
		Table: got.Table, Family: "ipv4", From: time.Unix(dawn, 0).UTC(), To: time.Unix(dawn+19*60, 0).UTC(), Minutes: 19, Possible: 6, Peers: 9, Best: &bgp.Votes{Voters: 31},
		NoVerdict: []Undecided{
			{Reason: bgp.NoVerdictPeers, Minutes: 2},
			{Reason: bgp.NoVerdictTables, Minutes: 3, Best: bgp.Votes{Voters: 1}},
			{Reason: bgp.NoVerdictVoters, Minutes: 3, Best: bgp.Votes{Voters: 4}},
			{Reason: bgp.NoVerdictMinutes, Minutes: 5, Best: bgp.Votes{Voters: 31}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPanelSaysNoVerdict: the panel's record has the reason why no verdict is possible, from the
// first minute with peers on, and when it changes.
func TestPanelSaysNoVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	cfg := small()
	cfg.Panel.MinVoters = 32
	f := newFeed(t, cfg)
	down := dawn + 20*60
	w.add(0, down, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_ENDED})
	for _, r := range w.records {
		f.apply(r)
	}
	f.until(dawn + 3600)
	var got []string
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.PanelRecord); ok {
			got = append(got, time.Unix(r.TimeUs/1e6-dawn, 0).UTC().Format("15:04")+" "+map[bool]string{true: "yes", false: r.NoVerdict}[r.GetVerdicts()])
		}
	}
	want := []string{"00:01 yes", "00:15 yes", "00:21 voters", "00:30 voters", "00:45 voters", "01:00 voters"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := f.detector.NoVerdict(); len(got) != 1 || got[0] != "IPv4: no verdict is possible: 28 networks on 7 collectors can vote, and a verdict needs 32 on 1" {
		t.Errorf("got %q", got)
	}
}

// TestPeersKilledBelowMinimum: when too few voters are left, the panel's record of that minute has
// this reason and the number of events that stay open. The detector's readiness has the same.
func TestPeersKilledBelowMinimum(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.gone(dawn+5*60, w.networks[0])
	w.down(30, dawn+20*60+1)
	f := newFeed(t, small())
	for _, r := range w.records {
		f.apply(r)
	}
	f.until(dawn + 21*60)
	var last *pb.PanelRecord
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.PanelRecord); ok {
			last = r
		}
	}
	if last.GetTimeUs() != (dawn+21*60)*1e6 || last.GetVerdicts() || last.GetVoters() != 2 || last.GetOpenEvents() == 0 {
		t.Fatalf("got a panel at %d, verdicts %v, %d voters, %d open events; want one at %d, without verdicts, 2 voters and open events",
			last.GetTimeUs()/1e6-dawn, last.GetVerdicts(), last.GetVoters(), last.GetOpenEvents(), 21*60)
	}
	want := fmt.Sprintf("and a verdict needs 3 on 1; %d events stay open, nothing is decided", last.GetOpenEvents())
	if got := f.detector.NoVerdict(); len(got) != 1 || !strings.HasSuffix(got[0], want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
}

// TestNoPrefixLeftToDecide: no verdict is possible if an unanswered gap leaves no prefix that
// enough voters have named since, although one was possible before.
func TestNoPrefixLeftToDecide(t *testing.T) {
	t.Parallel()
	w := newLearnedWorld(t)
	gap := dawn + 30*minute
	w.add(0, gap, &pb.GapBegin{Id: "g", SinceUs: (gap - 15*minute) * 1e6})
	w.add(0, gap, &pb.GapEnd{Id: "g"})
	for p := range w.peers { // each names one prefix, so no prefix has enough voters
		w.announce(0, p, gap+minute+int64(p), w.networks[p])
	}
	w.everybody(gap+60*minute, func(c, p int, t int64) { w.announce(c, p, t, w.networks...) })
	f := w.run(gap + 90*minute)
	got := f.detector.Verdicts()[0]
	if got.Minutes != 120 || got.Possible != 60 || len(got.NoVerdict) != 1 || got.NoVerdict[0].Reason != bgp.NoVerdictPrefixes || got.NoVerdict[0].Minutes != 60 {
		t.Errorf("got %+v, want a verdict in 60 of 120 minutes, and no prefixes in the others", got)
	}
	if got.Decidable != len(w.networks) || got.Prefixes != len(w.networks) {
		t.Errorf("%d of %d prefixes can be decided on, want all %d", got.Decidable, got.Prefixes, len(w.networks))
	}
}
