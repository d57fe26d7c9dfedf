package outageview

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Incident is an outage with the outages that are parts of it.
type Incident struct {
	bgp.Outage
	// Folded are the outages of regions, ASes and prefixes that are parts of it, in their order in
	// Fold's argument.
	Folded []bgp.Outage
}

// foldNear is the time by which a part may begin before the event above it, and end after it.
// bgp.Evidence uses the same 20 minutes for neighbours of an event.
const foldNear = 20 * time.Minute

// halfPercent is a share of one half.
const halfPercent bgp.Decimal = 5000

// folds reports whether outages of one entity type fold under those of another. Nothing folds under
// the world or a watch list: all countries would fold, and their names would not be visible.
func folds(part, whole bgp.EntityType) bool {
	return part.Breadth() > 0 && part.Breadth() < whole.Breadth() &&
		whole.Breadth() <= bgp.EntityCountry.Breadth()
}

// Fold gathers outages into incidents: prefixes under their AS, or else their region or country;
// ASes under their region or country; regions under their country. It keeps the order of the
// outages that do not fold.
//
// An outage that names parents of a suitable type folds under the narrowest of them that is in all
// and holds at least half of its loss; of several of one type under the one with the greatest
// share.
//
// An outage that names no parents of a suitable type, as a short loss, folds under another outage if
// all of this holds:
//
//   - It begins at most 20 minutes before the other and not after its end.
//   - A prefix: the other is of its origin AS, or lists the prefix among its lost prefixes. An AS:
//     more than half of its lost prefixes are among the other's; or the other's list is cut short,
//     names the AS among its origins, and counts at least as many lost prefixes. A region: its code
//     begins with the country's.
//
// Of several it folds under the narrowest entity type, and of these under the one with the longest
// overlap. In both cases the dataset, the family and the sort are the same (loss: outage, partial
// or intermittent; moved; origin; blip; retracted), and it ends at most 20 minutes after the other.
// So an outage that goes on after the other keeps a line of its own.
func Fold(all []bgp.Outage) []Incident {
	above := parents(all)
	root := func(i int) int {
		for above[i] >= 0 {
			i = above[i]
		}
		return i
	}
	var out []Incident
	at := map[int]int{}
	for i, o := range all {
		if above[i] < 0 {
			at[i] = len(out)
			out = append(out, Incident{Outage: o})
		}
	}
	for i, o := range all {
		if above[i] >= 0 {
			in := &out[at[root(i)]]
			in.Folded = append(in.Folded, o)
		}
	}
	return out
}

// Unfolded makes an incident of each outage.
func Unfolded(all []bgp.Outage) []Incident {
	out := make([]Incident, len(all))
	for i, o := range all {
		out[i].Outage = o
	}
	return out
}

// parents returns for each outage the index of the outage that it folds under; -1 for none.
func parents(all []bgp.Outage) []int {
	index, ids := indexAbove(all), map[string]int{}
	for i := range all {
		ids[all[i].Dataset+"/"+all[i].ID] = i
	}
	above := make([]int, len(all))
	for i := range all {
		above[i] = -1
		o := &all[i]
		if named := foldable(o); len(named) > 0 {
			for _, p := range named {
				if j, ok := ids[o.Dataset+"/"+p.ID]; ok && above[i] < 0 &&
					p.SharePercent >= halfPercent && alike(o, &all[j]) && endsWith(o, &all[j]) {
					above[i] = j
				}
			}
			continue
		}
		for _, name := range namesOf(o) {
			for j := range index[name].during(o) {
				if j != above[i] && belongs(o, &all[j]) && (above[i] < 0 || better(o, &all[j], &all[above[i]])) {
					above[i] = j
				}
			}
		}
	}
	return above
}

// foldable returns the parents of an outage under whose type it folds, the narrowest first, of one
// type the one with the greatest share first.
func foldable(o *bgp.Outage) []bgp.Parent {
	named := slices.DeleteFunc(slices.Clone(o.Parents), func(p bgp.Parent) bool {
		return !folds(o.Entity.Type, p.Type)
	})
	slices.SortStableFunc(named, func(a, b bgp.Parent) int {
		return cmp.Or(cmp.Compare(a.Type.Breadth(), b.Type.Breadth()), cmp.Compare(b.SharePercent, a.SharePercent))
	})
	return named
}

// candidates are outages that share a name, by start. until[i] is the latest end of the first i+1.
type candidates struct {
	all   []int
	start []time.Time
	until []time.Time
}

// indexAbove indexes outages of ASes, regions and countries by the names of their possible parts.
func indexAbove(all []bgp.Outage) map[string]*candidates {
	var order []int
	for i := range all {
		if folds(bgp.EntityPrefix, all[i].Entity.Type) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return all[a].Start.Compare(all[b].Start) })
	index := map[string]*candidates{}
	for _, i := range order {
		for _, name := range namesBelow(&all[i]) {
			c := index[name]
			if c == nil {
				c = &candidates{}
				index[name] = c
			}
			until := endOf(&all[i])
			if n := len(c.until); n > 0 && c.until[n-1].After(until) {
				until = c.until[n-1]
			}
			c.all, c.start, c.until = append(c.all, i), append(c.start, all[i].Start), append(c.until, until)
		}
	}
	return index
}

// during yields the candidates in whose time o may have happened.
func (c *candidates) during(o *bgp.Outage) iter.Seq[int] {
	return func(yield func(int) bool) {
		if c == nil {
			return
		}
		latest := o.Start.Add(foldNear)
		n, _ := slices.BinarySearchFunc(c.start, latest, func(start, latest time.Time) int {
			if start.After(latest) {
				return 1
			}
			return -1
		})
		for n--; n >= 0 && !c.until[n].Before(o.Start); n-- {
			if !yield(c.all[n]) {
				return
			}
		}
	}
}

// namesBelow returns the names by which the possible parts of an AS, region or country find it.
func namesBelow(o *bgp.Outage) []string {
	names := append([]string{o.Entity.Code}, o.LostPrefixes...)
	for _, a := range o.Origins {
		names = append(names, a.ASN.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// namesOf returns the names by which an outage finds the outages above it.
func namesOf(o *bgp.Outage) []string {
	names := append([]string{o.Entity.Code}, o.LostPrefixes...)
	for _, a := range o.Origins {
		names = append(names, a.ASN.String())
	}
	if o.Entity.Type == bgp.EntityRegion {
		country, _, _ := strings.Cut(o.Entity.Code, "-")
		names = append(names, country)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// belongs reports whether o, which names no suitable parents, folds under p.
func belongs(o, p *bgp.Outage) bool { return alike(o, p) && during(o, p) && within(o, p) }

// alike reports whether an outage of o's type and sort can be a part of one of p's.
func alike(o, p *bgp.Outage) bool {
	return folds(o.Entity.Type, p.Entity.Type) && o.Dataset == p.Dataset && o.Family == p.Family &&
		sortOf(o) == sortOf(p)
}

// sortOf returns the sort of an outage: a lasting loss of routes, or one of the others.
func sortOf(o *bgp.Outage) string {
	switch {
	case o.State == bgp.StateRetracted:
		return "retracted"
	case o.Blip:
		return "blip"
	case o.Kind == bgp.KindMoved, o.Kind == bgp.KindOrigin:
		return string(o.Kind)
	}
	return "loss"
}

// during reports whether o happened in the time of p.
func during(o, p *bgp.Outage) bool {
	return !o.Start.Before(p.Start.Add(-foldNear)) && (p.End == nil || !o.Start.After(*p.End)) && endsWith(o, p)
}

// endsWith reports whether o ends in the time of p, or at most foldNear later.
func endsWith(o, p *bgp.Outage) bool {
	if p.End == nil {
		return o.End == nil || !o.End.Before(p.Start)
	}
	return o.End != nil && !o.End.Before(p.Start) && !o.End.After(p.End.Add(foldNear))
}

// within reports whether the loss of o is a part of the loss of p.
func within(o, p *bgp.Outage) bool {
	switch o.Entity.Type {
	case bgp.EntityPrefix:
		return slices.Contains(p.LostPrefixes, o.Entity.Code) ||
			p.Entity.Type == bgp.EntityAS && slices.ContainsFunc(o.Origins, func(a bgp.AS) bool {
				return a.ASN.String() == p.Entity.Code
			})
	case bgp.EntityAS:
		shared := 0
		for _, lost := range o.LostPrefixes {
			if slices.Contains(p.LostPrefixes, lost) {
				shared++
			}
		}
		return 2*shared > len(o.LostPrefixes) ||
			len(p.LostPrefixes) < p.LostPrefixesTotal && p.LostPrefixesTotal >= o.LostPrefixesTotal &&
				slices.ContainsFunc(p.Origins, func(a bgp.AS) bool { return a.ASN.String() == o.Entity.Code })
	case bgp.EntityRegion:
		return strings.HasPrefix(o.Entity.Code, p.Entity.Code+"-")
	default:
		return false
	}
}

// better reports whether o folds under p rather than under q.
func better(o, p, q *bgp.Outage) bool {
	return cmp.Or(
		cmp.Compare(q.Entity.Type.Breadth(), p.Entity.Type.Breadth()),
		cmp.Compare(common(o, p), common(o, q)),
		q.Start.Compare(p.Start), cmp.Compare(q.ID, p.ID)) > 0
}

// common returns the overlap of two outages. An open outage counts as a century long.
func common(a, b *bgp.Outage) time.Duration {
	from, to := a.Start, endOf(a)
	if b.Start.After(from) {
		from = b.Start
	}
	if end := endOf(b); end.Before(to) {
		to = end
	}
	return to.Sub(from)
}

func endOf(o *bgp.Outage) time.Time {
	if o.End == nil {
		return o.Start.AddDate(100, 0, 0)
	}
	return *o.End
}

// Includes returns the number of folded entities, as in "+1 region, +3 ASes, +20 prefixes"; empty
// if there are none.
func (in Incident) Includes() string {
	counts, seen := map[bgp.EntityType]int{}, map[bgp.Entity]bool{}
	for _, o := range in.Folded {
		e := bgp.Entity{Type: o.Entity.Type, Code: o.Entity.Code}
		if !seen[e] {
			seen[e] = true
			counts[e.Type]++
		}
	}
	var parts []string
	for _, t := range []struct {
		of   bgp.EntityType
		noun string
	}{{bgp.EntityRegion, "region"}, {bgp.EntityAS, "AS"}, {bgp.EntityPrefix, "prefix"}} {
		if n := counts[t.of]; n > 0 {
			parts = append(parts, "+"+bgp.Count(n, t.noun))
		}
	}
	return strings.Join(parts, ", ")
}

// Count returns "6 incidents, 36 outages"; only the outages if nothing is folded.
func Count(all []Incident) string {
	outages := len(all)
	for _, in := range all {
		outages += len(in.Folded)
	}
	text := bgp.Count(outages, "outage")
	if outages == len(all) {
		return text
	}
	return bgp.Count(len(all), "incident") + ", " + text
}
