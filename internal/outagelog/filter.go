package outagelog

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Filter says which outages are meant. The zero value passes all but blips and retracted outages.
type Filter struct {
	// From passes outages that end after it, To those that begin before it; zero passes all.
	From, To time.Time
	// Country passes this country and its regions, ISO 3166-1 in either case; empty passes all.
	Country string
	// ASN passes outages of this AS and of prefixes that it originates; nil passes all.
	ASN *bgp.ASN
	// Prefix passes this prefix and those within it; the zero value passes all.
	Prefix netip.Prefix
	// All passes blips and retracted outages too.
	All bool
}

// Shows reports whether o passes.
func (f Filter) Shows(o bgp.Outage) bool {
	return (f.All || !hidden(o)) && f.inTime(o) && f.inCountry(o) && f.inAS(o) && f.inPrefix(o)
}

func (f Filter) inTime(o bgp.Outage) bool {
	return (f.From.IsZero() || o.End == nil || o.End.After(f.From)) && (f.To.IsZero() || o.Start.Before(f.To))
}

func (f Filter) inCountry(o bgp.Outage) bool {
	cc := strings.ToUpper(f.Country)
	return cc == "" || o.Entity.Type == bgp.EntityCountry && o.Entity.Code == cc ||
		o.Entity.Type == bgp.EntityRegion && strings.HasPrefix(o.Entity.Code, cc+"-")
}

func (f Filter) inAS(o bgp.Outage) bool {
	if f.ASN == nil {
		return true
	}
	switch o.Entity.Type {
	case bgp.EntityAS:
		return o.Entity.Code == f.ASN.String()
	case bgp.EntityPrefix:
		return slices.ContainsFunc(o.Origins, func(a bgp.AS) bool { return a.ASN == *f.ASN })
	default:
		return false
	}
}

func (f Filter) inPrefix(o bgp.Outage) bool {
	if !f.Prefix.IsValid() {
		return true
	}
	p, err := netip.ParsePrefix(o.Entity.Code)
	return o.Entity.Type == bgp.EntityPrefix && err == nil && f.Prefix.Bits() <= p.Bits() && f.Prefix.Contains(p.Addr())
}
