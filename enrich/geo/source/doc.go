// Package source reads files with the locations of addresses, their origin ASes, and the names of
// ASes. It recognises the format by the content. Files may be compressed with gzip or bzip2:
//
//   - MMDB (MaxMind's format) in the field layouts of GeoLite2 and GeoIP2, DB-IP, IPinfo and
//     ip-location-db;
//   - ranges: comma- or tab-separated rows of start and end address (dotted, IPv6 or decimal
//     integers) or of one prefix, then a country with or without region, or an AS number with or
//     without country and organisation. pyasn's prefix-to-origin tables are such rows;
//   - RIR statistics, delegated and delegated-extended, which delegate addresses and AS numbers to
//     countries;
//   - names of ASes: pyasn's JSON object, or rows of AS number and name.
//
// A file is read once from start to end and passed on row by row; nothing of it is kept. The input
// is bounded: MaxBytes of decompressed content, MaxRows rows, 64 KiB a line. A row that cannot be
// read is counted and skipped. A file is rejected if more than 1 % of its rows cannot be read.
package source
