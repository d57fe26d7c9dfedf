package bgp

import (
	"fmt"
	"slices"
	"strings"
)

// Projects whose collectors have names of their own.
const (
	ProjectRIS        = "ris"
	ProjectRouteViews = "routeviews"
)

// routeViewsCollectors and routeViewsOlder hold the RouteViews collectors as the BGPKIT Broker
// names them. routeViewsOlder holds the names of the older scheme without their "route-views."
// prefix.
var (
	routeViewsCollectors = [...]string{
		"amsix.ams", "cix.atl", "crix.sjo", "decix.fra", "decix.jhb", "getafix.mnl", "hkix.hkg", "iix.cgk",
		"interlan.otp",
		"iraq-ixp.bgw", "ix-br.gru", "ix-br2.gru", "ixpn.lagos", "kinx.icn", "namex.fco", "netnod.mmx",
		"pacwave.lax",
		"pit.scl", "pitmx.qro", "route-views2", "route-views2.saopaulo", "route-views3", "route-views4",
		"route-views5",
		"route-views6", "route-views7", "route-views8",
	}
	routeViewsOlder = [...]string{
		"amsix", "bdix", "bknix", "chicago", "chile", "eqix", "flix", "fortaleza", "gixa", "gorex", "isc",
		"jinx", "kixp",
		"linx", "mwix", "napafrica", "nwax", "ny", "perth", "peru", "phoix", "rio", "saopaulo", "sfmix",
		"sg", "siex",
		"soxrs", "sydney", "telxatl", "uaeix", "wide",
	}
)

// CollectorName returns the canonical name of a collector, such as ris/rrc01 or
// routeviews/route-views.amsix, for any spelling that a source uses. Spellings of RIS are the hosts
// of RIS Live of all years (rrc01, rrc01.ripe.net, RRC01). Spellings of RouteViews are host names,
// folders of its archive and parts of its topics (route-views.amsix, amsix,
// route-views2.routeviews.org). bgpdata, the root of the archive, is route-views2. The project is
// ris or routeviews, or the Broker's riperis or route-views. A well-formed RouteViews name that is
// in neither list is returned unchanged, because RouteViews adds collectors every year. Any other
// name is an error.
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

// routeViewsName returns the Broker's name of a collector for a spelling in lower case.
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

// CheckCollectorName checks a name that a user or a source gave. A valid name matches
// [A-Za-z0-9._-]+ and has at most 64 octets. The error describes the fault.
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
