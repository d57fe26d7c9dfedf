// Package lookup makes the rows behind the store's dictionaries: whose ASes and prefixes are, what countries and regions are called, and
// which countries lie side by side.
//
// In: the snapshots of enrich/asn and enrich/geo, and three tables of its own. Out: clickhouse.Lookups, whose rows are made while they are
// read, so that no copy of the geography stands in memory. It starts no goroutine.
//
// The tables. continents: those of UN M.49, with North and South America apart (the Caribbean and Central America are North
// America); BV, GS, HM and TF are Antarctica, as ISO 3166 users have it, and Cyprus, Turkey, the Caucasus and Kazakhstan are Asia. borders:
// countries with a common border on land, and none across water or a bridge; a territory with a code of its own is a country. regions.tsv:
// the English names of CLDR (Unicode licence v3, see NOTICE), without the numbers that tell equal names apart.
package lookup
