package visibility

import (
	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// The constants of docs/detection.md, A prefix.
const (
	// wholeShare is a visibility of 1 in a sample. absentShare marks an hour without a sample.
	wholeShare  = 250
	absentShare = 255
	dayHours    = 24
	// A prefix is not known if fewer voters than this usually hold it: it is a leak, a test or an
	// internal prefix.
	leastHolders = 3
	// While a smaller part of the usual voters than this (in 1/1000) hold a prefix, its usual
	// visibility is frozen.
	partialBelow = 800
	// The usual visibility is frozen for at most this time. Then the present state becomes usual.
	frozenSeconds = 7 * 24 * 3600
	// An origin that joins the usual ones becomes usual after this time. One that replaces them
	// becomes usual after frozenSeconds.
	originSeconds = 24 * 3600
)

// The flags of a prefix.
const (
	// known: usually visible. In a learned panel: enough voters have sent updates of it.
	known uint8 = 1 << iota
	// lost: fewer than half of the voters that usually hold it hold it now, and more of them lost
	// it than hold it.
	lost
	// seen: visible now. A known prefix is lost or seen. Another prefix is seen when half of the
	// voters hold it.
	seen
	// counted: known, usually held by half of the voters, and not left out (leftOut). Only these
	// prefixes count in the world, countries, regions and ASes.
	counted
	// wide: the world, countries, regions and ASes count the prefix as visible. A counted prefix
	// is wide while it is seen. Another prefix is wide while half of the voters hold it. A prefix
	// that is left out is never wide.
	wide
)

// prefix is the state of a row.
type prefix struct {
	day   dayID // its samples
	usual uint8 // median of the samples
	flags uint8
	// share is the part of the usual voters that held the prefix at the last judgement, in 1/1000.
	// With tables it is v/b or, if the prefix is not lost, the greater of v/b and held/(held+gone).
	// With updates alone it is held/(held+gone).
	share uint16
	// since is the end of the first window in which it is lost or partly visible, in minutes since
	// 1970; 0: it is neither. Records say when that window began, a minute earlier.
	since uint32
	node  uint32 // its node in the trie; 0: it is not in the trie
	belonging
	staged  placeID  // its place from the end of the window on
	origins originID // its present origins
}

// State is the visibility of the entities of one family. Use New to create one.
type State struct {
	family bgp.Family
	rib    *rib.Table
	peers  Peers

	prefixes []prefix // by row
	days     days
	// knownRows is the number of known prefixes.
	knownRows int
	trie      trie
	origins   originSets
	places    places
	leftOut   leftOut

	entities        []entity
	byKey           map[outage.Key]uint32
	byASN           map[bgp.ASN]uint32
	touchedEntities []uint32

	voters    *panel.Voters
	knowledge bgp.TableKnowledge
	verdicts  bool
	now       int64 // end of the last window
	hour      int64 // hour of the last samples
	began     int64 // hour of the first samples
	skipped   int64 // hours between the last samples and the present ones
	stale     bool  // all rows must be judged
	first     bool  // the window is the first one with whole tables
	placing   bool  // known prefixes may get new places in this window
	staged    []rib.Row

	tallied asCount     // of the row that is judged
	left    *panel.Left // of the window that is being closed

	holdings  holdings
	watch     watch
	strangers strangers
	scratch   scratch

	plan   []change
	stamps []uint32 // by row: the last round in which it was affected
	round  uint32
	rows   []rib.Row // affected rows of the round

	leaving map[uint32]map[rib.Row]struct{} // by entity: rows that leave its list in the round
	steps   int                             // members that dismiss examined, for the tests

	usualTally usualTally

	young map[rib.Row]youth // prefixes that may belong to a new network
	// expected are prefixes that were known before the state began and may be lost. They become
	// known as soon as half of the voters hold them.
	expected map[rib.Key]struct{}
	moved    map[rib.Row]int64 // time since when the origins differ from the usual ones
	open     map[rib.Row]outage.Sample
	loss     losses
	churn    churn

	troughs troughs
	brief   briefs

	overlapped map[uint32]uint64 // the sums of Overlaps, cleared after each call
}

// Peers gives the peer of a slot, also after its session has ended.
type Peers interface {
	// Peer returns the peer at a slot. ok is false if there is none.
	Peer(slot int) (key bgp.PeerKey, ok bool)
}

// New returns a State without prefixes over a table.
func New(t *rib.Table, peers Peers) *State {
	s := &State{
		family: t.Family(), rib: t, peers: peers, voters: &panel.Voters{}, placing: true, stale: true,
		trie: newTrie(t.Family()), origins: newOriginSets(), places: newPlaces(),
		byKey: make(map[outage.Key]uint32), byASN: make(map[bgp.ASN]uint32),
		young: make(map[rib.Row]youth), moved: make(map[rib.Row]int64),
		open: make(map[rib.Row]outage.Sample),
		loss: losses{rows: make(map[rib.Row]*loss)}, churn: newChurn(), troughs: newTroughs(),
		brief:   briefs{rows: make(map[rib.Row]bool)},
		leaving: make(map[uint32]map[rib.Row]struct{}), overlapped: make(map[uint32]uint64),
		watch: newWatch(), strangers: newStrangers(), holdings: newHoldings(),
	}
	s.addEntity(outage.Key{Family: s.family, Type: bgp.EntityWorld, Code: "world"})
	return s
}

// prefix returns the state of a row. A new row is unknown.
func (s *State) prefix(r rib.Row) *prefix {
	if n := int(r) + 1; n > len(s.prefixes) {
		s.prefixes, s.stamps = rib.Lengthen(s.prefixes, n), rib.Lengthen(s.stamps, n)
		s.holdings.grow(n)
	}
	return &s.prefixes[r]
}

// forget makes p a prefix that was never seen.
func (s *State) forget(p *prefix) {
	s.days.fill(&p.day, absentShare)
	*p = prefix{}
}

// Window describes the window that Close ends.
type Window struct {
	// End is the end of the window in Unix seconds, exclusive.
	End int64
	// Voters vote from now on. Changed: they differ from those of the last window, or slots were
	// emptied.
	Voters    *panel.Voters
	Changed   bool
	Knowledge bgp.TableKnowledge
	// Verdicts is false while there are too few voters. No prefix or entity is judged then.
	Verdicts bool
	// Gated: the panel gate is shut. No prefix or entity is judged then, but the times of
	// withdrawals are noted.
	Gated bool
	// Left are the voters that left while the gate was shut. It is set in the first window after
	// that and nil in others.
	Left *panel.Left
}

// Close ends a window and returns the samples that changed, in no particular order: those of
// countries, regions, ASes, watch lists and the world (if whole tables are known), and of prefixes
// while they are lost, partial or moved.
func (s *State) Close(w Window) []outage.Sample {
	s.now, s.voters, s.verdicts = w.End, w.Voters, w.Verdicts
	s.usualTally.known = false
	if s.rib.Len() > 0 {
		s.prefix(rib.Row(s.rib.Len() - 1))
	}
	s.churn.close(w.End, w.Voters)
	dirty := s.rib.TakeDirty()
	if w.Gated || !w.Verdicts {
		s.stale = true
		if w.Gated {
			s.follow(dirty)
		} else {
			s.loss.skip()
		}
		s.brief.announced = shrink(s.brief.announced)
		return nil
	}
	s.troughs.minute++
	s.left = w.Left
	first := w.Knowledge == bgp.TablesComplete && s.knowledge != bgp.TablesComplete
	s.first = first
	var away map[rib.Row]uint32
	if w.Knowledge != s.knowledge {
		away = s.restart(w.Knowledge)
	}
	hourly := w.Knowledge == bgp.TablesComplete && w.End/3600 > s.hour
	s.plan, s.rows = s.plan[:0], s.rows[:0]
	s.round++
	switch {
	case first:
		s.hour, s.began = w.End/3600, w.End/3600
		early := s.early()
		s.each(func(r rib.Row) { s.begin(r, early[r], away[r]) })
	case hourly:
		s.skipped = min(w.End/3600-s.hour-1, dayHours-1)
		s.hour = w.End / 3600
		s.each(s.sampleHour)
	case s.stale || w.Changed:
		s.sweep()
	default:
		s.lookAt(dirty)
		s.lookAt(s.staged)
	}
	s.closeStrangers(dirty, s.stale, s.stale || w.Changed || first)
	s.stale = false
	for _, r := range s.staged {
		s.prefixes[r].staged = 0
	}
	s.staged = s.staged[:0]
	s.placing = w.End%3600 < 60
	s.apply()
	s.closeBriefs()
	s.learnYoung()
	s.rejudge()
	s.follow(dirty)
	if hourly {
		s.tidy()
	}
	out := append(s.takeEntitySamples(), s.takePrefixSamples(dirty)...)
	s.plan, s.rows = shrink(s.plan), shrink(s.rows)
	return out
}

// restart clears the state when the panel's knowledge changes, because the knowledge from updates
// alone is not compared with tables. Places stay. It returns the rows that were lost, with the
// minute since 1970 since when they were.
func (s *State) restart(k bgp.TableKnowledge) map[rib.Row]uint32 {
	away := make(map[rib.Row]uint32)
	s.trie, s.knownRows = newTrie(s.family), 0
	s.moved, s.young = make(map[rib.Row]int64), make(map[rib.Row]youth)
	s.watch.forgetRoutes()
	before := s.knowledge
	s.knowledge, s.troughs = k, newTroughs()
	if before != bgp.TablesUndecided { // nothing was judged while undecided
		s.troughs.since = s.now
	}
	for i := range s.prefixes {
		p := &s.prefixes[i]
		if p.flags&(known|lost) == known|lost {
			away[rib.Row(i)] = p.since
		}
		place, staged := p.place, p.staged
		s.forget(p)
		p.place, p.staged = place, staged
	}
	return away
}

// each calls f with every row in use.
func (s *State) each(f func(r rib.Row)) {
	for r := range s.rib.Len() {
		if s.rib.Key(rib.Row(r)) != 0 {
			f(rib.Row(r))
		}
	}
}

// lookAt judges rows, each once a round.
func (s *State) lookAt(rows []rib.Row) {
	for _, r := range rows {
		if s.stamps[r] != s.round && s.rib.Key(r) != 0 {
			s.stamps[r] = s.round
			s.look(r)
		}
	}
}
