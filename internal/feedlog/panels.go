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

// Panels returns for each family whether verdicts are possible at now. It leaves out families
// without a panel record. detect reports too few voters only when a minute ends, and a minute may
// wait for silent collectors. So Panels does not rely on the record alone: if ingest reports some
// collectors as not up, and the others have too few voters, Panels reports that no verdict is
// possible.
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

// Answers returns for each family the content of the newest panel record. It ignores the present
// state of the collectors. Use it for a dataset that is played from files, because the times in its
// records are in the past.
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

// without returns p if enough voters and collectors are left when the collectors in away do not
// count. Otherwise it returns a panel without a possible verdict and without their votes.
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
