package outagelog

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Filter selects outages. The values of one field are alternatives; an outage must pass every field
// that is set. The zero value passes all but blips and retracted outages.
type Filter struct {
	// From passes outages that end after it, To outages that begin before it; zero passes all. An
	// outage without duration is at its start.
	From, To time.Time
	// Countries passes these countries, their regions, and the ASes and prefixes that lost
	// something in one of them (bgp.Outage.Countries). Codes of ISO 3166-1 in upper case.
	Countries []string
	// ASNs passes outages of these ASes and of prefixes that one of them originates.
	ASNs []bgp.ASN
	// Prefixes passes outages of prefixes that one of these matches.
	Prefixes []bgp.PrefixMatch
	// Types passes outages of these entity types.
	Types []bgp.EntityType
	// Families passes outages of these families, in the form of bgp.Family.
	Families []string
	// Kinds passes outages of these kinds, States outages in these states.
	Kinds  []bgp.Kind
	States []bgp.State
	// MinSeverity passes outages of this severity or a higher one; empty passes all.
	MinSeverity bgp.Severity
	// All passes blips and retracted outages too.
	All bool
}

// IsZero reports whether no field is set.
func (f Filter) IsZero() bool { return reflect.ValueOf(f).IsZero() }

// Shows reports whether o passes.
func (f Filter) Shows(o bgp.Outage) bool { return (f.All || !hidden(o)) && f.matches(o) }

// matches is like Shows, but also passes blips and retracted outages.
func (f Filter) matches(o bgp.Outage) bool {
	return f.inTime(o) && f.inCountry(o) && f.ofAS(o) && f.ofPrefix(o) && f.ofSort(o)
}

func (f Filter) inTime(o bgp.Outage) bool {
	return (f.From.IsZero() || o.End == nil || o.End.After(f.From) || !o.Start.Before(f.From)) &&
		(f.To.IsZero() || o.Start.Before(f.To))
}

func (f Filter) inCountry(o bgp.Outage) bool {
	if len(f.Countries) == 0 {
		return true
	}
	return slices.ContainsFunc(f.Countries, func(code string) bool {
		switch o.Entity.Type {
		case bgp.EntityCountry:
			return o.Entity.Code == code
		case bgp.EntityRegion:
			return strings.HasPrefix(o.Entity.Code, code+"-")
		default:
			return slices.Contains(o.Countries, code)
		}
	})
}

func (f Filter) ofAS(o bgp.Outage) bool {
	if len(f.ASNs) == 0 {
		return true
	}
	switch o.Entity.Type {
	case bgp.EntityAS:
		asn, err := bgp.ParseASN(o.Entity.Code)
		return err == nil && slices.Contains(f.ASNs, asn)
	case bgp.EntityPrefix:
		return slices.ContainsFunc(o.Origins, func(a bgp.AS) bool { return slices.Contains(f.ASNs, a.ASN) })
	default:
		return false
	}
}

func (f Filter) ofPrefix(o bgp.Outage) bool {
	if len(f.Prefixes) == 0 {
		return true
	}
	if o.Entity.Type != bgp.EntityPrefix {
		return false
	}
	p, err := netip.ParsePrefix(o.Entity.Code)
	return err == nil && slices.ContainsFunc(f.Prefixes, func(m bgp.PrefixMatch) bool { return m.Matches(p) })
}

// ofSort tests type, family, kind, state and severity.
func (f Filter) ofSort(o bgp.Outage) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, o.Entity.Type)) &&
		(len(f.Families) == 0 || slices.Contains(f.Families, o.Family)) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, o.Kind)) &&
		(len(f.States) == 0 || slices.Contains(f.States, o.State)) &&
		// An empty MinSeverity has the index -1, which every severity reaches.
		slices.Index(bgp.Severities, o.Severity) >= slices.Index(bgp.Severities, f.MinSeverity)
}

// withMode returns the filter with another match mode for its prefixes.
func (f Filter) withMode(mode bgp.PrefixMode) Filter {
	f.Prefixes = slices.Clone(f.Prefixes)
	for i := range f.Prefixes {
		f.Prefixes[i].Mode = mode
	}
	return f
}
