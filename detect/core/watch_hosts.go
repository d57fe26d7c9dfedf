package core

import (
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/detect/visibility"
	"github.com/darkmap/darkmap/detect/watchlist"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

const (
	// maxHosts bounds the hosts of a record whose addresses are listed, so that a record stays
	// below kafka.MaxRecordBytes.
	maxHosts = 50
	// maxAddressesTold bounds the addresses of a host that a record lists, and those of its name
	// servers. maxAddressesJudged bounds the addresses that are judged for that.
	maxAddressesTold, maxAddressesJudged = 8, 32
)

// withHosts adds to members that are hosts their state in the log and the state of the routes to
// their addresses.
func (f *familyState) withHosts(all []bgp.WatchMember) []bgp.WatchMember {
	told := 0
	for i := range all {
		l := f.watch.List(all[i].List)
		if l == nil || told == maxHosts {
			continue
		}
		if h, ok := l.Hosts[all[i].Member]; ok {
			told++
			all[i].Host = f.hostOf(l, &h)
		}
	}
	return all
}

// hostOf returns the state of a host.
func (f *familyState) hostOf(l *watchlist.List, h *watchlist.Host) *bgp.WatchHost {
	return &bgp.WatchHost{
		ResolvedAt: timeOf(h.ResolvedAt), Problem: h.Problem, AddressesTotal: len(h.Addresses) + len(h.NameServers),
		Addresses: slices.Concat(f.hostAddresses(l, h.Addresses, false), f.hostAddresses(l, h.NameServers, true)),
	}
}

// hostAddresses returns the state of addresses, the worst first. Addresses of a family that is left
// to another detector are not among them.
func (f *familyState) hostAddresses(l *watchlist.List, all []netip.Addr, nameServer bool) []bgp.HostAddress {
	var out []bgp.HostAddress
	for _, a := range all[:min(len(all), maxAddressesJudged)] {
		of := f.all[bgp.FamilyOf(whole(a))-bgp.IPv4]
		if of.left {
			continue
		}
		j := of.vis.JudgedAddress(a)
		x := bgp.HostAddress{Address: a.String(), NameServer: nameServer, State: string(j.State)}
		if len(j.Routes) > 0 {
			x.Prefix = j.Routes[0].Prefix(of.family).String()
			x.Countries = of.vis.Countries(j.Routes[0])
			x.Abroad = isAbroad(l.Home, x.Countries)
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b bgp.HostAddress) int {
		return visibility.CompareStates(query.State(a.State), query.State(b.State))
	})
	return out[:min(len(out), maxAddressesTold)]
}

// isAbroad reports whether a list has a home and none of the countries of a route is that home. It
// is false if no country of the route is known.
func isAbroad(home string, countries []string) bool {
	return home != "" && len(countries) > 0 && !slices.Contains(countries, home)
}
