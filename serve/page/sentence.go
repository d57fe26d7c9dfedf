package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/serve/live"
)

// darkFrom is the loss in percent from which on an entity counts as dark, as for the severity
// total.
const darkFrom bgp.Decimal = 90_00

// headline describes what is dark, for the families of a page. It reports that nothing is dark only
// if that is decided and the snapshot is complete.
func headline(s *live.Snapshot, shows func(family string) bool) string {
	dark, losing := tally(s, shows)
	when := ""
	is, are := "is", "are"
	if s.Stale || s.Past {
		when, is, are = " at "+clock(s.Until()), "was", "were"
	}
	decided, undecided := verdicts(s, shows)
	part := ""
	if losing.total() > 0 {
		part = ", " + losing.words() + " lost a part"
	}
	switch {
	case s.Minute.IsZero():
		return "It is not known yet what is dark"
	case dark.total() > 0:
		if dark.total() == 1 {
			are = is
		}
		return dark.words() + " " + are + " dark" + when
	case len(decided) == 0:
		return "It cannot be decided what " + is + " dark" + when + part
	case !s.Whole() && len(undecided) == 0:
		return "Nothing " + is + " known to be dark" + when + part
	case len(undecided) > 0:
		return "Nothing " + is + " known to be dark" + when + " in " + listed(decided) + part +
			"; of " + listed(undecided) + " that cannot be decided"
	}
	return "Nothing " + is + " dark" + when + part
}

// verdicts returns the families in which a verdict is possible, and those in which none is. A
// family without peers is in neither.
func verdicts(s *live.Snapshot, shows func(string) bool) (decided, undecided []string) {
	for _, p := range s.Families {
		switch {
		case !shows(p.Family):
		case p.Verdicts:
			decided = append(decided, familyTitle(p.Family))
		default:
			undecided = append(undecided, familyTitle(p.Family))
		}
	}
	return decided, undecided
}

// counts are numbers of entities by type.
type counts map[bgp.EntityType]int

func (c counts) total() int {
	n := 0
	for _, x := range c {
		n += x
	}
	return n
}

// words formats counts as "3 countries, 12 networks". It lists prefixes only without wider
// entities, and regions only without countries.
func (c counts) words() string {
	var words []string
	for _, t := range []bgp.EntityType{
		bgp.EntityWorld, bgp.EntityCountry, bgp.EntityRegion, bgp.EntityAS, bgp.EntityPrefix,
		bgp.EntityWatch,
	} {
		n := c[t]
		switch {
		case n == 0, t == bgp.EntityRegion && c[bgp.EntityCountry] > 0, t == bgp.EntityPrefix && len(words) > 0:
		case t == bgp.EntityWorld:
			words = append(words, "the world")
		default:
			words = append(words, bgp.Count(n, kindOfEntity(t)))
		}
	}
	return listed(words)
}

// tally counts the dark entities, and those that have lost less. An entity with two families counts
// once, for the worse one.
func tally(s *live.Snapshot, shows func(string) bool) (dark, losing counts) {
	dark, losing = counts{}, counts{}
	worst := map[bgp.Entity]bgp.Decimal{}
	for _, e := range s.Open {
		o := &e.Outage
		if !shows(o.Family) || o.Kind == bgp.KindMoved || o.Kind == bgp.KindOrigin {
			continue
		}
		k := bgp.Entity{Type: o.Entity.Type, Code: o.Entity.Code}
		if o.Kind == bgp.KindOutage {
			worst[k] = max(worst[k], lossNow(s, o))
		} else {
			worst[k] = max(worst[k], 0)
		}
	}
	for k, loss := range worst {
		if loss >= darkFrom {
			dark[k.Type]++
		} else {
			losing[k.Type]++
		}
	}
	return dark, losing
}

// lossNow returns the loss of an open outage in percent, from the newest value or else from its
// newest record.
func lossNow(s *live.Snapshot, o *bgp.Outage) bgp.Decimal {
	if f, ok := bgp.FamilyNamed(o.Family); ok {
		if v, ok := s.Value(live.Key{Family: f, Type: o.Entity.Type, Code: o.Entity.Code}); ok &&
			v.Outage == o.ID && v.Fresh(s.Minute) {
			return v.LossPercent
		}
	}
	return o.Now.LossPercent
}

// voters counts the voters: 412 voters on 38 collectors. It counts them by family if the families
// differ.
func voters(s *live.Snapshot, shows func(string) bool) string {
	var said []string
	var before bgp.Votes
	for _, p := range s.Families {
		if !shows(p.Family) {
			continue
		}
		if len(said) > 0 && p.Voters == before.Voters && p.Collectors == before.Collectors {
			said[len(said)-1] = strings.Replace(said[len(said)-1], " (", " ("+familyTitle(p.Family)+" and ", 1)
			continue
		}
		before = p.Votes
		said = append(said, fmt.Sprintf("%s on %s (%s)", bgp.Count(p.Voters, "voter"),
			bgp.Count(p.Collectors, "collector"), familyTitle(p.Family)))
	}
	if len(said) == 1 {
		text, _, _ := strings.Cut(said[0], " (")
		return text
	}
	return strings.Join(said, ", ")
}

// hasPanel returns the panel of a family, and whether it is known.
func hasPanel(s *live.Snapshot, family string) (feedlog.Panel, bool) {
	i := slices.IndexFunc(s.Families, func(p feedlog.Panel) bool { return p.Family == family })
	if i < 0 {
		return feedlog.Panel{}, false
	}
	return s.Families[i], true
}

// entriesOf returns the entries that pass.
func entriesOf(all []outagelog.Entry, pass func(*bgp.Outage) bool) []outagelog.Entry {
	var out []outagelog.Entry
	for _, e := range all {
		if pass(&e.Outage) {
			out = append(out, e)
		}
	}
	return out
}
