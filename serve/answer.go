package serve

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

// PublicAnswer returns the part of a detector's answer that anybody may see. It leaves out the
// peers of the operator's own routers, and hidden counts them by family. It leaves out private
// watch lists and their outages. a is not changed.
func PublicAnswer(a query.Answer) (out query.Answer, hidden map[string]int) {
	out, hidden = a, map[string]int{}
	out.Families = slices.Clone(a.Families)
	for i := range out.Families {
		f := &out.Families[i]
		f.Open = slices.DeleteFunc(slices.Clone(f.Open), privateOutage)
		if f.Prefix == nil {
			continue
		}
		p := *f.Prefix
		p.Peers = slices.DeleteFunc(slices.Clone(p.Peers), func(x query.Peer) bool {
			return bgp.PrivateCollector(x.Collector)
		})
		hidden[f.Family] = len(f.Prefix.Peers) - len(p.Peers)
		f.Prefix = &p
	}
	out.Outages = slices.DeleteFunc(slices.Clone(a.Outages), privateOutage)
	out.OutagesTotal -= len(a.Outages) - len(out.Outages)
	out.Watch = slices.DeleteFunc(slices.Clone(a.Watch), func(l query.WatchList) bool { return !l.Public })
	return out, hidden
}

// privateOutage reports whether a short outage comes from a watch list. The short form does not
// show whether the list is public, so it counts as private.
func privateOutage(o query.Outage) bool {
	return o.Entity.Type == bgp.EntityWatch || o.Kind == bgp.KindOrigin
}
