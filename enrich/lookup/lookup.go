package lookup

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// edition is part of the name of every snapshot. Raise it if the same data start to give other
// rows.
const edition = 1

// Countries returns the rows that need no data files.
func Countries() clickhouse.Lookups {
	return clickhouse.Lookups{Countries: clickhouse.Lookup[clickhouse.LookupCountry]{
		Snapshot: snapshot("countries", fmt.Sprint(countries())), Rows: slices.Values(countries()),
	}}
}

// Of returns the rows of the geography and the owners. If the data have no AS or no prefix, the
// store keeps its rows of ASes or prefixes. simulated marks synthetic data.
func Of(places *geo.Snapshot, owners *asn.Snapshot, simulated bool) clickhouse.Lookups {
	l := Countries()
	l.Regions = clickhouse.Lookup[clickhouse.LookupRegion]{
		Snapshot: snapshot("regions", regionsTSV, places.Fingerprint()), Simulated: simulated,
		Rows: slices.Values(regions(places)),
	}
	ases, origins := owners.Size()
	if ases > 0 {
		l.ASes = clickhouse.Lookup[clickhouse.LookupAS]{
			Snapshot:  snapshot("ases", owners.Fingerprint()),
			Simulated: simulated, Rows: asRows(owners),
		}
	}
	if origins > 0 || places.Prefixes() > 0 {
		l.Prefixes = clickhouse.Lookup[clickhouse.LookupPrefix]{
			Snapshot: snapshot("prefixes", places.Fingerprint(), owners.Fingerprint()), Simulated: simulated,
			Rows: prefixRows(places, owners),
		}
	}
	return l
}

// snapshot names the content that is derived from parts.
func snapshot(lookup string, parts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %q", lookup, edition, parts))
	return hex.EncodeToString(sum[:16])
}

// asRows returns the owners of AS numbers.
func asRows(owners *asn.Snapshot) func(yield func(clickhouse.LookupAS) bool) {
	return func(yield func(clickhouse.LookupAS) bool) {
		for a, o := range owners.Owners() {
			if !yield(clickhouse.LookupAS{
				ASN: uint32(a), Name: o.Name, Organisation: o.Organisation,
				Country: o.Country,
			}) {
				return
			}
		}
	}
}

// countries returns all countries with a code, by code.
func countries() []clickhouse.LookupCountry {
	var all []clickhouse.LookupCountry
	for _, code := range bgp.CountryCodes() {
		all = append(all, clickhouse.LookupCountry{
			Code: code, Name: bgp.CountryName(code),
			Continent: continentOf()[code], Neighbours: neighboursOf()[code],
		})
	}
	return all
}

// regions returns the regions that have a name and the regions of the geography, by code.
func regions(places *geo.Snapshot) []clickhouse.LookupRegion {
	names := maps.Clone(regionNames())
	for id := range geo.PlaceID(places.Places()) {
		if code := places.Place(id).Region; code != "" && names[code] == "" {
			names[code] = ""
		}
	}
	all := make([]clickhouse.LookupRegion, 0, len(names))
	for _, code := range slices.Sorted(maps.Keys(names)) {
		country, _, _ := strings.Cut(code, "-")
		all = append(all, clickhouse.LookupRegion{Code: code, Name: names[code], Country: country})
	}
	return all
}
