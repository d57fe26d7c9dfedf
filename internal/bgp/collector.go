package bgp

import (
	"fmt"
	"slices"
	"strings"
)

// The projects whose collectors have names of their own.
const (
	ProjectRIS        = "ris"
	ProjectRouteViews = "routeviews"
)

// routeViewsCollectors are RouteViews' collectors as the BGPKIT Broker names them. Those of the older naming stand without
// their "route-views." in routeViewsOlder.
var (
	routeViewsCollectors = [...]string{
		"amsix.ams", "cix.atl", "crix.sjo", "decix.fra", "decix.jhb", "getafix.mnl", "hkix.hkg", "iix.cgk", "interlan.otp",
		"iraq-ixp.bgw", "ix-br.gru", "ix-br2.gru", "ixpn.lagos", "kinx.icn", "namex.fco", "netnod.mmx", "pacwave.lax",
		"pit.scl", "pitmx.qro", "route-views2", "route-views2.saopaulo", "route-views3", "route-views4", "route-views5",
		"route-views6", "route-views7", "route-views8",
	}
	routeViewsOlder = [...]string{
		"amsix", "bdix", "bknix", "chicago", "chile", "eqix", "flix", "fortaleza", "gixa", "gorex", "isc", "jinx", "kixp",
		"linx", "mwix", "napafrica", "nwax", "ny", "perth", "peru", "phoix", "rio", "saopaulo", "sfmix", "sg", "siex",
		"soxrs", "sydney", "telxatl", "uaeix", "wide",
	}
)

// CollectorName returns the one name of a collector, ris/rrc01 or routeviews/route-views.amsix, for any spelling that the
// sources use: RIS Live's hosts of all years (rrc01, rrc01.ripe.net, RRC01), RouteViews' host names, folders of its archive
// and parts of its topics (route-views.amsix, amsix, route-views2.routeviews.org; the archive's root, bgpdata, is
// route-views2). The project is ris or routeviews, or the Broker's riperis and route-views. A RouteViews name that is well-formed but not in the table
// passes as it is, since collectors are added every year; anything else is an error.
func CollectorName(project, spelling string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(spelling)), ".")
	switch strings.ToLower(project) {
	case ProjectRIS, "riperis", "ripe-ris":
		for _, suffix := range [...]string{".ripe.net", ".ris"} {
			name = strings.TrimSuffix(name, suffix)
		}
		if !isRRC(name) {
			return "", fmt.Errorf("%q is no RIS collector: want rrc00 to rrc99", spelling)
		}
		return ProjectRIS + "/" + name, nil
	case ProjectRouteViews, "route-views":
		name, err := routeViewsName(name)
		if err != nil {
			return "", fmt.Errorf("%q is no RouteViews collector: %w", spelling, err)
		}
		return ProjectRouteViews + "/" + name, nil
	}
	return "", fmt.Errorf("unknown project %q: want %s or %s", project, ProjectRIS, ProjectRouteViews)
}

func isRRC(name string) bool {
	return len(name) == 5 && name[:3] == "rrc" && isDigit(name[3]) && isDigit(name[4])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// routeViewsName returns the Broker's name for a spelling in lower case.
func routeViewsName(name string) (string, error) {
	for _, suffix := range [...]string{".routeviews.org", ".oregon-ix.net"} {
		name = strings.TrimSuffix(name, suffix)
	}
	older, isOlder := strings.CutPrefix(name, "route-views.")
	switch {
	case slices.Contains(routeViewsCollectors[:], name):
		return name, nil
	case slices.Contains(routeViewsOlder[:], older):
		return "route-views." + older, nil
	case !isOlder && slices.Contains(routeViewsCollectors[:], "route-views"+strings.TrimPrefix(name, "rv")):
		return "route-views" + strings.TrimPrefix(name, "rv"), nil // rv2, 2
	case name == "bgpdata":
		return "route-views2", nil
	}
	if err := CheckCollectorName(name); err != nil {
		return "", err
	}
	return name, nil
}

// CheckCollectorName reports what is wrong with a name given by a user or a source: it has to match [A-Za-z0-9._-]+ and be
// at most 64 octets long.
func CheckCollectorName(name string) error {
	if name == "" {
		return fmt.Errorf("the name is empty")
	}
	if len(name) > 64 {
		return fmt.Errorf("the name has %d octets, at most 64 are allowed", len(name))
	}
	for i := range len(name) {
		c := name[i]
		if !isDigit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != '_' && c != '-' {
			return fmt.Errorf("octet %d, %q, is not one of [A-Za-z0-9._-]", i+1, c)
		}
	}
	return nil
}
