package routertest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// View is the state of a lab as a log of darkmap says it: whoever reads the log calls it for each record, in order. Each router is the
// collector bmp/<its name>.
type View struct {
	tables map[string]map[netip.Addr]map[netip.Prefix][]bgp.ASN // by collector and peer; those that are up
	// history has, by collector, peer and prefix, A for an announcement, W for a withdrawal, | where the peer or the collector went.
	history map[string]string
	last    map[string]bgp.Position // live
	faults  []error
}

// NewView is of an empty log.
func NewView() *View {
	return &View{map[string]map[netip.Addr]map[netip.Prefix][]bgp.ASN{}, map[string]string{}, map[string]bgp.Position{}, nil}
}

func historyKey(collector string, peer netip.Addr, p netip.Prefix) string {
	return fmt.Sprintf("%s %v %v", collector, peer, p)
}

func (v *View) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Errorf(format, args...))
}

// At takes a record's position, which must rise.
func (v *View) At(p bgp.Position) {
	if last, ok := v.last[p.Collector]; ok && !p.After(last) {
		v.fault("%v stands behind %v", p, last)
	}
	v.last[p.Collector] = p
}

// CollectorDown forgets all peers of a collector.
func (v *View) CollectorDown(collector string) {
	for p := range v.tables[collector] {
		v.PeerDown(collector, p)
	}
}

// PeerUp begins with an empty table.
func (v *View) PeerUp(collector string, peer netip.Addr) {
	v.PeerDown(collector, peer)
	if v.tables[collector] == nil {
		v.tables[collector] = map[netip.Addr]map[netip.Prefix][]bgp.ASN{}
	}
	v.tables[collector][peer] = map[netip.Prefix][]bgp.ASN{}
}

// PeerDown forgets a peer's routes.
func (v *View) PeerDown(collector string, peer netip.Addr) {
	for prefix := range v.tables[collector][peer] {
		v.history[historyKey(collector, peer, prefix)] += "|"
	}
	delete(v.tables[collector], peer)
}

// Change is what one message says.
func (v *View) Change(collector string, peer netip.Addr, withdrawn, announced []netip.Prefix, path []bgp.ASN) {
	held, up := v.tables[collector][peer]
	if !up {
		v.fault("%s: a message of peer %v, which is not up", collector, peer)
		return
	}
	for _, p := range withdrawn {
		delete(held, p)
		v.history[historyKey(collector, peer, p)] += "W"
	}
	for _, p := range announced {
		held[p] = path
		v.history[historyKey(collector, peer, p)] += "A"
	}
}

// Agrees is an error where the log is out of order or says something else than the tables of the routers that run.
func (v *View) Agrees(l *Lab) error {
	if len(v.faults) > 0 {
		return v.faults[0]
	}
	for _, r := range l.Routers {
		if !r.Running() {
			continue
		}
		tables, err := r.read()
		if err != nil {
			return err
		}
		for n, want := range tables {
			got, up := v.tables["bmp/"+r.Name][n.Address]
			if n.Router.Running() && !up {
				return fmt.Errorf("%s: peer %v is not up in the log", r.Name, n.Address)
			}
			if !maps.EqualFunc(want, got, slices.Equal[[]bgp.ASN, bgp.ASN]) {
				return fmt.Errorf("%s, peer %v: the router has %v, the log %v", r.Name, n.Address, want, got)
			}
		}
	}
	return nil
}
