package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// maxDamageLines is how many damaged parts of the input a run names one by one.
	maxDamageLines = 20
	// maxLocated bounds the dead letters whose place in the files is looked up.
	maxLocated = 10_000
)

// undecodable is a message that ingest could read and a later stage could not.
type undecodable struct {
	at     bgp.Position
	reason string
}

// deadLetters returns the messages that later stages could not read, at most maxLocated of them,
// and how many there are.
func (p *pipeline) deadLetters(ctx context.Context) (all []undecodable, n uint64, err error) {
	err = kafka.ReadToEnd(ctx, p.cfg.Kafka, p.log, schemas.TopicDeadLetter, func(rec *kgo.Record) error {
		if header(rec, schemas.HeaderStage) == ingest.Name {
			return nil // ingest named and counted it when it read it
		}
		n++
		var update pb.UpdateRecord
		if len(all) < maxLocated && update.UnmarshalVT(rec.Value) == nil {
			all = append(all, undecodable{
				codec.ParsePosition(update.GetPosition()), header(rec, schemas.HeaderReason),
			})
		}
		return nil
	})
	return all, n, err
}

func header(rec *kgo.Record, key string) string {
	i := slices.IndexFunc(rec.Headers, func(h kgo.RecordHeader) bool { return h.Key == key })
	if i < 0 {
		return ""
	}
	return string(rec.Headers[i].Value)
}

// tellUndecodable prints the messages that later stages could not read, with file and offset. It
// returns how many there are.
func (r *datasetRun) tellUndecodable(ctx context.Context, p *pipeline) (uint64, error) {
	all, n, err := p.deadLetters(ctx)
	if err != nil || n == 0 {
		return n, err
	}
	wanted := map[bgp.Position]struct{}{}
	for _, u := range all {
		wanted[u.at] = struct{}{}
	}
	positions, err := r.plan.Locate(ctx, wanted)
	if err != nil {
		return n, err
	}
	for i, u := range all {
		if i == maxDamageLines {
			fmt.Fprintf(r.g.stderr, "darkmap: and %d more\n", n-maxDamageLines)
			break
		}
		pos := positions[u.at]
		fmt.Fprintf(
			r.g.stderr, "darkmap: %s: record %d at offset %d: %s\n",
			pos.File, pos.Number, pos.Offset, u.reason,
		)
	}
	return n, nil
}

// damagePrinter returns a function that prints damages as they are found: every damaged table, and
// of the others the first maxDamageLines.
func damagePrinter(w io.Writer) func(*capture.Damage) {
	told := 0
	return func(d *capture.Damage) {
		if d.Reason != capture.BadTable { // every damaged table is printed
			told++
		}
		switch {
		case d.Reason == capture.BadTable, told <= maxDamageLines:
			fmt.Fprintln(w, "darkmap: "+d.Error())
		case told == maxDamageLines+1:
			fmt.Fprintln(w, "darkmap: and more")
		}
	}
}
