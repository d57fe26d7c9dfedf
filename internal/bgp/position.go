package bgp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Position is the place of a record in the stream of its collector (docs/architecture.md, State and
// exactly once). Sequence rises within (Collector, Lane, Epoch), from 1.
type Position struct {
	Collector string
	Lane      Lane
	// Epoch is a fencing epoch. Each owner of a collector writes its live lane in a higher epoch
	// than the owner before, and consumers drop records of a lower epoch. So a stale owner does no
	// harm. In a lane that can be read again Epoch identifies the unit in which Sequence counts,
	// such as a file. It is 0 if the lane has only one unit.
	Epoch    uint64
	Sequence uint64
}

// LaneKey identifies a lane among all collectors. It is comparable.
type LaneKey struct {
	Collector string
	Lane      Lane
}

// Of returns the lane of p.
func (p Position) Of() LaneKey { return LaneKey{Collector: p.Collector, Lane: p.Lane} }

// After reports whether p follows q in the same lane: it has a higher epoch, or the same epoch and
// a higher sequence.
func (p Position) After(q Position) bool {
	if p.Epoch != q.Epoch {
		return p.Epoch > q.Epoch
	}
	return p.Sequence > q.Sequence
}

// EventID returns the id of a record: the first 16 octets of the SHA-256 of its position, in hex.
// The id does not depend on the content, because real files hold byte-identical messages. SQL
// computes the column event_id of route_changes in the same way.
func (p Position) EventID() string {
	b := make([]byte, 0, 96)
	b = append(b, p.Collector...)
	b = append(b, '\n')
	b = append(b, p.Lane...)
	b = append(b, '\n')
	b = strconv.AppendUint(b, p.Epoch, 10)
	b = append(b, '\n')
	b = strconv.AppendUint(b, p.Sequence, 10)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// String returns a text for logs and errors, such as ris/rrc00 live 3:17.
func (p Position) String() string {
	return fmt.Sprintf("%s %s %d:%d", p.Collector, p.Lane, p.Epoch, p.Sequence)
}
