package core

import (
	"time"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/internal/bgp"
)

// Verdicts tells in how many minutes of a family a verdict was possible, and why not in the others.
type Verdicts struct {
	Family string `json:"family"`
	// From is the beginning of the first minute, To the end of the last; zero before the first.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Minutes are all minutes, Possible those in which a verdict was possible, detect.outage.open_after in a row at least: less opens nothing.
	Minutes  int `json:"minutes"`
	Possible int `json:"possible"`
	// Peers is how many peers were known at most; 0: nobody said anything in the family.
	Peers int `json:"peers"`
	// Best is the minute with most voters in which a verdict was possible; nil where there was none.
	Best *bgp.Votes `json:"best,omitempty"`
	// Table is what verdicts rest on at last. Prefixes are those that are known then, Decidable those of them that could be decided on.
	Table     bgp.TableKnowledge `json:"table,omitempty"`
	Prefixes  int                `json:"prefixes"`
	Decidable int                `json:"decidable_prefixes"`
	// PlacesNotJudged says why countries, regions and the world are not judged at last; empty where they are.
	PlacesNotJudged string `json:"places_not_judged,omitempty"`
	// NoVerdict lists the reasons of the other minutes.
	NoVerdict []Undecided `json:"no_verdict,omitempty"`
	// LostVotes tells which voters lost their vote, for a time at least; nil where none did.
	LostVotes *LostVotes `json:"lost_votes,omitempty"`
}

// Undecided is a number of minutes in which no verdict was possible for a reason.
type Undecided struct {
	Reason  bgp.NoVerdict `json:"reason"`
	Minutes int           `json:"minutes"`
	// Best is that of the minute with most voters among them, and Peers tells what the peers were worth then.
	Best  bgp.Votes           `json:"best"`
	Peers []panel.ReasonCount `json:"peers,omitempty"`
}

// verdicts counts the minutes of a family.
type verdicts struct {
	enough      int   // minutes in a row that count
	first, last int64 // minutes, Unix seconds of their beginnings; first is -1 before any
	minutes     int
	possible    int
	row         int // minutes in a row, up to the last one, that are not enough yet
	inRow       bool
	peers       int
	best        *bgp.Votes
	lacking     map[bgp.NoVerdict]*Undecided
	why         bgp.NoVerdict // of the last minute
	votes       bgp.Votes
	struck      map[bgp.PeerKey]panel.Reason
}

func newVerdicts(openAfter time.Duration) verdicts {
	return verdicts{enough: int(openAfter / time.Minute), first: -1, lacking: map[bgp.NoVerdict]*Undecided{}, struck: map[bgp.PeerKey]panel.Reason{}}
}

// note counts the minute that began at start; the reasons of the peers are asked for where they matter. It reports whether the answer has changed.
func (v *verdicts) note(start int64, why bgp.NoVerdict, votes bgp.Votes, peers int, reasons func() []panel.ReasonCount) (changed bool) {
	if v.first < 0 {
		v.first = start
	}
	changed = v.minutes == 0 && why != bgp.NoVerdictPeers || v.minutes > 0 && why != v.why
	v.minutes++
	v.last, v.why, v.votes, v.peers = start, why, votes, max(v.peers, peers)
	if why == bgp.VerdictPossible {
		v.extend(votes)
		return changed
	}
	v.breakOff()
	u := v.lack(why)
	if u.Minutes++; u.Minutes == 1 || votes.Voters > u.Best.Voters {
		u.Best, u.Peers = votes, reasons()
	}
	return changed
}

// extend counts a minute in which a verdict was possible.
func (v *verdicts) extend(votes bgp.Votes) {
	if v.best == nil || votes.Voters > v.best.Voters {
		v.best = &votes
	}
	if v.inRow {
		v.possible++
		return
	}
	if v.row++; v.row >= v.enough {
		v.possible, v.row, v.inRow = v.possible+v.row, 0, true
	}
}

// breakOff ends the minutes in a row.
func (v *verdicts) breakOff() {
	if v.row > 0 {
		v.lack(bgp.NoVerdictMinutes).Minutes += v.row
	}
	v.row, v.inRow = 0, false
}

func (v *verdicts) lack(why bgp.NoVerdict) *Undecided {
	u := v.lacking[why]
	if u == nil {
		u = &Undecided{Reason: why}
		v.lacking[why] = u
	}
	return u
}

// report is what was counted so far.
func (v *verdicts) report(f *familyState) Verdicts {
	out := Verdicts{Family: f.family.String(), Minutes: v.minutes, Possible: v.possible, Peers: v.peers}
	if v.minutes == 0 {
		return out
	}
	if v.peers > 0 {
		out.Table = f.panel.Knowledge()
	}
	out.From, out.To = time.Unix(v.first, 0).UTC(), time.Unix(v.last+windowSeconds, 0).UTC()
	out.Decidable, out.Prefixes = f.vis.Decidable()
	out.PlacesNotJudged = f.judging.notJudged()
	out.LostVotes = v.lostVotes()
	if v.possible > 0 {
		out.Best = v.best
	}
	for _, why := range bgp.NoVerdicts {
		u := Undecided{Reason: why}
		if x := v.lacking[why]; x != nil {
			u = *x
		}
		if why == bgp.NoVerdictMinutes {
			u.Minutes += v.row
			if v.best != nil {
				u.Best = *v.best
			}
		}
		if u.Minutes > 0 {
			out.NoVerdict = append(out.NoVerdict, u)
		}
	}
	return out
}

// noteVerdict counts a minute that ends, and reports whether the answer has changed.
func (f *familyState) noteVerdict(start int64) bool {
	why, votes := f.panel.Lack()
	if why == bgp.VerdictPossible && f.panel.Knowledge() == bgp.TablesLearned && !f.vis.AnyDecidable() {
		why = bgp.NoVerdictPrefixes
	}
	if why == bgp.VerdictPossible && f.gate.Shut() {
		why = bgp.NoVerdictDegraded
	}
	f.verdicts.noteStruck(f.panel.Struck())
	peers := 0
	for _, p := range f.peers {
		if p != nil {
			peers++
		}
	}
	return f.verdicts.note(start, why, votes, peers, func() []panel.ReasonCount { return f.panel.Reasons(start + windowSeconds) })
}

// Verdicts tells of each family in how many minutes a verdict was possible. Do not call it while Apply or CloseWindow runs.
func (d *Detector) Verdicts() []Verdicts {
	out := make([]Verdicts, len(d.families))
	for i, f := range d.families {
		out[i] = f.verdicts.report(f)
	}
	return out
}

// NoVerdict returns, for each family in which peers have spoken and no verdict is possible at present, a sentence that says why.
// Do not call it while Apply or CloseWindow runs.
func (d *Detector) NoVerdict() []string {
	var out []string
	for _, f := range d.families {
		if v := &f.verdicts; v.peers > 0 && v.why != bgp.VerdictPossible {
			out = append(out, v.why.Standing(f.family, v.votes, f.engine.Open()))
		}
	}
	return out
}
