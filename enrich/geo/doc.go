// Package geo finds the countries and regions of a prefix. It reads the file formats of package
// source.
//
// Which country wins: each address is decided separately, from the data of all files on it.
//
//  1. geolocation: files that measured locations (GeoLite2, DB-IP, IPinfo, or files marked so in
//     the configuration). The first file that knows the address decides.
//  2. registration: the RIR's delegation of the address, and the country in which the address's
//     origin AS is registered. The prefix-to-origin tables give the origin AS. If the two
//     countries differ, whois decides between them; if whois names a third country or none, the
//     delegation holds. Both take precedence over whois.
//  3. whois: all other location files. The first file that knows the address decides. It also
//     names the region, if its country is the winner.
//
// The origin AS comes from the tables, not from the current message: a prefix must not move to
// another country if it is hijacked or withdrawn. So a place depends on the prefix and the files
// alone.
//
// All files become one table of disjoint prefixes in memory, in units of one IPv4 address or one
// IPv6 /64. A DB holds it behind an atomic pointer: readers never wait, and see either the old
// files or the new ones. It starts no goroutine; its owner calls Reload.
package geo
