package playback

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

// ErrApart marks files that are more than a year apart: nothing in one says anything about the other.
var ErrApart = errors.New("the files are more than a year apart")

// ErrOverlap marks update files of one collector whose times overlap: their order would be a guess.
var ErrOverlap = errors.New("files of one collector overlap")

// overlapTolerance is how far the first record of a file may lie before the last of the file before it, microseconds:
// archives cut their files by the second.
const overlapTolerance = 1_000_000

// tableSample is how many prefixes of a table are looked at for its peers.
const tableSample = 1000

// Plan is what is known of the inputs before they are played: their order and their hash.
type Plan struct {
	// Hash is the first 16 hex digits of a SHA-256 over collector and content of every file, in playing order.
	Hash string
	// Bytes is the size of all files as they are on disk.
	Bytes int64
	// PeerASNs is how many different ASNs the peers of the files have.
	PeerASNs   int
	collectors []collectorPlan
}

type collectorPlan struct {
	name  string
	files []filePlan
}

type filePlan struct {
	path  string
	table bool
	// first and last are the times of the file's records, microseconds; 0 where none has one. A table's last is not known.
	first, last int64
	sum         [sha256.Size]byte
}

// Collectors lists the collectors, sorted.
func (p *Plan) Collectors() []string {
	names := make([]string, len(p.collectors))
	for i, c := range p.collectors {
		names[i] = c.name
	}
	return names
}

// NewPlan reads every file once (of a table its beginning). It fails with ErrOverlap, or where a file cannot be opened;
// damaged content is left for the playing to report.
func NewPlan(ctx context.Context, inputs []Input) (*Plan, error) {
	by := map[string][]filePlan{}
	p := &Plan{}
	for _, in := range inputs {
		f, size, err := hashFile(in.Path)
		if err != nil {
			return nil, err
		}
		p.Bytes += size
		by[in.Collector] = append(by[in.Collector], f)
	}
	asns := map[bgp.ASN]struct{}{}
	sum := sha256.New()
	for name, files := range by {
		if err := order(ctx, name, files, asns); err != nil {
			return nil, err
		}
		p.collectors = append(p.collectors, collectorPlan{name, files})
	}
	slices.SortFunc(p.collectors, func(a, b collectorPlan) int { return cmp.Compare(a.name, b.name) })
	for _, c := range p.collectors {
		fmt.Fprintf(sum, "%s %d\n", c.name, len(c.files))
		for _, f := range c.files {
			sum.Write(f.sum[:])
		}
	}
	if err := together(p.collectors); err != nil {
		return nil, err
	}
	p.PeerASNs = len(asns)
	p.Hash = hex.EncodeToString(sum.Sum(nil)[:8])
	return p, nil
}

func hashFile(path string) (filePlan, int64, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return filePlan{}, 0, fmt.Errorf("opening an input: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return filePlan{}, 0, fmt.Errorf("reading %s: %w", path, err)
	}
	return filePlan{path: path, sum: [sha256.Size]byte(h.Sum(nil))}, n, nil
}

// order sorts the files of a collector, tables first, and refuses update files that overlap.
func order(ctx context.Context, collector string, files []filePlan, asns map[bgp.ASN]struct{}) error {
	for i := range files {
		if err := files[i].look(ctx, asns); err != nil {
			return err
		}
	}
	slices.SortFunc(files, func(a, b filePlan) int {
		if a.table != b.table {
			if a.table {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last), slices.Compare(a.sum[:], b.sum[:]))
	})
	for i := 1; i < len(files); i++ {
		a, b := files[i-1], files[i]
		if a.sum == b.sum {
			return fmt.Errorf("%s: %s and %s hold the same: %w", collector, a.path, b.path, ErrOverlap)
		}
		if !a.table && a.last > b.first+overlapTolerance {
			return fmt.Errorf("%s: %s ends at %s, after %s begins at %s (name other collectors as NAME=FILE): %w",
				collector, a.path, clock(a.last), b.path, clock(b.first), ErrOverlap)
		}
	}
	return nil
}

// together refuses files that are too far apart to be played in one go.
func together(collectors []collectorPlan) error {
	var all []filePlan
	for _, c := range collectors {
		all = append(all, c.files...)
	}
	all = slices.DeleteFunc(all, func(f filePlan) bool { return f.first == 0 })
	slices.SortFunc(all, func(a, b filePlan) int { return cmp.Compare(a.first, b.first) })
	var last int64
	for i, f := range all {
		if jumps(last, f.first) {
			return fmt.Errorf("%s begins at %s, %s at %s: %w", all[i-1].path, clock(all[i-1].first), f.path, clock(f.first), ErrApart)
		}
		last = max(last, f.last)
	}
	return nil
}

// look reads the file for what its records tell: whether they are a table, their times, their peers. What is damaged is
// left for the playing to report.
func (f *filePlan) look(ctx context.Context, asns map[bgp.ASN]struct{}) error {
	r, err := capture.Open(f.path, nil)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	seen := 0
	for {
		it, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil || it.Kind == capture.Note:
			continue
		}
		if seen++; seen == 1 {
			f.table = it.Kind == capture.RIB
		}
		if it.Timestamp != 0 && !jumps(f.last, it.Timestamp) {
			if f.first == 0 {
				f.first = it.Timestamp
			}
			f.first, f.last = min(f.first, it.Timestamp), max(f.last, it.Timestamp)
		}
		if it.Peer.Address.IsValid() {
			asns[it.Peer.ASN] = struct{}{}
		}
		for i := range it.Entries {
			asns[it.Entries[i].Peer.ASN] = struct{}{}
		}
		if f.table && seen >= tableSample {
			return nil
		}
	}
}
