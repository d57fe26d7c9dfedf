package bgp

import "fmt"

// NoVerdict says why a panel gives no verdict in a minute: PanelRecord.no_verdict on bgp.panel.v1, the column no_verdict of
// panel, and the report of a replay.
type NoVerdict string

// The reasons. The first that holds is meant.
const (
	// VerdictPossible: a verdict is possible.
	VerdictPossible NoVerdict = ""
	// NoVerdictPeers: no peer has said anything in the family.
	NoVerdictPeers NoVerdict = "peers"
	// NoVerdictTables: enough networks are there, and of too many the whole table is not known.
	NoVerdictTables NoVerdict = "tables"
	// NoVerdictVoters: too few networks have a whole table or, without tables, speak.
	NoVerdictVoters NoVerdict = "voters"
	// NoVerdictCollectors: the voters are on too few collectors.
	NoVerdictCollectors NoVerdict = "collectors"
	// NoVerdictPrefixes: tables are learned from updates alone, and of no prefix enough voters have spoken yet.
	NoVerdictPrefixes NoVerdict = "prefixes"
	// NoVerdictMinutes: a verdict was possible for fewer minutes in a row than a loss must last. Only the report of a replay says this.
	NoVerdictMinutes NoVerdict = "minutes"
)

// NoVerdicts lists the reasons in the order in which they are reported.
var NoVerdicts = [...]NoVerdict{NoVerdictPeers, NoVerdictTables, NoVerdictVoters, NoVerdictCollectors, NoVerdictPrefixes, NoVerdictMinutes}

// Votes is how many networks (ASNs) vote on how many collectors, and how many a verdict needs.
type Votes struct {
	Voters        int `json:"voters"`
	Collectors    int `json:"collectors"`
	MinVoters     int `json:"min_voters"`
	MinCollectors int `json:"min_collectors"`
}

// Text says that a reason holds, as a sentence without its period.
func (n NoVerdict) Text(v Votes) string {
	switch n {
	case VerdictPossible:
		return v.have() + " vote"
	case NoVerdictPeers:
		return "no peer has said anything"
	case NoVerdictTables:
		return fmt.Sprintf("%s can vote, and a verdict needs %s: of others the whole table is not known", v.have(), v.need())
	case NoVerdictVoters, NoVerdictCollectors:
		return fmt.Sprintf("%s can vote, and a verdict needs %s", v.have(), v.need())
	case NoVerdictPrefixes:
		return fmt.Sprintf("there are no tables, and of no prefix half of the %s have sent updates", Count(v.Voters, "voter"))
	case NoVerdictMinutes:
		return "a verdict was possible for fewer minutes in a row than a loss has to last"
	}
	return string(n)
}

// Sentence says of a family whether a verdict is possible, or why none is, without its period.
func (n NoVerdict) Sentence(f Family, v Votes) string {
	if n == VerdictPossible {
		return f.Title() + ": verdicts are possible: " + n.Text(v)
	}
	return f.Title() + ": no verdict is possible: " + n.Text(v)
}

// Standing is Sentence, with what becomes of the events of outages that are open while no verdict is possible.
func (n NoVerdict) Standing(f Family, v Votes, open int) string {
	s := n.Sentence(f, v)
	switch {
	case n == VerdictPossible || open == 0:
		return s
	case open == 1:
		return s + "; 1 event stays open, nothing is decided"
	}
	return fmt.Sprintf("%s; %d events stay open, nothing is decided", s, open)
}

func (v Votes) have() string {
	return Count(v.Voters, "network") + " on " + Count(v.Collectors, "collector")
}

func (v Votes) need() string { return fmt.Sprintf("%d on %d", v.MinVoters, v.MinCollectors) }
