package bgp

import (
	"fmt"
	"strconv"
)

// NoVerdict is the reason why a panel gives no verdict in a minute. It appears as
// PanelRecord.no_verdict on bgp.panel.v1, in the column no_verdict of panel, and in the report of a
// replay.
type NoVerdict string

// The reasons. A record has the first one that applies.
const (
	// VerdictPossible: a verdict is possible.
	VerdictPossible NoVerdict = ""
	// NoVerdictPeers: no peer has sent anything in the family.
	NoVerdictPeers NoVerdict = "peers"
	// NoVerdictTables: enough networks exist, but for too many of them the whole table is unknown.
	NoVerdictTables NoVerdict = "tables"
	// NoVerdictVoters: too few networks have a whole table or, without tables, send updates.
	NoVerdictVoters NoVerdict = "voters"
	// NoVerdictCollectors: the voters are on too few collectors.
	NoVerdictCollectors NoVerdict = "collectors"
	// NoVerdictPrefixes: tables are learned from updates alone, and for no prefix enough voters
	// have sent updates yet.
	NoVerdictPrefixes NoVerdict = "prefixes"
	// NoVerdictDegraded: too many of darkmap's own feeds were lost at once. Nothing is decided for
	// some minutes (docs/detection.md, The panel gate).
	NoVerdictDegraded NoVerdict = "degraded"
	// NoVerdictMinutes: a verdict was possible for fewer minutes in a row than a loss must last.
	// Only the report of a replay has this reason.
	NoVerdictMinutes NoVerdict = "minutes"
)

// NoVerdicts lists the reasons in reporting order.
var NoVerdicts = [...]NoVerdict{
	NoVerdictPeers, NoVerdictTables, NoVerdictVoters,
	NoVerdictCollectors, NoVerdictPrefixes, NoVerdictDegraded, NoVerdictMinutes,
}

// Votes counts the networks (ASNs) that vote and their collectors, and holds the numbers that a
// verdict needs.
type Votes struct {
	Voters        int `json:"voters"`
	Collectors    int `json:"collectors"`
	MinVoters     int `json:"min_voters"`
	MinCollectors int `json:"min_collectors"`
}

// Text describes the reason in a sentence without its period.
func (n NoVerdict) Text(v Votes) string {
	switch n {
	case VerdictPossible:
		return v.have() + " vote"
	case NoVerdictPeers:
		return "no peer has said anything"
	case NoVerdictTables:
		return fmt.Sprintf("%s can vote, and a verdict needs %s: of others the whole table is not known",
			v.have(), v.need())
	case NoVerdictVoters, NoVerdictCollectors:
		return fmt.Sprintf("%s can vote, and a verdict needs %s", v.have(), v.need())
	case NoVerdictPrefixes:
		return fmt.Sprintf("there are no tables, and of no prefix half of the %s have sent updates",
			Count(v.Voters, "voter"))
	case NoVerdictDegraded:
		return "many of darkmap's own feeds were lost, which leaves " + v.have()
	case NoVerdictMinutes:
		return "a verdict was possible for fewer minutes in a row than a loss has to last"
	}
	return string(n)
}

// Sentence describes whether a verdict is possible in a family, and the reason if not. It has no
// period.
func (n NoVerdict) Sentence(f Family, v Votes) string {
	if n == VerdictPossible {
		return f.Title() + ": verdicts are possible: " + n.Text(v)
	}
	if n == NoVerdictDegraded {
		return f.Title() + ": degraded, no outage opens or ends for some minutes: " + n.Text(v)
	}
	return f.Title() + ": no verdict is possible: " + n.Text(v)
}

// Standing adds to Sentence the number of outage events that stay open while no verdict is
// possible.
func (n NoVerdict) Standing(f Family, v Votes, open int) string {
	s := n.Sentence(f, v)
	switch {
	case n == VerdictPossible || open == 0:
		return s
	case n == NoVerdictDegraded:
		return s + " (open events: " + strconv.Itoa(open) + ")"
	case open == 1:
		return s + "; 1 event stays open, nothing is decided"
	}
	return fmt.Sprintf("%s; %d events stay open, nothing is decided", s, open)
}

func (v Votes) have() string {
	return Count(v.Voters, "network") + " on " + Count(v.Collectors, "collector")
}

func (v Votes) need() string { return fmt.Sprintf("%d on %d", v.MinVoters, v.MinCollectors) }
