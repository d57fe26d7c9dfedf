package simulate

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// scheduleTSV lists the times at which North Korea was dark, compiled from publications. Each row
// names which of its times are published and which are assumed here.
//
//go:embed schedule.tsv
var scheduleTSV string

// Row is one line of the schedule.
type Row struct {
	Start, End time.Time
	// Flaps marks a row of many losses. Each loss lasts Loss and begins at most Every after the one
	// before.
	Flaps       bool
	Loss, Every time.Duration
	// StartBasis and EndBasis are Published or Assumed, or Simulated in a world of another country.
	StartBasis, EndBasis string
	Source, Note         string
}

// The basis of a time of the schedule.
const (
	Published = "published"
	Assumed   = "assumed"
	Simulated = "simulated"
)

// Basis returns the basis of the row's times in one or two words: published, assumed, simulated,
// end assumed, start assumed.
func (r Row) Basis() string {
	switch {
	case r.StartBasis == r.EndBasis:
		return r.StartBasis
	case r.EndBasis == Assumed:
		return "end assumed"
	default:
		return "start assumed"
	}
}

// What returns a description of the row's event: an outage, or many losses.
func (r Row) What() string {
	if !r.Flaps {
		return "outage"
	}
	return fmt.Sprintf("losses of %d min, one every %d min or sooner", r.Loss/time.Minute, r.Every/time.Minute)
}

// Schedule returns the rows of the reconstruction, in order of time.
func Schedule() ([]Row, error) { return parseSchedule(scheduleTSV) }

func parseSchedule(text string) ([]Row, error) {
	table, err := rows("schedule.tsv", text, 9)
	if err != nil {
		return nil, err
	}
	var out []Row
	for i, f := range table {
		r := Row{Flaps: f[2] == "flaps", StartBasis: f[5], EndBasis: f[6], Source: f[7], Note: f[8]}
		for _, basis := range f[5:7] {
			if basis != Published && basis != Assumed {
				return nil, fmt.Errorf("reading schedule.tsv line %d: basis %q", i+2, basis)
			}
		}
		if r.Start, err = time.Parse(time.RFC3339, f[0]); err != nil {
			return nil, fmt.Errorf("reading schedule.tsv line %d: %w", i+2, err)
		}
		if r.End, err = time.Parse(time.RFC3339, f[1]); err != nil {
			return nil, fmt.Errorf("reading schedule.tsv line %d: %w", i+2, err)
		}
		if r.Flaps {
			if r.Loss, err = seconds(f[3]); err != nil {
				return nil, fmt.Errorf("reading schedule.tsv line %d: %w", i+2, err)
			}
			if r.Every, err = seconds(f[4]); err != nil {
				return nil, fmt.Errorf("reading schedule.tsv line %d: %w", i+2, err)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func seconds(s string) (time.Duration, error) {
	n, err := strconv.Atoi(s)
	return time.Duration(n) * time.Second, err
}

// loss is a span of time in microseconds since 1970.
type loss struct{ start, end int64 }

// losses returns the losses of the row, shifted: the row itself, or the flaps, which begin 10 min
// to Every apart.
func (r Row) losses(shift time.Duration, rng *rand.Rand) []loss {
	start, end := r.Start.Add(shift), r.End.Add(shift)
	if !r.Flaps {
		return []loss{{start.UnixMicro(), end.UnixMicro()}}
	}
	var out []loss
	least := min(10*time.Minute, r.Every)
	for t := start; !t.Add(r.Loss).After(end); {
		out = append(out, loss{t.UnixMicro(), t.Add(r.Loss).UnixMicro()})
		t = t.Add(least + time.Duration(rng.Int64N(int64((r.Every-least)/time.Second)+1))*time.Second)
	}
	return out
}
