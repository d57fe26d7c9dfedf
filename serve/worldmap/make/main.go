// Command make draws the world map that comes with darkmap from Natural Earth's countries at 1:50m
// and 1:10m, which the npm package world-atlas redistributes as TopoJSON. It fetches the package
// through npm, or takes it from the cache, and writes world.json into the working directory (go
// generate: serve/worldmap).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/darkmap/darkmap/internal/atomicfile"
	"github.com/darkmap/darkmap/internal/fetch"
	"github.com/darkmap/darkmap/internal/progress"
)

// worldAtlas is Natural Earth 4.1 as TopoJSON.
var worldAtlas = fetch.Item{
	Name: "world-atlas", Package: "world-atlas", Version: "2.0.2",
	SHA256:  "032e7765f2ce00edaeafec23ff22bc3b77e42987c257da944cc585b452c05b97",
	Bytes:   2277546,
	Files:   []fetch.File{{Name: medium, Size: 756420}, {Name: detailed, Size: 3661071}},
	Licence: "ISC (world-atlas); public domain (Natural Earth)",
}

const (
	medium   = "countries-50m.json"
	detailed = "countries-10m.json"
)

func main() {
	out := flag.String("out", "world.json", "the file to write")
	only := flag.Bool("fetch", false, "fetch Natural Earth into the cache, and draw nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *out, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1) //nolint:forbidigo // a command of its own
	}
}

func run(ctx context.Context, out string, only bool) error {
	dir, err := fetch.Ensure(ctx, "", worldAtlas, progress.NewLine(os.Stderr))
	if err != nil || only {
		return err
	}
	b, err := generate(dir)
	if err != nil {
		return fmt.Errorf("drawing the world: %w", err)
	}
	return atomicfile.WriteMode(out, b, 0o644)
}

// generate draws the map from the files in dir.
func generate(dir string) ([]byte, error) {
	shapes, err := readTopology(filepath.Join(dir, medium))
	if err != nil {
		return nil, err
	}
	places, err := readTopology(filepath.Join(dir, detailed))
	if err != nil {
		return nil, err
	}
	m, err := draw(shapes, places)
	if err != nil {
		return nil, err
	}
	return m.Encode()
}
