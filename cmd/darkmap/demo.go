package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// demoCmd replays the reconstruction of December 2014.
type demoCmd struct {
	Seed    uint64 `help:"Draw another country of the world, and shift all times." placeholder:"N"`
	Export  string `help:"Write the world as MRT files and stop." type:"path" placeholder:"DIR"`
	Late    string `help:"This collector joins two hours late." type:"collector" placeholder:"COLLECTOR"`
	Early   string `help:"This collector ends early." type:"collector" placeholder:"COLLECTOR"`
	Format  string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
	NoStore bool   `help:"Leave ClickHouse out."`
	filter  `embed:""`
}

// Run makes the world, and replays it or writes it.
func (c *demoCmd) Run(ctx context.Context, g *globals) (err error) {
	if err := c.check(); err != nil {
		return usageError(err)
	}
	world, err := simulate.December2014(simulate.Config{Seed: c.Seed, Late: c.Late, Early: c.Early})
	if err != nil {
		return usageError(err)
	}
	fmt.Fprintln(g.stderr, world.Label())
	if c.Export != "" {
		return c.export(g, world)
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	state, err := g.openDataDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	dir := filepath.Join(state.Temp(), "demo")
	defer os.RemoveAll(dir) //nolint:errcheck // the next run removes it too
	files, err := world.Export(dir)
	if err != nil {
		return err
	}
	inputs, cleanup, err := parseInputs(ctx, g, state.Temp(), simulate.Arguments(dir, files))
	if err != nil {
		return err
	}
	defer cleanup()
	plan, err := playback.NewPlan(ctx, inputs)
	if err != nil {
		return err
	}
	if err := cfg.load(filepath.Join(dir, simulate.ConfigFile), nil); err != nil { // the world's own geography
		return err
	}
	r := &datasetRun{g: g, dir: state, cfg: cfg, plan: plan, dataset: c.dataset(), replace: true, store: !c.NoStore, command: "demo", json: c.Format == "json"}
	var show func(bgp.Outage)
	if c.Format == "table" {
		stream := outagelog.NewStream(c.outages())
		show = func(o bgp.Outage) { c.show(g, stream, o) }
	}
	results, err := r.do(ctx, show)
	if results == nil {
		return err
	}
	return errors.Join(err, c.print(g, world, results))
}

// dataset is demo, and for a seed its own.
func (c *demoCmd) dataset() string {
	if c.Seed == 0 {
		return "demo"
	}
	return fmt.Sprintf("demo-%d", c.Seed)
}

// export writes the world and says how to replay it.
func (c *demoCmd) export(g *globals, world *simulate.World) error {
	files, err := world.Export(c.Export)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := fmt.Fprintf(g.stdout, "%s\t%d bytes\n", f.Name, f.Bytes); err != nil {
			return err
		}
	}
	fmt.Fprintf(g.stderr, "to find the outages in them: cd %s and see README.txt\n", c.Export)
	return nil
}

// show prints the beginning and the end of a country's outages as they are found.
func (c *demoCmd) show(g *globals, stream *outagelog.Stream, o bgp.Outage) {
	for _, o := range stream.Add(o) {
		if o.Entity.Type == bgp.EntityCountry {
			_ = g.line.Print(g.stdout, eventLine(o)) // what cannot be written is told by the result
		}
	}
}

// print writes the result: the objects, or the story of the country.
func (c *demoCmd) print(g *globals, world *simulate.World, r *outagelog.Log) error {
	f := c.outages()
	if c.Format == "table" && f.IsZero() {
		f.Countries = []string{world.Country()}
	}
	shown := r.Select(f)
	switch {
	case len(shown) == 0:
		return writeNothing(g, r.Tally(f), c.Format)
	case c.Format == "json":
		return writeJSON(g.stdout, shown)
	}
	if err := writeTable(g, shown); err != nil {
		return err
	}
	all := outagelog.Outages(shown)
	width := terminalWidth(g.stdout)
	longest := longestOutage(all)
	of := slices.DeleteFunc(slices.Clone(all), func(o bgp.Outage) bool { return o.Entity != longest.Entity || o.Family != longest.Family })
	strip := timeline(of, timelineOptions{
		Title: entityText(longest.Entity) + ", " + longest.Family, From: world.Start(), To: world.End(), Width: width, ASCII: !unicodeTerminal(),
	})
	text := []string{"", "What could be seen, hour by hour:"}
	text = append(text, strip...)
	text = append(text, "", "What a person could post:", "  "+longest.Post, "", "The same in full:", "  "+longest.Summary)
	if !c.NoStore {
		text = append(text, "", "To look further:")
		for _, q := range furtherSQL(longest) {
			text = append(text, "  "+g.command("sql", `"`+q+`"`))
		}
	}
	text = append(text, "", world.Label())
	_, err := fmt.Fprintln(g.stdout, strings.Join(text, "\n"))
	return err
}

// longestOutage prefers real outages to other kinds, and what is wider to what lies in it; all is not empty.
func longestOutage(all []bgp.Outage) bgp.Outage {
	return slices.MaxFunc(all, func(a, b bgp.Outage) int {
		if x, y := a.Kind == bgp.KindOutage, b.Kind == bgp.KindOutage; x != y {
			return map[bool]int{true: 1, false: -1}[x]
		}
		return cmp.Or(cmp.Compare(breadth(a), breadth(b)), cmp.Compare(a.DurationSeconds, b.DurationSeconds))
	})
}

// breadth orders entities by what they contain.
func breadth(o bgp.Outage) int {
	return slices.Index([]bgp.EntityType{bgp.EntityPrefix, bgp.EntityAS, bgp.EntityRegion, bgp.EntityCountry, bgp.EntityWorld}, o.Entity.Type)
}

// terminalWidth is that of w; 0, unlimited, where it is no terminal.
func terminalWidth(w any) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// unicodeTerminal reports whether the locale can show more than ASCII.
func unicodeTerminal() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return strings.Contains(strings.ToUpper(v), "UTF")
		}
	}
	return false
}
