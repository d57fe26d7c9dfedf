// Package geo says in which countries and regions a prefix lies, from files of any form that package source reads.
//
// Which country wins. Every address is decided on its own, from what the files say of it:
//
//  1. geolocation, that is, files that measured where addresses are (GeoLite2, DB-IP, IPinfo, or marked so in the
//     configuration): the first file that knows the address.
//  2. registration: the RIR's delegation of the address, and the country in which the AS is registered that originates it
//     according to the prefix-to-origin tables. Where the two differ, whois decides between them; where it names a third
//     country or none, the delegation holds. Both outrank whois.
//  3. whois, that is, every other location file: the first file that knows the address. It also names the region, if its
//     country is the one that won.
//
// The origin is that of the tables, not that of the message at hand: a prefix must not move to another country when it is
// hijacked or withdrawn. So a place is a function of prefix and files alone.
//
// All files become one table of disjoint prefixes in memory, in units of one IPv4 address or one IPv6 /64. A DB holds it
// behind an atomic pointer: readers never wait, and see either the old files or the new ones. It starts no goroutine;
// whoever owns it calls Reload.
package geo
