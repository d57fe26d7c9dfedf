package outageview

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Incident is an outage with those that are a part of it.
type Incident struct {
	bgp.Outage
	// Folded are the outages of regions, ASes and prefixes that belong to it, in the order in which Fold was given them.
	Folded []bgp.Outage
}

// foldNear is how much earlier than the event above it a part may begin, and how much later it may end. Neighbours of an event are
// looked for in the same 20 minutes (bgp.Evidence).
const foldNear = 20 * time.Minute

// halfPercent is a share of a half.
const halfPercent bgp.Decimal = 5000

// folds reports whether outages of one kind of entity fold under those of another. Nothing folds under the world or a watch list: all
// countries would, and nobody would see which.
func folds(part, whole bgp.EntityType) bool {
	return part.Breadth() > 0 && part.Breadth() < whole.Breadth() && whole.Breadth() <= bgp.EntityCountry.Breadth()
}

// Fold gathers outages into incidents: prefixes under their AS, or else their region or country; ASes under their region or country;
// regions under their country. The order is that of the outages that stay. An outage folds under the narrowest of the parents that it
// names that is among all and holds at least half of what it lost, of these the one with the greatest share. One that names none, as a short loss, folds under another where all of this
// holds:
//
//   - it begins at most 20 minutes before the other and not after its end;
//   - a prefix: the other is of its origin AS, or lists it among its lost prefixes. An AS: more than half of its lost prefixes are among
//     the other's; where the other's list is cut short, it names the AS among its origins, and has lost as many prefixes. A region: its
//     code begins with the country's.
//
// Of several it folds under the lowest kind of entity, and of these under the one with which it overlaps for longest. In both cases
// dataset and family are the same, and so is the sort: a loss (outage, partial, intermittent), moved, blip, retracted; and it ends at most
// 20 minutes after the other. So an outage that goes on after the other stays a line of its own.
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

// parents returns for each outage the one that it folds under, by index; -1 for none.
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
				if j, ok := ids[o.Dataset+"/"+p.ID]; ok && above[i] < 0 && p.SharePercent >= halfPercent && alike(o, &all[j]) && endsWith(o, &all[j]) {
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

// foldable are the parents that an outage names whose kind it folds under, the narrowest first, of these the one with the greatest share.
func foldable(o *bgp.Outage) []bgp.Parent {
	named := slices.DeleteFunc(slices.Clone(o.Parents), func(p bgp.Parent) bool { return !folds(o.Entity.Type, p.Type) })
	slices.SortStableFunc(named, func(a, b bgp.Parent) int {
		return cmp.Or(cmp.Compare(a.Type.Breadth(), b.Type.Breadth()), cmp.Compare(b.SharePercent, a.SharePercent))
	})
	return named
}

// candidates are outages that share a name, by start. until is how long the longest of those up to it lasts.
type candidates struct {
	all   []int
	start []time.Time
	until []time.Time
}

// indexAbove finds outages of ASes, regions and countries by the names of what may be below them.
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

// during yields the candidates that o may have happened in.
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

// namesBelow are the names by which what is below an AS, region or country finds it.
func namesBelow(o *bgp.Outage) []string {
	names := append([]string{o.Entity.Code}, o.LostPrefixes...)
	for _, a := range o.Origins {
		names = append(names, a.ASN.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// namesOf are the names by which an outage finds what is above it.
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

// belongs reports whether o, which names no parents, folds under p.
func belongs(o, p *bgp.Outage) bool { return alike(o, p) && during(o, p) && within(o, p) }

// alike reports whether an outage of o's kind can be a part of one of p's.
func alike(o, p *bgp.Outage) bool {
	return folds(o.Entity.Type, p.Entity.Type) && o.Dataset == p.Dataset && o.Family == p.Family && sortOf(o) == sortOf(p)
}

// sortOf tells what is no loss of routes, or none that lasted, from what is.
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

// endsWith reports whether o ends in the time of p, or a little later.
func endsWith(o, p *bgp.Outage) bool {
	if p.End == nil {
		return o.End == nil || !o.End.Before(p.Start)
	}
	return o.End != nil && !o.End.Before(p.Start) && !o.End.After(p.End.Add(foldNear))
}

// within reports whether what o lost is a part of what p lost.
func within(o, p *bgp.Outage) bool {
	switch o.Entity.Type {
	case bgp.EntityPrefix:
		return slices.Contains(p.LostPrefixes, o.Entity.Code) ||
			p.Entity.Type == bgp.EntityAS && slices.ContainsFunc(o.Origins, func(a bgp.AS) bool { return a.ASN.String() == p.Entity.Code })
	case bgp.EntityAS:
		shared := 0
		for _, lost := range o.LostPrefixes {
			if slices.Contains(p.LostPrefixes, lost) {
				shared++
			}
		}
		return 2*shared > len(o.LostPrefixes) || len(p.LostPrefixes) < p.LostPrefixesTotal && p.LostPrefixesTotal >= o.LostPrefixesTotal &&
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

// common is how long two outages overlap. One that is open lasts for a century.
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

// Includes writes +1 region, +3 ASes, +20 prefixes: how many entities are folded; nothing where there is none.
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

// Count writes 6 incidents, 36 outages; where nothing is folded only the outages.
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
