package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/progress"
	"github.com/darkmap/darkmap/internal/storefile"
	"github.com/darkmap/darkmap/internal/timespan"
)

// exportCmd writes a dataset as Parquet files.
type exportCmd struct {
	Dataset string `help:"Dataset whose rows are written (default ${default})." default:"live" placeholder:"NAME"`
	From    string `help:"Leave out what happened before this time." placeholder:"TIME"`
	To      string `help:"Leave out what happened at this time or later; of a date, the day is in." placeholder:"TIME"`
	Output  string `help:"Folder for the files; it is made. An export that was interrupted there goes on." required:"" placeholder:"DIR" type:"path"`
}

// Run exports the dataset.
func (c *exportCmd) Run(ctx context.Context, g *globals) error {
	from, to, err := timespan.ParseWindow(c.From, c.To, false)
	if err = errors.Join(err, checkDatasetName(c.Dataset)); err != nil {
		return usageError(err)
	}
	return g.withLease(ctx, false, func(l *lease) error {
		e := storefile.Export{
			Server: l.full, Dataset: c.Dataset, From: from, To: to, Dir: c.Output,
			Version: version, Progress: g.reporting(),
		}
		m, wrote, err := e.Run(ctx)
		g.line.Clear()
		switch {
		case errors.Is(err, storefile.ErrOther):
			return usageError(err)
		case err != nil && m != nil:
			return fmt.Errorf("%w; the same command goes on", err)
		case err != nil:
			return err
		case wrote == 0 && len(m.Files) > 0:
			_, err = fmt.Fprintf(g.stdout, "the export is there already, complete: nothing was written\n")
			return err
		}
		_, err = fmt.Fprintf(
			g.stdout, "%s of dataset %s in %s (%s): %s\n",
			bgp.Count(m.Rows(), "row"), c.Dataset, bgp.Count(len(m.Files), "file"),
			progress.Bytes(m.Octets()), c.Output,
		)
		return err
	})
}

// reporting returns a function that draws the progress of a long command. Its time starts now.
func (g *globals) reporting() func(string) {
	g.line.Begin(time.Now())
	return func(text string) { g.line.Report(time.Now(), text) }
}

// importCmd reads the files that exportCmd wrote.
type importCmd struct {
	Dir     string `arg:"" help:"Folder that export wrote." placeholder:"DIR" type:"path"`
	Dataset string `help:"Name of the dataset in this store (default: the one that was exported)." placeholder:"NAME"`
}

// Run imports the files after it has checked all of them.
func (c *importCmd) Run(ctx context.Context, g *globals) error {
	if err := checkDatasetName(c.Dataset); err != nil {
		return usageError(err)
	}
	in := storefile.Import{Dir: c.Dir, Dataset: c.Dataset, Progress: g.reporting()}
	m, err := in.Open()
	g.line.Clear()
	if err != nil {
		return fmt.Errorf("%w; nothing was imported", err)
	}
	if in.Dataset == "" {
		in.Dataset = m.Dataset
	}
	if err := errors.Join(checkDatasetName(in.Dataset), checkPlayed(in.Dataset)); err != nil {
		return usageError(fmt.Errorf("%w; nothing was imported", err))
	}
	cfg, err := g.configuration()
	if err != nil {
		return err
	}
	s := &session{g: g, write: true, create: true}
	return s.with(ctx, func(l *lease) error { return c.fill(ctx, g, cfg, l, in, m) })
}

// fill imports into a store, which may be new.
func (c *importCmd) fill(
	ctx context.Context, g *globals, cfg *configuration,
	l *lease, in storefile.Import, m *storefile.Manifest,
) error {
	if err := l.refuseWritten(in.Dataset); err != nil {
		return fmt.Errorf("%w; nothing was imported", err)
	}
	if err := g.prepareSchema(ctx, l.server, cfg); err != nil {
		return err
	}
	in.Server = l.server
	read, err := in.Run(ctx, m)
	g.line.Clear()
	switch {
	case err != nil:
		return err
	case read == 0:
		_, err = fmt.Fprintf(
			g.stdout, "dataset %s is there already, complete: nothing was imported\n", in.Dataset,
		)
	default:
		_, err = fmt.Fprintf(
			g.stdout, "%s imported into dataset %s from %s\n",
			bgp.Count(m.Rows(), "row"), in.Dataset, bgp.Count(read, "file"),
		)
	}
	return err
}
