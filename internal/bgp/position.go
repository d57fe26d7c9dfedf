package bgp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Position is where a record stands in its collector's stream (docs/architecture.md, State and exactly once).
// Sequence rises within (Collector, Lane, Epoch), from 1.
type Position struct {
	Collector string
	Lane      Lane
	// Epoch is a fencing epoch: each owner of a collector writes its lane live in a higher epoch than the owner before, and
	// consumers drop records of a lower one. So a stale owner does no harm. In lanes that can be read again it names what Sequence
	// counts in, such as a file; 0 where there is only one.
	Epoch    uint64
	Sequence uint64
}

// LaneKey names a lane among all collectors. It is comparable.
type LaneKey struct {
	Collector string
	Lane      Lane
}

// Of returns the lane that p stands in.
func (p Position) Of() LaneKey { return LaneKey{Collector: p.Collector, Lane: p.Lane} }

// After reports whether p stands after q, both in one lane: in a higher epoch, or later in the same.
func (p Position) After(q Position) bool {
	if p.Epoch != q.Epoch {
		return p.Epoch > q.Epoch
	}
	return p.Sequence > q.Sequence
}

// EventID is the name of a record: the first 16 octets of the SHA-256 of its position, in hex. Real files hold
// byte-identical messages, so content does not identify. The column event_id of route_changes is the same, computed in SQL.
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

// String is for logs and errors: ris/rrc00 live 3:17.
func (p Position) String() string {
	return fmt.Sprintf("%s %s %d:%d", p.Collector, p.Lane, p.Epoch, p.Sequence)
}
