// Package hosts finds the addresses of the hosts of watch lists, through DNS.
//
// Resolver asks servers about one host: its addresses (A and AAAA, over aliases), the name servers of its zone and their addresses. What
// servers answer is bounded: queries, aliases, addresses and name servers of a host, octets and time of an answer. An answer counts only
// where it repeats the question.
//
// Table asks about many hosts, again and again: as often as their records allow, within 5 minutes and 1 hour. The last addresses of a host
// that does not resolve any more stay for 7 days.
//
// Goroutines: Table.Run starts at most 8 at a time, each for one host; all end with it. A Resolver starts none, and is safe for concurrent use.
package hosts
