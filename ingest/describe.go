package ingest

import (
	"fmt"
)

// Description says in words what a source of the configuration is.
type Description struct{ Name, Text string }

// Describe lists the sources, for whoever starts them.
func (c *Config) Describe(follow bool) []Description {
	var all []Description
	text := "closed: no routers are named (ingest.bmp.routers)"
	if n := len(c.BMP.Routers); n > 0 {
		text = fmt.Sprintf("%s, for %d routers or networks", c.BMP.Listen, n)
	}
	_ = follow
	return append(all, Description{"BMP", text})
}
