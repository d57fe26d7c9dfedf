package asn

import (
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/darkmap/darkmap/enrich/geo/source"
	"github.com/darkmap/darkmap/internal/bgp"
)

// entry collects the data of the files on one AS.
type entry struct {
	Owner
	registry string // country of the RIR's own record
}

// registration is a range of AS numbers that an RIR delegated.
type registration struct {
	first, last bgp.ASN
	country     string
}

type builder struct {
	owners        map[bgp.ASN]*entry
	registrations []registration
	texts         map[string]string // interned strings
	origins       *bart.Table[bgp.ASN]
}

func (b *builder) read(path string) (source.Info, error) {
	delegated := false
	if format, err := source.Sniff(path); err == nil {
		delegated = format == source.FormatDelegated
	}
	return source.Read(path, source.Visitor{
		AS: func(a source.AS) error {
			if delegated {
				return b.register(a)
			}
			return b.name(a.First, a.Name, a.Organisation, a.Country)
		},
		Range: func(r source.Range) error {
			if r.ASN == 0 {
				return nil
			}
			source.EachPrefix(r.Family, r.First, r.Last, func(p netip.Prefix) {
				b.origins.Modify(p, func(old bgp.ASN, known bool) (bgp.ASN, bool) {
					if known {
						return old, false
					}
					return r.ASN, false
				})
			})
			return b.name(r.ASN, "", r.Organisation, "")
		},
	})
}

// register records a delegation. It creates no entries: the blocks of RIRs are large, and snapshot
// expands them.
func (b *builder) register(a source.AS) error {
	if len(b.registrations) >= maxASes {
		return fmt.Errorf("more than %d delegations: %w", maxASes, errTooMany)
	}
	b.registrations = append(b.registrations, registration{a.First, a.Last, b.text(a.Country)})
	return nil
}

// maxBlock bounds the AS numbers of one delegation. The largest real blocks have 1,024 numbers, and
// RIRs split them further.
const maxBlock = 1 << 16

func (b *builder) name(a bgp.ASN, name, organisation, country string) error {
	e := b.owners[a]
	if e == nil {
		if len(b.owners) >= maxASes {
			return fmt.Errorf("more than %d: %w", maxASes, errTooMany)
		}
		e = &entry{}
		b.owners[a] = e
	}
	if e.Name == "" {
		e.Name = b.text(name)
	}
	if e.Organisation == "" {
		e.Organisation = b.text(organisation)
	}
	if e.Country == "" {
		e.Country = b.text(country)
	}
	return nil
}

func (b *builder) text(s string) string {
	if s == "" {
		return ""
	}
	if t, ok := b.texts[s]; ok {
		return t
	}
	b.texts[s] = s
	return s
}

func (b *builder) snapshot() *Snapshot {
	for _, r := range b.registrations {
		for n := uint64(r.first); n <= min(uint64(r.last), uint64(r.first)+maxBlock-1) &&
			len(b.owners) < maxASes; n++ {
			e := b.owners[bgp.ASN(n)]
			if e == nil {
				e = &entry{}
				b.owners[bgp.ASN(n)] = e
			}
			if e.registry == "" {
				e.registry = r.country
			}
		}
	}
	s := &Snapshot{owners: make(map[bgp.ASN]Owner, len(b.owners)), origins: b.origins}
	for a, e := range b.owners {
		o := e.Owner
		if e.registry != "" {
			o.Country = e.registry
		}
		if o.Name == "" {
			o.Name = o.Organisation
		}
		if o == (Owner{}) {
			continue
		}
		s.registered = s.registered || o.Country != ""
		s.owners[a] = o
	}
	return s
}
