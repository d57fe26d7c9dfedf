package feedlog

import (
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// voters holds the AS numbers that vote, by collector.
type voters map[string][]uint32

func votersOf(p *pb.PanelRecord) voters {
	v := voters{}
	for _, x := range p.GetPeers() {
		if x.GetVotes() {
			v[x.GetCollector()] = append(v[x.GetCollector()], x.GetPeer().GetAsn())
		}
	}
	return v
}

// Panels lists for each family whether verdicts are possible at now. It leaves out families without
// a panel record. The detector reports only at the end of a minute that too few voters are left,
// and a minute may wait for silent collectors. So Panels also reports that no verdict is possible
// if the collectors that are up, as ingest reports them, have too few voters.
func (t *Table) Panels(now time.Time) []Panel {
	t.mu.Lock()
	defer t.mu.Unlock()
	// away holds, for each collector that is not up, the time since when this is known.
	away := map[string]time.Time{}
	for _, r := range t.rows(now) {
		switch r.State {
		case State(bgp.FeedUp), State(bgp.FeedBootstrapping), Degraded:
		default:
			away[r.Collector] = r.Updated
		}
	}
	var out []Panel
	for _, f := range bgp.Families {
		if p, ok := t.panel[f]; ok {
			out = append(out, p.without(f, t.votes[f], away))
		}
	}
	return out
}

// Answers lists for each family whether verdicts were possible by the newest panel record, whatever
// the present state of the collectors. It serves a dataset that is played from files, whose times
// are not those of the clock.
func (t *Table) Answers() []Panel {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Panel
	for _, f := range bgp.Families {
		if p, ok := t.panel[f]; ok {
			out = append(out, p)
		}
	}
	return out
}

// without returns the panel without the votes of collectors that are away, if that leaves too few
// voters or collectors. Otherwise it returns p.
func (p Panel) without(f bgp.Family, all voters, away map[string]time.Time) Panel {
	if !p.Verdicts {
		return p
	}
	left, asns, since := p.Votes, map[uint32]struct{}{}, time.Time{}
	left.Collectors = 0
	gone := 0
	for collector, of := range all {
		if at, ok := away[collector]; ok {
			gone++
			if at.After(since) {
				since = at
			}
			continue
		}
		left.Collectors++
		for _, asn := range of {
			asns[asn] = struct{}{}
		}
	}
	left.Voters = len(asns)
	if gone == 0 || left.Voters >= p.MinVoters && left.Collectors >= p.MinCollectors {
		return p
	}
	p.Verdicts, p.NoVerdict, p.Votes, p.Since = false, bgp.NoVerdictCollectors, left, since
	if left.Voters < p.MinVoters {
		p.NoVerdict = bgp.NoVerdictVoters
	}
	who := "1 collector that voted is not up"
	if gone > 1 {
		who = fmt.Sprintf("%d collectors that voted are not up", gone)
	}
	p.Text = p.NoVerdict.Standing(f, left, p.OpenEvents) + " (" + who + ")"
	return p
}
