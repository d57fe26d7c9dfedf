package outageview

import "github.com/darkmap/darkmap/internal/bgp"

// Loss writes what an outage lost at its peak: 4 of 4 prefixes, 87.5 % (14 of 16 prefixes), 60 % of its networks.
func Loss(o bgp.Outage) string { return text(lossCell(o)) }

// Kind writes what sort of loss it is: outage, partial, intermittent (62 losses), moved, blip, retracted.
func Kind(o bgp.Outage) string { return text(kindCell(o)) }

// Ended writes how an outage ended: routes back, passed into flapping. It is empty while it lasts. next is the event that goes on from it, nil
// where that is not known.
func Ended(o bgp.Outage, next *bgp.Outage) string { return endedText(o, next) }
