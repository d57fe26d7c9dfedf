package ingest

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/internal/bgp"
)

// Description describes a source of the configuration in words.
type Description struct{ Name, Text string }

// Describe lists the sources, for display at the start.
func (c *Config) Describe(follow bool) []Description {
	archives := Description{"archives", "off: what was missed stays unknown (ingest.archives)"}
	if c.Archives || follow {
		archives.Text = "tables, gaps and the daily check, by " +
			cmp.Or(c.Archive.Directory, c.Archive.Index, c.Archive.Broker)
	}
	if follow {
		return []Description{
			{"follows", fmt.Sprintf("%s, %v behind the clock",
				bgp.Count(len(c.Follow.Collectors), "collector"), c.Follow.Delay)},
			archives,
		}
	}
	ris := Description{"RIS Live", "off (ingest.rislive.enabled)"}
	if c.RISLive.Enabled {
		ris.Text = fmt.Sprintf("%s of RIPE NCC's Routing Information Service, %s",
			bgp.Count(len(c.RISLive.Collectors), "collector"), c.RISLive.URL)
	}
	rv := Description{"RouteViews", "off (ingest.routeviews.enabled)"}
	if c.RouteViews.Enabled {
		rv.Text = "the collectors of the University of Oregon's RouteViews, " +
			strings.Join(c.RouteViews.Brokers, ", ")
	}
	routers := Description{"BMP", "closed: no routers are named (ingest.bmp.routers)"}
	if len(c.BMP.Routers) > 0 {
		routers.Text = fmt.Sprintf("%s, for %s", c.BMP.Listen, routersText(c.BMP.Routers))
	}
	return []Description{ris, rv, routers, archives}
}

// routersText counts the entries: routers, and networks of routers.
func routersText(list []bmp.Router) string {
	networks := 0
	for _, r := range list {
		if strings.Contains(r.Address, "/") {
			networks++
		}
	}
	switch routers := len(list) - networks; {
	case networks == 0:
		return bgp.Count(routers, "router")
	case routers == 0:
		return "routers of " + bgp.Count(networks, "network")
	default:
		return bgp.Count(routers, "router") + " and those of " + bgp.Count(networks, "network")
	}
}
