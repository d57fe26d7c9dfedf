package bmp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// mostNamed is how many routers are named that are not there.
const mostNamed = 5

// presence knows which routers are there. Station.mu guards it.
type presence struct {
	sessions int
	left     map[netip.Prefix]time.Time // by the router's entry: when the last session of it ended
}

// missing says whom the station waits for while nobody is there.
func (a *presence) missing(routers []router) error {
	if a.sessions > 0 || len(routers) == 0 {
		return nil
	}
	lastFirst := slices.Clone(routers)
	slices.SortStableFunc(lastFirst, func(x, y router) int { return a.left[y.prefix].Compare(a.left[x.prefix]) })
	var names []string
	for _, r := range lastFirst[:min(len(lastFirst), mostNamed)] {
		switch t, known := a.left[r.prefix]; {
		case len(a.left) == 0:
			names = append(names, r.String())
		case known:
			names = append(names, fmt.Sprintf("%v not since %s UTC", r, t.UTC().Format(time.DateTime)))
		default:
			names = append(names, fmt.Sprintf("%v never", r))
		}
	}
	if n := len(routers) - len(names); n > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	list := strings.Join(names, ", ")
	if len(a.left) == 0 {
		return errors.New("bmp: no router has connected yet: waiting for " + list)
	}
	return errors.New("bmp: no router is connected: " + list)
}

// String is the router as its operator knows it: by name and address, address, or prefix.
func (r router) String() string {
	address := r.prefix.String()
	if r.prefix.IsSingleIP() {
		address = r.prefix.Addr().String()
	}
	if r.name == "" {
		return address
	}
	return r.name + " (" + address + ")"
}
