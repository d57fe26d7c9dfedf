package bmp

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

// router is a Router that was checked.
type router struct {
	prefix netip.Prefix
	name   string // empty: by address
	tables tableSet
}

// tableSet has a bit for each bgp.Table.
type tableSet uint8

const allTables tableSet = 1<<bgp.TablePre | 1<<bgp.TablePost | 1<<bgp.TableLoc | 1<<bgp.TableOut

func (s tableSet) has(t bgp.Table) bool { return s>>t&1 != 0 }

// parseRouters checks the list; the faults are all there are.
func parseRouters(list []Router) ([]router, []config.Fault) {
	var (
		out    []router
		faults []config.Fault
	)
	byPrefix, byName := map[netip.Prefix]bool{}, map[string]bool{}
	for i, r := range list {
		p, err := parseAddress(r.Address)
		if err != nil || p != p.Masked() || byPrefix[p] {
			if r.Address != "" { // its tags say that
				faults = append(faults, config.Fault{Key: fmt.Sprintf("routers[%d].address", i), Value: r.Address})
			}
			continue
		}
		byPrefix[p] = true
		name := r.Name
		if name == "" && p.IsSingleIP() {
			name = addressName(p.Addr())
		}
		if r.Name != "" && (!p.IsSingleIP() || bgp.CheckCollectorName(name) != nil) || name != "" && byName[name] {
			faults = append(faults, config.Fault{Key: fmt.Sprintf("routers[%d].name", i), Value: name})
		}
		byName[name] = true
		out = append(out, router{p, r.Name, parseTables(r.Tables)})
	}
	return out, faults
}

// parseAddress reads an address or a prefix, whose host bits are left as they are.
func parseAddress(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// parseTables returns the tables of a list, which were checked; none are all.
func parseTables(list []string) (set tableSet) {
	for t := bgp.TablePre; t <= bgp.TableOut; t++ {
		if slices.Contains(list, t.String()) {
			set |= 1 << t
		}
	}
	return cmp.Or(set, allTables)
}

// addressName writes an address as part of a collector's name.
func addressName(a netip.Addr) string {
	return strings.ReplaceAll(a.Unmap().WithZone("").String(), ":", "-")
}

// find returns the router that a connection from the address belongs to: the longest prefix counts.
func find(routers []router, from netip.Addr) (best router, ok bool) {
	from = from.Unmap().WithZone("")
	for _, r := range routers {
		if r.prefix.Contains(from) && (!ok || r.prefix.Bits() > best.prefix.Bits()) {
			best, ok = r, true
		}
	}
	return best, ok
}

// collector is the name of the one that the router is.
func (r *router) collector(from netip.Addr) string {
	if r.name != "" {
		return "bmp/" + r.name
	}
	return "bmp/" + addressName(from)
}
