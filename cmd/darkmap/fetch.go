package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/darkmap/darkmap/internal/fetch"
)

// fetchCmd fetches the data that later runs need, so that they work offline.
type fetchCmd struct {
	GeoDate string `help:"Fetch the geography of this day instead, from the RIRs or whom the configuration names, for replays of that time." placeholder:"DATE"`
}

// Run fetches every missing item and prints the folders of all items.
func (c *fetchCmd) Run(ctx context.Context, g *globals) error {
	if c.GeoDate != "" {
		return g.bringSnapshot(ctx, c.GeoDate)
	}
	var faults []error
	for _, item := range fetch.Items() {
		dir, err := fetch.Ensure(ctx, g.CacheDir, item, g.line)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		fmt.Fprintf(g.stdout, "%s\t%s\t%s\t%s\n", item.Name, item.Version, item.Licence, dir)
	}
	if _, ok := fetch.Engine(); !ok {
		fmt.Fprintf(
			g.stderr, "there is no embedded ClickHouse for %s/%s: configure clickhouse.addresses\n",
			runtime.GOOS, runtime.GOARCH,
		)
	}
	return errors.Join(faults...)
}
