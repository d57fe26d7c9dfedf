package core

import (
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
)

// Families names the address families on which a detector decides. The zero value is BothFamilies.
type Families string

// The families of a detector.
const (
	BothFamilies Families = "both"
	OnlyIPv4     Families = "ipv4"
	OnlyIPv6     Families = "ipv6"
)

// Valid reports whether x is one of the values above, or "".
func (x Families) Valid() bool {
	return x == "" || x == BothFamilies || x == OnlyIPv4 || x == OnlyIPv6
}

// Has reports whether the detector decides on f.
func (x Families) Has(f bgp.Family) bool {
	return x == "" || x == BothFamilies || string(x) == f.String()
}

// Group returns the name of the detector's group and of its checkpoints.
func (x Families) Group() string {
	switch x {
	case OnlyIPv4:
		return schemas.DetectApart[0]
	case OnlyIPv6:
		return schemas.DetectApart[1]
	case BothFamilies:
	}
	return schemas.StageDetect
}

// Others returns the groups of other detectors that decide on families of this one. None of them
// may run beside it.
func (x Families) Others() []string {
	if x.Group() == schemas.StageDetect {
		return schemas.DetectApart[:]
	}
	return []string{schemas.StageDetect}
}

// Leads reports whether the detector publishes the records that belong to no family: the heartbeat
// of the feeds, and dead letters of records that it reads. Of two detectors that share a log, the
// one of IPv4 does.
func (x Families) Leads() bool { return x.Has(bgp.IPv4) }
