package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/dump"
	"github.com/darkmap/darkmap/internal/terminal"
)

// dumpCmd prints the records that the decoders read.
type dumpCmd struct {
	Format     string   `help:"Form of the lines, ${enum}: as bgpdump -m, JSON, or columns as text or Parquet." enum:"bgpdump,json,tsv,parquet" default:"bgpdump"`
	Columns    []string `help:"Columns of tsv and parquet, in this order (default: all)." placeholder:"NAME"`
	Header     bool     `help:"First a line with the names of the columns (tsv)." default:"true" negatable:""`
	Output     string   `short:"o" help:"Write to this file instead of standard output." placeholder:"FILE"`
	Limit      uint64   `help:"End after so many lines." placeholder:"N"`
	Count      bool     `help:"Print only how many lines there are." xor:"count"`
	CountFiles bool     `help:"Print only how many lines each file has: number, tab, file." xor:"count"`
	Recover    bool     `help:"Go on behind damage as far as possible; with --no-recover the first damage ends the run." default:"true" negatable:""`
	dumpFilter `embed:"" group:"filters"`
	Files      []string `arg:"" name:"file" help:"MRT, RIS Live or raw BMP files, packed or not: FILE, a folder or a pattern in quotes; NAME=... names the collector; - is standard input."`
}

// Help returns the long help text. kong calls it.
func (dumpCmd) Help() string { return dumpHelp }

const dumpHelp = `Filters narrow each other; a filter that is given several times, or with a list
(a,b), wants any of its values. A line without the field does not match: a withdrawal has no path,
no origin and no communities, a change of state has no prefix.

What the time, the peer or a table's prefix rules out is not decoded: faults within it are not
reported.

Exit codes: 0 done, also where no line matches (that is said); 2 wrong usage; 3 done, but some input
was damaged or, within a folder, cannot be read: each damage is named, and what could be read behind
it is printed; 130 interrupted.`

// Run prints every file in turn, and a summary on standard error.
func (c *dumpCmd) Run(ctx context.Context, g *globals) (err error) {
	d, err := c.dumper(g)
	if err != nil {
		return usageError(err)
	}
	inputs, err := playback.Expand(c.Files)
	if err != nil {
		return usageError(err)
	}
	for _, note := range inputs.Notes {
		fmt.Fprintln(g.stderr, "darkmap:", note)
	}
	d.unread = inputs.Unread
	if c.Output != "" {
		f, err := os.Create(c.Output)
		if err != nil {
			return usageError(fmt.Errorf("--output: %w", err))
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		d.out = f
	}
	if err := d.begin(); err != nil {
		return err
	}
	for _, in := range inputs.Files {
		if err := d.file(ctx, in, g.input(ctx)); err != nil {
			return errors.Join(err, d.close())
		}
		if d.stop {
			break
		}
	}
	if err := d.end(); err != nil {
		return err
	}
	if summary := d.summary(); len(d.damaged) > 0 || d.unread > 0 {
		return &exitError{exitDamaged, errors.New(summary)}
	} else if _, err := fmt.Fprintln(g.stderr, "darkmap:", summary); err != nil {
		return err
	}
	return nil
}

// dumper returns a dumper that is set up by the flags.
func (c *dumpCmd) dumper(g *globals) (*dumper, error) {
	filter, err := c.filter()
	columns, columnsErr := dump.ParseColumns(c.Columns)
	if columnsErr != nil {
		columnsErr = fmt.Errorf("--columns: %w", columnsErr)
	}
	if len(c.Columns) > 0 && c.Format != "tsv" && c.Format != "parquet" {
		columnsErr = errors.Join(
			columnsErr, fmt.Errorf("--columns: --format %s has no columns to choose", c.Format),
		)
	}
	if err := errors.Join(err, columnsErr); err != nil {
		return nil, err
	}
	if c.Format == "parquet" && c.Output == "" && !c.Count && !c.CountFiles && terminal.IsTerminal(g.stdout) {
		return nil, errors.New("--format parquet is not for a terminal: name a file with --output, or a pipe")
	}
	d := &dumper{
		out: g.stdout, log: g.stderr, format: c.Format, columns: columns, header: c.Header,
		count: c.Count, countFiles: c.CountFiles, recover: c.Recover,
		damaged: map[string]uint64{}, notes: map[string]uint64{},
	}
	d.selection, d.filtered = dump.NewSelection(filter, c.Limit), c.any()
	return d, nil
}
