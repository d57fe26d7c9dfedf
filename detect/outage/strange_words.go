package outage

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// strange returns the sentence on the ASes that announce a listed prefix, or a part of it, and are
// not named by its watch list.
func (w *wording) strange() string {
	what, n := w.subject(), 1
	switch parts := w.parts(); len(parts) {
	case 0:
	case 1:
		what = parts[0] + ", a part of " + what + ","
	default:
		n = len(parts)
		what = bgp.Count(n, "prefix") + " within " + what
	}
	by, origins := w.strangers()
	verb, since := agree(n, " has", " have")+" been announced by ", " since "+clock(w.o.Start)
	if w.o.End != nil {
		verb, since = agree(n, " was", " were")+" announced by ", " from "+clock(w.o.Start)+" on"
	}
	return upper(what) + verb + by + since + ". The watch list does not name " +
		agree(origins, "this network", "these networks") +
		". At most " + w.o.Peak.LossPercent.String() + " % of the networks that watch held such a route."
}

// parts lists the more-specific prefixes that other ASes announce. It is empty if they announce
// the listed prefix itself.
func (w *wording) parts() (parts []string) {
	for i := range w.o.Unexpected {
		p := w.o.Unexpected[i].Prefix
		if p == w.o.Entity.Code {
			return nil
		}
		if !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return parts
}

// strangers names the unexpected origins, those with most voters first, and counts them.
func (w *wording) strangers() (by string, n int) {
	var all []bgp.UnexpectedRoute
	for _, r := range w.o.Unexpected {
		if !slices.ContainsFunc(all, func(o bgp.UnexpectedRoute) bool {
			return o.Origin.ASN == r.Origin.ASN
		}) {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b bgp.UnexpectedRoute) int { return b.Voters - a.Voters })
	var as []bgp.AS
	for i := range all {
		as = append(as, all[i].Origin)
	}
	if len(as) == 0 {
		return "another network", 1
	}
	return list(as), len(as)
}
