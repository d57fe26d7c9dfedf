package routertest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// View is the state of a lab according to darkmap's log. The reader of the log calls its methods
// for each record, in order. Each router is the collector bmp/<its name>.
type View struct {
	// tables holds the routes by collector and peer, of the peers that are up.
	tables map[string]map[netip.Addr]map[netip.Prefix][]bgp.ASN
	// history holds, by collector, peer and prefix, A for an announcement, W for a withdrawal, and
	// | for the end of the peer's session or the collector's.
	history map[string]string
	last    map[string]bgp.Position // last position of each collector
	faults  []error
}

// NewView returns the view of an empty log.
func NewView() *View {
	return &View{
		map[string]map[netip.Addr]map[netip.Prefix][]bgp.ASN{},
		map[string]string{},
		map[string]bgp.Position{},
		nil,
	}
}

func historyKey(collector string, peer netip.Addr, p netip.Prefix) string {
	return fmt.Sprintf("%s %v %v", collector, peer, p)
}

func (v *View) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Errorf(format, args...))
}

// At checks that the positions of a collector's records rise.
func (v *View) At(p bgp.Position) {
	if last, ok := v.last[p.Collector]; ok && !p.After(last) {
		v.fault("%v stands behind %v", p, last)
	}
	v.last[p.Collector] = p
}

// CollectorDown deletes all peers of a collector.
func (v *View) CollectorDown(collector string) {
	for p := range v.tables[collector] {
		v.PeerDown(collector, p)
	}
}

// PeerUp starts a peer with an empty table.
func (v *View) PeerUp(collector string, peer netip.Addr) {
	v.PeerDown(collector, peer)
	if v.tables[collector] == nil {
		v.tables[collector] = map[netip.Addr]map[netip.Prefix][]bgp.ASN{}
	}
	v.tables[collector][peer] = map[netip.Prefix][]bgp.ASN{}
}

// PeerDown deletes a peer and its routes.
func (v *View) PeerDown(collector string, peer netip.Addr) {
	for prefix := range v.tables[collector][peer] {
		v.history[historyKey(collector, peer, prefix)] += "|"
	}
	delete(v.tables[collector], peer)
}

// Change applies the routes of one message.
func (v *View) Change(
	collector string, peer netip.Addr, withdrawn, announced []netip.Prefix, path []bgp.ASN,
) {
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

// Agrees returns an error if the log is out of order or differs from the tables of the running
// routers.
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
