package core

import (
	"time"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/internal/bgp"
)

// Verdicts counts the minutes in which a verdict was possible in a family, and has the reasons of
// the other minutes.
type Verdicts struct {
	Family string `json:"family"`
	// From is the beginning of the first minute, To the end of the last one; zero before the first.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Minutes counts all minutes, and Possible those in which a verdict was possible. Only runs of
	// at least detect.outage.open_after count as possible, as a shorter run opens nothing.
	Minutes  int `json:"minutes"`
	Possible int `json:"possible"`
	// Peers is the greatest number of peers in a minute; 0: no peer sent a message of the family.
	Peers int `json:"peers"`
	// Best has the votes of the minute with most voters among Possible; nil if there is none.
	Best *bgp.Votes `json:"best,omitempty"`
	// Table is the knowledge on which the last verdicts rest. Prefixes counts the prefixes known at
	// the end, and Decidable those of them that can get a verdict.
	Table     bgp.TableKnowledge `json:"table,omitempty"`
	Prefixes  int                `json:"prefixes"`
	Decidable int                `json:"decidable_prefixes"`
	// PlacesNotJudged is the reason why countries, regions and the world are not judged at the end;
	// "" if they are.
	PlacesNotJudged string `json:"places_not_judged,omitempty"`
	// NoVerdict lists the reasons of the minutes without a verdict.
	NoVerdict []Undecided `json:"no_verdict,omitempty"`
	// LostVotes has the voters that lost their vote, at least for a time; nil if none did.
	LostVotes *LostVotes `json:"lost_votes,omitempty"`
}

// Undecided counts the minutes without a verdict for one reason.
type Undecided struct {
	Reason  bgp.NoVerdict `json:"reason"`
	Minutes int           `json:"minutes"`
	// Best has the votes of the minute with most voters among them, and Peers counts the peers in
	// that minute by the reason for which they vote or not.
	Best  bgp.Votes           `json:"best"`
	Peers []panel.ReasonCount `json:"peers,omitempty"`
}

// verdicts counts the minutes of a family.
type verdicts struct {
	enough      int   // minutes in a row from which on they count
	first, last int64 // beginnings of the minutes, Unix seconds; first is -1 before any
	minutes     int
	possible    int
	row         int // minutes in a row up to the last one while they are fewer than enough
	inRow       bool
	peers       int
	best        *bgp.Votes
	lacking     map[bgp.NoVerdict]*Undecided
	why         bgp.NoVerdict // reason of the last minute
	votes       bgp.Votes
	struck      map[bgp.PeerKey]panel.Reason
}

func newVerdicts(openAfter time.Duration) verdicts {
	return verdicts{
		enough: int(openAfter / time.Minute), first: -1,
		lacking: map[bgp.NoVerdict]*Undecided{}, struck: map[bgp.PeerKey]panel.Reason{},
	}
}

// note counts the minute that began at start. It calls reasons, for the reasons of the peers, only
// if it keeps them. It reports whether the verdict has changed.
func (v *verdicts) note(
	start int64, why bgp.NoVerdict, votes bgp.Votes, peers int, reasons func() []panel.ReasonCount,
) (changed bool) {
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

// breakOff ends a run of minutes in a row.
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

// report returns the counts so far.
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

// noteVerdict counts a minute that ends, and reports whether the verdict has changed.
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
	return f.verdicts.note(start, why, votes, peers,
		func() []panel.ReasonCount { return f.panel.Reasons(start + windowSeconds) })
}

// Verdicts returns, for each family of the detector, the minutes in which a verdict was possible. Do
// not call it while Apply or CloseWindow runs.
func (d *Detector) Verdicts() []Verdicts {
	var out []Verdicts
	for _, f := range d.families {
		if !f.left {
			out = append(out, f.verdicts.report(f))
		}
	}
	return out
}

// NoVerdict returns a sentence with the reason for each family in which peers have sent messages
// and no verdict is possible at present. Do not call it while Apply or CloseWindow runs.
func (d *Detector) NoVerdict() []string {
	var out []string
	for _, f := range d.families {
		if v := &f.verdicts; v.peers > 0 && v.why != bgp.VerdictPossible {
			out = append(out, v.why.Standing(f.family, v.votes, f.engine.Open()))
		}
	}
	return out
}
