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

// router is a Router of the configuration after the checks.
type router struct {
	prefix netip.Prefix
	name   string // empty: named by its address
	tables tableSet
}

// tableSet has a bit for each bgp.Table.
type tableSet uint8

const allTables tableSet = 1<<bgp.TablePre | 1<<bgp.TablePost | 1<<bgp.TableLoc | 1<<bgp.TableOut

func (s tableSet) has(t bgp.Table) bool { return s>>t&1 != 0 }

// parseRouters checks the list. It returns all faults.
func parseRouters(list []Router) ([]router, []config.Fault) {
	var (
		out    []router
		faults []config.Fault
	)
	byPrefix, byName := map[netip.Prefix]bool{}, map[string]bool{}
	for i, r := range list {
		p, err := parseAddress(r.Address)
		if err != nil || p != p.Masked() || byPrefix[p] {
			if r.Address != "" { // the tags report an empty address
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

// parseAddress parses an address or a prefix. It keeps the host bits of a prefix.
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

// parseTables returns the set of the tables in a checked list. An empty list means all.
func parseTables(list []string) (set tableSet) {
	for t := bgp.TablePre; t <= bgp.TableOut; t++ {
		if slices.Contains(list, t.String()) {
			set |= 1 << t
		}
	}
	return cmp.Or(set, allTables)
}

// addressName returns an address in the form used in a collector's name.
func addressName(a netip.Addr) string {
	return strings.ReplaceAll(a.Unmap().WithZone("").String(), ":", "-")
}

// find returns the router to which a connection from the address belongs. The longest prefix
// counts.
func find(routers []router, from netip.Addr) (best router, ok bool) {
	from = from.Unmap().WithZone("")
	for _, r := range routers {
		if r.prefix.Contains(from) && (!ok || r.prefix.Bits() > best.prefix.Bits()) {
			best, ok = r, true
		}
	}
	return best, ok
}

// collector returns the name of the router's collector. from is the address of its connection.
func (r *router) collector(from netip.Addr) string {
	if r.name != "" {
		return "bmp/" + r.name
	}
	return "bmp/" + addressName(from)
}
