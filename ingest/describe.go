package ingest

import (
	"cmp"
	"fmt"
	"strings"
)

// Description says in words what a source of the configuration is.
type Description struct{ Name, Text string }

// Describe lists the sources, for whoever starts them.
func (c *Config) Describe(follow bool) []Description {
	archives := Description{"archives", "off: what was missed stays unknown (ingest.archives)"}
	if c.Archives || follow {
		archives.Text = "tables, gaps and the daily check, by " + cmp.Or(c.Archive.Directory, c.Archive.Index, c.Archive.Broker)
	}
	if follow {
		return []Description{{"follows", fmt.Sprintf("%d collectors, %v behind the clock", len(c.Follow.Collectors), c.Follow.Delay)}, archives}
	}
	ris := Description{"RIS Live", "off (ingest.rislive.enabled)"}
	if c.RISLive.Enabled {
		ris.Text = fmt.Sprintf("%d collectors of RIPE NCC's Routing Information Service, %s", len(c.RISLive.Collectors), c.RISLive.URL)
	}
	rv := Description{"RouteViews", "off (ingest.routeviews.enabled)"}
	if c.RouteViews.Enabled {
		rv.Text = "the collectors of the University of Oregon's RouteViews, " + strings.Join(c.RouteViews.Brokers, ", ")
	}
	routers := Description{"BMP", "closed: no routers are named (ingest.bmp.routers)"}
	if n := len(c.BMP.Routers); n > 0 {
		routers.Text = fmt.Sprintf("%s, for %d routers or networks", c.BMP.Listen, n)
	}
	return []Description{ris, rv, routers, archives}
}
