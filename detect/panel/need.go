package panel

import (
	"maps"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Need is what a verdict needs.
type Need struct{ Voters, Collectors int }

// Need returns what a verdict needs where peers of so many ASNs on so many collectors can vote at best. With fewer ASNs than twice
// MinVoters a third of them has to vote: many may have no whole table. It is never more than what is configured.
func (c *Config) Need(asns, collectors int) Need {
	n := Need{c.MinVoters, max(1, min(c.MinCollectors, collectors))}
	if asns < 2*c.MinVoters {
		n.Voters = max(LeastVoters, min(c.MinVoters, asns/3))
	}
	return n
}

// needOf returns what a verdict needs at present. That is what is configured; with the inputs of a replay only those collectors
// count that have voters, or whose tables are on their way.
func (p *Panel) needOf(votes func(slot int) bool) Need {
	if p.cfg.Inputs == nil {
		return Need{p.cfg.MinVoters, p.cfg.MinCollectors}
	}
	counted := map[string]bool{}
	for slot, s := range p.sessions {
		if s != nil && !s.Masked && (s.coming() || votes(slot) || p.wouldVote(slot)) {
			counted[s.Key.Collector] = true
		}
	}
	voters := map[bgp.PeerKey]bool{}
	for c := range counted {
		for _, v := range p.cfg.Inputs[c] {
			voters[v] = true
		}
	}
	return p.cfg.Need(len(voters), len(counted))
}

// coming reports whether a session's table is on its way.
func (s *Session) coming() bool { return s.Up && (s.Awaiting || s.transferUntil != 0) }

// wouldVote reports whether a slot has a whole table while there are too few of them for a panel.
func (p *Panel) wouldVote(slot int) bool {
	return p.knowledge == bgp.TablesUndecided && p.chosen.Votes(slot)
}

// Lack says why no verdict is possible, and how many networks a verdict could rest on.
func (p *Panel) Lack() (bgp.NoVerdict, bgp.Votes) {
	v := bgp.Votes{Voters: p.voters.N, Collectors: p.voters.Collectors, MinVoters: p.need.Voters, MinCollectors: p.need.Collectors}
	if p.Verdicts() {
		return bgp.VerdictPossible, v
	}
	if p.knowledge == bgp.TablesUndecided {
		v.Voters, v.Collectors = p.chosen.N, p.chosen.Collectors
	}
	hoped := newVoters(p.sessions, func(slot int) bool {
		s := p.sessions[slot]
		return p.voters.Votes(slot) || p.wouldVote(slot) || s.Up && !s.Masked && !s.Complete
	})
	switch {
	case !slices.ContainsFunc(p.sessions, func(s *Session) bool { return s != nil }):
		return bgp.NoVerdictPeers, v
	case hoped.N >= v.MinVoters && hoped.Collectors >= v.MinCollectors:
		return bgp.NoVerdictTables, v
	case v.Voters < v.MinVoters:
		return bgp.NoVerdictVoters, v
	}
	return bgp.NoVerdictCollectors, v
}

// ReasonCount is how many peers do not vote for a reason; of those that vote the reason is empty.
type ReasonCount struct {
	Reason Reason `json:"reason"`
	Peers  int    `json:"peers"`
}

// Reasons counts the sessions at now by why they do not vote, the voters first, then by reason.
func (p *Panel) Reasons(now int64) []ReasonCount {
	n := map[Reason]int{}
	for _, s := range p.Statuses(now) {
		n[s.Reason]++
	}
	var out []ReasonCount
	for _, r := range slices.Sorted(maps.Keys(n)) {
		out = append(out, ReasonCount{r, n[r]})
	}
	return out
}
