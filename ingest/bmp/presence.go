package bmp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// mostNamed bounds the missing routers that missing names.
const mostNamed = 5

// presence tracks which routers are connected. Station.mu guards it.
type presence struct {
	sessions int
	// by the router's entry: the time at which its last session ended
	left map[netip.Prefix]time.Time
}

// missing names the routers that the station waits for. It returns nil while any router has a
// session, or if none is configured.
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

// String returns the router's name and address, its address, or its prefix.
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
