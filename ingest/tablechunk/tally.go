package tablechunk

import (
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/capture"
)

// worthless is the share of unreadable records above which a table is of no use: one in worthless.
// If more than a tenth are unreadable, the rest decides nothing. An outage of an AS or a country
// begins at a tenth, too.
const worthless = 10

// ErrCut reports that an unknown part of a file is missing.
var ErrCut = errors.New("its file ends too early")

// Tally counts how much of a table could be read, and decides whether it can be used. The prefixes
// that could not be read are unknown. The rest counts. The zero value is an empty table.
type Tally struct {
	records, unreadable uint64 // each record counts in one of them
	cut                 bool   // the last read ended at the end of a truncated file
}

// Record counts a record that was read. Damage within it is reported afterwards.
func (t *Tally) Record() {
	t.records++
	t.cut = false // the damage before was not at the file's end
}

// Damage counts records that could not be read. If records were skipped because of an impossible
// header, their number is unknown. It is estimated from their octets.
func (t *Tally) Damage(d *capture.Damage) {
	switch d.Reason {
	case capture.BadRecord:
		t.unreadable++
		if d.Partial && t.records > 0 { // Record counted it as readable
			t.records--
		}
	case capture.BadLength, capture.BadHeader, capture.Truncated:
		t.unreadable += passedOver(d)
		t.cut = d.Reason == capture.Truncated
	case capture.BadTime:
	default:
		t.cut = true
	}
}

// passedOver estimates the number of records in the skipped octets.
func passedOver(d *capture.Damage) uint64 {
	mean := int64(1)
	if d.Number > 1 {
		mean = max(1, d.Offset/int64(d.Number-1))
	}
	return uint64(max(1, (d.Skipped+mean-1)/mean))
}

// Add adds the counts of another file of the same table.
func (t *Tally) Add(o Tally) {
	t.records += o.records
	t.unreadable += o.unreadable
	t.cut = t.cut || o.cut
}

// Unreadable returns the number of records that could not be read.
func (t *Tally) Unreadable() uint32 { return uint32(min(t.unreadable, 1<<32-1)) }

// Unusable returns the reason why the table does not count as whole, or nil if it does.
func (t *Tally) Unusable() error {
	switch {
	case t.cut:
		return ErrCut
	case t.unreadable*worthless > t.records+t.unreadable:
		return fmt.Errorf("%d of its %d records cannot be read", t.unreadable, t.records+t.unreadable)
	}
	return nil
}
