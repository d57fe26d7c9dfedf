package dump

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// Tally counts decoded parts that have no line.
type Tally struct {
	// Other counts NLRI attributes and table prefixes of families other than IPv4 and IPv6 unicast.
	Other map[wire.AFISAFI]uint64
	// Withdrawn and Discarded count messages with a malformed attribute by the remedy of RFC 7606:
	// announcements treated as withdrawals, and discarded attributes.
	Withdrawn, Discarded uint64
}

// note counts one decoded message or RIB entry.
func (t *Tally) note(u *wire.Update) {
	for _, f := range u.Other {
		t.other(f)
	}
	switch {
	case u.Malformed == nil:
	case u.TreatAsWithdraw:
		t.Withdrawn++
	default:
		t.Discarded++
	}
}

// skipped counts an item of kind Note that holds another family.
func (t *Tally) skipped(it *capture.Item) {
	if it.Family != (wire.AFISAFI{}) {
		t.other(it.Family)
	}
}

func (t *Tally) other(f wire.AFISAFI) {
	if t.Other == nil {
		t.Other = map[wire.AFISAFI]uint64{}
	}
	t.Other[f]++
}

// Add adds o to t.
func (t *Tally) Add(o *Tally) {
	for f, n := range o.Other {
		t.other(f)
		t.Other[f] += n - 1
	}
	t.Withdrawn += o.Withdrawn
	t.Discarded += o.Discarded
}

// Lines returns the counts in words, sorted; nothing if all are 0.
func (t *Tally) Lines() []string {
	var lines []string
	families := slices.SortedFunc(maps.Keys(t.Other), func(a, b wire.AFISAFI) int {
		return cmp.Or(cmp.Compare(a.AFI, b.AFI), cmp.Compare(a.SAFI, b.SAFI))
	})
	for _, f := range families {
		lines = append(lines, fmt.Sprintf("%d of AFI %d SAFI %d", t.Other[f], f.AFI, f.SAFI))
	}
	if t.Withdrawn > 0 {
		lines = append(lines, fmt.Sprintf("%d malformed taken as withdrawals (RFC 7606)", t.Withdrawn))
	}
	if t.Discarded > 0 {
		lines = append(lines, fmt.Sprintf("%d with malformed attributes left out (RFC 7606)", t.Discarded))
	}
	return lines
}
