package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/dump"
)

// dumpCmd prints what the decoders read.
type dumpCmd struct {
	Format string   `help:"Form of the lines, ${enum}: as bgpdump -m, or JSON." enum:"bgpdump,json" default:"bgpdump"`
	Files  []string `arg:"" name:"file" help:"MRT, RIS Live or raw BMP file, packed or not; NAME=FILE names its collector; - is standard input."`
}

const (
	// dumpFlush is how many octets of lines are gathered before they are written.
	dumpFlush = 64 << 10
	// dumpCheck is after how many items it is looked whether to stop.
	dumpCheck = 1024
	// dumpWarnings is how many damages of a file are told one by one.
	dumpWarnings = 20
)

// dumpFormatter is one of the forms.
type dumpFormatter interface {
	Append(dst []byte, it *capture.Item) ([]byte, error)
}

// Run prints every file in turn and sums up on standard error.
func (c *dumpCmd) Run(ctx context.Context, g *globals) error {
	inputs := make([]playback.Input, len(c.Files))
	for i, arg := range c.Files {
		in, err := playback.ParseInput(arg)
		if err != nil {
			return usageError(err)
		}
		inputs[i] = in
	}
	d := dumper{out: g.stdout, log: g.stderr, damaged: map[string]uint64{}, notes: map[string]uint64{}}
	for i, in := range inputs {
		if err := d.file(ctx, c.Format, in, in.Path != c.Files[i], g.input(ctx)); err != nil {
			return err
		}
	}
	summary := d.summary()
	if len(d.damaged) > 0 {
		return &exitError{exitDamaged, errors.New(summary)}
	}
	_, err := fmt.Fprintln(g.stderr, "darkmap:", summary)
	return err
}

// dumper is one run over all files.
type dumper struct {
	out, log io.Writer
	buf      []byte
	tally    dump.Tally

	records, refused        uint64
	packedBytes, plainBytes int64
	damaged, notes          map[string]uint64
	warned                  int
}

// file prints one file. The error is that of opening it, of writing, or of ctx.
func (d *dumper) file(ctx context.Context, format string, in playback.Input, named bool, stdin io.Reader) (err error) {
	r, err := capture.Open(in.Path, stdin)
	if err != nil {
		return usageError(err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d.warned = 0
	var f dumpFormatter
	if format == "json" {
		j := dump.NewJSON(in.Collector, named)
		defer func() { d.tally.Add(&j.Tally) }()
		f = j
	} else {
		b := dump.NewBGPDump()
		defer func() { d.tally.Add(&b.Tally) }()
		f = b
	}
	err = d.items(ctx, r, f)
	d.count(r)
	if d.warned > dumpWarnings {
		fmt.Fprintf(d.log, "darkmap: %s: %d more damages\n", in.Path, d.warned-dumpWarnings)
	}
	return err
}

// items prints the items of one file.
func (d *dumper) items(ctx context.Context, r *capture.Reader, f dumpFormatter) error {
	for n := 0; ; n++ {
		if n%dumpCheck == 0 {
			if err := ctx.Err(); err != nil {
				return errors.Join(d.flush(), err)
			}
		}
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			return d.flush()
		}
		if err == nil {
			if d.buf, err = f.Append(d.buf, it); err != nil {
				d.refused++
				d.damaged[string(capture.BadRecord)]++
				err = &capture.Damage{File: r.Name(), Offset: it.Offset, Number: it.Number, Reason: capture.BadRecord, Err: err}
			}
		}
		if err != nil {
			if d.warned++; d.warned <= dumpWarnings {
				fmt.Fprintln(d.log, "darkmap:", err)
			}
		}
		if len(d.buf) >= dumpFlush {
			if err := d.flush(); err != nil {
				return err
			}
		}
	}
}

func (d *dumper) flush() error {
	if len(d.buf) == 0 {
		return nil
	}
	_, err := d.out.Write(d.buf)
	d.buf = d.buf[:0]
	if err != nil {
		return fmt.Errorf("writing lines: %w", err)
	}
	return nil
}

// count adds what r says of its file.
func (d *dumper) count(r *capture.Reader) {
	s := r.Stats()
	d.records += s.Records
	d.packedBytes += s.FileBytes
	d.plainBytes += s.Bytes
	d.refused += s.Records - s.Items
	for reason, n := range s.Damaged {
		d.damaged[string(reason)] += n
	}
	for note, n := range s.Notes {
		d.notes[note] += n
	}
}

// summary says how much was read, and what was skipped and why.
func (d *dumper) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records read, %d octets (%d as packed); %d skipped", d.records, d.plainBytes, d.packedBytes, d.refused)
	if len(d.damaged) > 0 {
		b.WriteString(": " + counted(d.damaged))
	}
	if len(d.notes) > 0 {
		b.WriteString("; nothing to print: " + counted(d.notes))
	}
	for _, line := range d.tally.Lines() {
		b.WriteString("; " + line)
	}
	return b.String()
}

// counted lists counts by name.
func counted(counts map[string]uint64) string {
	list := make([]string, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(list, ", ")
}
