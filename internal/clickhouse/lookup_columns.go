package clickhouse

import "github.com/ClickHouse/ch-go/proto"

// lowCardinality returns a new column of type LowCardinality(String).
func lowCardinality() *proto.ColLowCardinality[string] { return new(proto.ColStr).LowCardinality() }

func newASColumns() (proto.Input, func(LookupAS)) {
	asn, name, organisation, country :=
		new(proto.ColUInt32), new(proto.ColStr), new(proto.ColStr), lowCardinality()
	input := proto.Input{
		{Name: "asn", Data: asn},
		{Name: "name", Data: name},
		{Name: "organisation", Data: organisation},
		{Name: "country", Data: country},
	}
	return input, func(r LookupAS) {
		asn.Append(r.ASN)
		name.Append(r.Name)
		organisation.Append(r.Organisation)
		country.Append(r.Country)
	}
}

func newCountryColumns() (proto.Input, func(LookupCountry)) {
	code, name, continent, neighbours :=
		lowCardinality(), new(proto.ColStr), lowCardinality(), lowCardinality().Array()
	input := proto.Input{
		{Name: "code", Data: code},
		{Name: "name", Data: name},
		{Name: "continent", Data: continent},
		{Name: "neighbours", Data: neighbours},
	}
	return input, func(r LookupCountry) {
		code.Append(r.Code)
		name.Append(r.Name)
		continent.Append(r.Continent)
		neighbours.Append(r.Neighbours)
	}
}

func newRegionColumns() (proto.Input, func(LookupRegion)) {
	code, name, country := new(proto.ColStr), new(proto.ColStr), lowCardinality()
	input := proto.Input{
		{Name: "code", Data: code}, {Name: "name", Data: name}, {Name: "country", Data: country},
	}
	return input, func(r LookupRegion) {
		code.Append(r.Code)
		name.Append(r.Name)
		country.Append(r.Country)
	}
}

func newPrefixColumns() (proto.Input, func(LookupPrefix)) {
	prefix, origin, country := new(proto.ColStr), new(proto.ColUInt32), lowCardinality()
	input := proto.Input{
		{Name: "prefix", Data: prefix}, {Name: "origin", Data: origin}, {Name: "country", Data: country},
	}
	return input, func(r LookupPrefix) {
		prefix.Append(r.Prefix)
		origin.Append(r.Origin)
		country.Append(r.Country)
	}
}
