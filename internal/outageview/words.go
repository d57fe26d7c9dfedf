package outageview

import "github.com/darkmap/darkmap/internal/bgp"

// Loss returns the loss of an outage at its peak: 4 of 4 prefixes, 87.5 % (14 of 16 prefixes), 60 %
// of its networks.
func Loss(o bgp.Outage) string { return text(lossCell(o)) }

// Kind returns the kind of the loss: outage, partial, intermittent (62 losses), moved, blip,
// retracted.
func Kind(o bgp.Outage) string { return text(kindCell(o)) }

// Ended returns how an outage ended: routes back, passed into flapping. It is empty for an open
// outage. next is its successor, nil if unknown.
func Ended(o bgp.Outage, next *bgp.Outage) string { return endedText(o, next) }
