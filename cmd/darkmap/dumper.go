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
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/dump"
)

const (
	// dumpFlush is how many octets of lines are gathered before they are written.
	dumpFlush = 64 << 10
	// dumpCheck is how many items are read between two checks of the context.
	dumpCheck = 1024
	// dumpWarnings is how many damages of a file are printed one by one.
	dumpWarnings = 20
)

// dumpFormatter appends an item in one of the output formats.
type dumpFormatter interface {
	Append(dst []byte, it *capture.Item) ([]byte, error)
}

// dumper is one run over all files.
type dumper struct {
	out, log  io.Writer
	format    string
	columns   dump.Columns
	header    bool
	selection *dump.Selection
	filtered  bool
	recover   bool // whether to go on behind damage
	stop      bool

	count, countFiles bool

	parquet *dump.ParquetWriter // set for format parquet
	buf     []byte
	tally   dump.Tally

	records, refused        uint64
	packedBytes, plainBytes int64
	damaged, notes          map[string]uint64
	warned                  int
	unread                  int    // files and folders that were left out
	passedOver              int64  // octets that belong to no record
	behind                  uint64 // records read behind the first damage of their file
}

// begin prints the header line, or opens the Parquet writer.
func (d *dumper) begin() error {
	if d.format == "tsv" && d.header && !d.counting() {
		d.buf = append(d.buf, d.columns.Header()...)
	}
	if d.format == "parquet" && !d.counting() {
		d.parquet = dump.NewParquetWriter(d.out, d.columns)
	}
	return d.flush()
}

// end prints the count, with --count, and writes the rest of the output.
func (d *dumper) end() error {
	if d.count {
		d.buf = fmt.Appendf(d.buf, "%d\n", d.selection.Matched())
	}
	return errors.Join(d.flush(), d.close())
}

// close writes the end of a Parquet file. The file cannot be read without it.
func (d *dumper) close() error {
	if d.parquet == nil {
		return nil
	}
	return d.parquet.Close()
}

func (d *dumper) counting() bool { return d.count || d.countFiles }

// formatter returns the formatter of one file, and its tally.
func (d *dumper) formatter(in playback.Input) (dumpFormatter, *dump.Tally) {
	switch {
	case d.counting():
		f := dump.NewCount(d.format == "bgpdump", d.selection)
		return f, &f.Tally
	case d.format == "json":
		f := dump.NewJSON(in.Collector, in.Named, d.selection)
		return f, &f.Tally
	case d.parquet != nil:
		f := dump.NewParquet(in.Path, in.Collector, in.Named, d.parquet, d.selection)
		return f, &f.Tally
	case d.format == "tsv":
		f := dump.NewTSV(in.Path, in.Collector, in.Named, d.columns, d.selection)
		return f, &f.Tally
	}
	f := dump.NewBGPDump(d.selection)
	return f, &f.Tally
}

// file prints one file. It fails if the file cannot be opened, if writing fails, or if ctx ends.
func (d *dumper) file(ctx context.Context, in playback.Input, stdin io.Reader) (err error) {
	r, err := capture.Open(in.Path, stdin)
	if err != nil {
		return usageError(err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d.warned = 0
	before := d.selection.Matched()
	f, tally := d.formatter(in)
	err = d.items(ctx, r, f)
	d.tally.Add(tally)
	d.sum(r)
	if d.warned > dumpWarnings {
		fmt.Fprintf(d.log, "darkmap: %s: %d more damages\n", in.Path, d.warned-dumpWarnings)
	}
	if d.countFiles {
		d.buf = fmt.Appendf(d.buf, "%d\t%s\n", d.selection.Matched()-before, dump.Field(r.Name()))
		err = errors.Join(err, d.flush())
	}
	return err
}

// items prints the items of one file.
func (d *dumper) items(ctx context.Context, r *capture.Reader, f dumpFormatter) error {
	for n := 0; !d.stop; n++ {
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
			if d.warned > 0 {
				d.behind++
			}
			if d.buf, err = f.Append(d.buf, it); err != nil {
				d.refused++
				d.damaged[string(capture.BadRecord)]++
				err = &capture.Damage{
					File: r.Name(), Offset: it.Offset, Number: it.Number, Reason: capture.BadRecord, Err: err,
				}
			}
			d.stop = d.selection.Done()
		}
		if err != nil {
			d.damage(err)
		}
		if d.parquet != nil && d.parquet.Err() != nil {
			return d.parquet.Err()
		}
		if len(d.buf) >= dumpFlush {
			if err := d.flush(); err != nil {
				return err
			}
		}
	}
	return d.flush()
}

// damage counts a damaged part and prints it if it is one of the first dumpWarnings of its file.
func (d *dumper) damage(err error) {
	if damage, ok := errors.AsType[*capture.Damage](err); ok {
		d.passedOver += damage.Skipped
	}
	if d.warned++; d.warned <= dumpWarnings {
		fmt.Fprintln(d.log, "darkmap:", err)
	}
	d.stop = d.stop || !d.recover
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

// sum adds the statistics of r to the totals.
func (d *dumper) sum(r *capture.Reader) {
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

// summary returns how much was read, how much was skipped and why, and how many lines the filters
// let pass.
func (d *dumper) summary() string {
	var b strings.Builder
	fmt.Fprintf(
		&b, "%s read, %d octets (%d as packed); %d skipped",
		bgp.Count(d.records, "record"), d.plainBytes, d.packedBytes, d.refused,
	)
	if len(d.damaged) > 0 {
		b.WriteString(": " + counted(d.damaged))
		switch {
		case !d.recover:
			b.WriteString("; ended at the first damage (--no-recover)")
		default:
			fmt.Fprintf(
				&b, "; %s passed over, %s read behind damage",
				bgp.Count(d.passedOver, "octet"), bgp.Count(d.behind, "record"),
			)
		}
	}
	if len(d.notes) > 0 {
		b.WriteString("; nothing to print: " + counted(d.notes))
	}
	for _, line := range d.tally.Lines() {
		b.WriteString("; " + line)
	}
	switch n := d.selection.Matched(); {
	case d.selection.Done():
		fmt.Fprintf(&b, "; ended after %s (--limit): the rest was not read", bgp.Count(n, "line"))
	case d.filtered && n == 0:
		b.WriteString("; no line matches the filters")
	case d.filtered:
		fmt.Fprintf(&b, "; the filters let %s pass", bgp.Count(n, "line"))
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
