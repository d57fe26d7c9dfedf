package tablechunk

import (
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/capture"
)

// worthless is of how many records of a table one may be unreadable: where more than a tenth are, what is known of it decides nothing. An
// outage of an AS or a country begins at a tenth, too.
const worthless = 10

// ErrCut says that an unknown part of a file is missing.
var ErrCut = errors.New("its file ends too early")

// Tally tells whether a table can be used by how much of it could be read. Its prefixes that could not be read are unknown; the rest
// counts. The zero value is an empty table.
type Tally struct {
	records, unreadable uint64 // a record is in one of them
	cut                 bool   // the last thing that was read is the end of a file that is cut
}

// Record counts a record that was handed out. What is damaged in it comes next.
func (t *Tally) Record() {
	t.records++
	t.cut = false // the damage before was none of the file's end
}

// Damage counts what could not be read. Where records were passed over because a header cannot be right, their number is not known: it is
// estimated by their octets.
func (t *Tally) Damage(d *capture.Damage) {
	switch d.Reason {
	case capture.BadRecord:
		t.unreadable++
		if d.Partial && t.records > 0 { // it was counted as one that could be read
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

// passedOver is about how many records lie in what was passed over.
func passedOver(d *capture.Damage) uint64 {
	mean := int64(1)
	if d.Number > 1 {
		mean = max(1, d.Offset/int64(d.Number-1))
	}
	return uint64(max(1, (d.Skipped+mean-1)/mean))
}

// Add adds what was read of another file of the same table.
func (t *Tally) Add(o Tally) {
	t.records += o.records
	t.unreadable += o.unreadable
	t.cut = t.cut || o.cut
}

// Unreadable is how many records could not be read.
func (t *Tally) Unreadable() uint32 { return uint32(min(t.unreadable, 1<<32-1)) }

// Unusable says why the table does not count as whole; nil where it does.
func (t *Tally) Unusable() error {
	switch {
	case t.cut:
		return ErrCut
	case t.unreadable*worthless > t.records+t.unreadable:
		return fmt.Errorf("%d of its %d records cannot be read", t.unreadable, t.records+t.unreadable)
	}
	return nil
}
