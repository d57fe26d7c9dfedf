// Package lookup makes the rows of the store's dictionaries: the owners of ASes and prefixes, the
// names of countries and regions, and the neighbours of countries.
//
// Inputs: the snapshots of enrich/asn and enrich/geo, and three tables of the package. Output:
// clickhouse.Lookups. Its rows are made while they are read, so memory holds no copy of the
// geography. The package starts no goroutine.
//
// Tables. continents holds the continents of UN M.49, with North and South America separate; the
// Caribbean and Central America belong to North America. BV, GS, HM and TF belong to Antarctica, as
// is usual with ISO 3166. Cyprus, Turkey, the Caucasus and Kazakhstan belong to Asia. borders holds
// pairs of countries with a common land border; water and bridges do not count. A territory with
// its own code is a country. regions.tsv holds the English names of CLDR (Unicode licence v3, see
// NOTICE), without the numbers that distinguish equal names.
package lookup
