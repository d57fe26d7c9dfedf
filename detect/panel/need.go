package panel

import (
	"maps"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Need is the number of voters and collectors that a verdict needs.
type Need struct{ Voters, Collectors int }

// Need returns the voters and collectors that a verdict needs, if at most this many ASNs can vote,
// on at most this many collectors. If there are fewer ASNs than twice MinVoters, a third of them
// has to vote, because many may have no whole table. The result is at least LeastVoters and never
// more than the configuration requires.
func (c *Config) Need(asns, collectors int) Need {
	n := Need{c.MinVoters, max(1, min(c.MinCollectors, collectors))}
	if asns < 2*c.MinVoters {
		n.Voters = max(LeastVoters, min(c.MinVoters, asns/3))
	}
	return n
}

// needOf returns the voters and collectors that a verdict needs at present: those of the
// configuration, or, in a replay, those of Need. For a replay needOf counts the collectors with an
// unmasked session that votes, that would vote (wouldVote), or whose table is on its way. It also
// counts the ASNs in the files of these collectors.
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

// wouldVote reports whether the last decision chose a slot, but too few slots have whole tables for
// a panel.
func (p *Panel) wouldVote(slot int) bool {
	return p.knowledge == bgp.TablesUndecided && p.chosen.Votes(slot)
}

// Lack returns the reason why no verdict is possible, or VerdictPossible, with the numbers of
// voters and collectors that a verdict could rest on and that it needs.
func (p *Panel) Lack() (bgp.NoVerdict, bgp.Votes) {
	v := bgp.Votes{
		Voters: p.voters.N, Collectors: p.voters.Collectors,
		MinVoters: p.need.Voters, MinCollectors: p.need.Collectors,
	}
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

// ReasonCount is the number of peers that do not vote for one reason. For peers that vote the
// reason is empty.
type ReasonCount struct {
	Reason Reason `json:"reason"`
	Peers  int    `json:"peers"`
}

// Reasons counts the sessions at now by the reason why they do not vote, sorted by reason. The
// sessions that vote come first, because their reason is empty.
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
