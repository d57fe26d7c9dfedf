// Package hosts finds the addresses of the hosts of watch lists through DNS.
//
// Resolver asks servers about one host: its addresses (A and AAAA, across aliases), the name
// servers of its zone and their addresses. It bounds the servers' answers: queries, aliases,
// addresses and name servers of a host, and octets and time of an answer. An answer counts only if
// it repeats the question.
//
// Table asks about many hosts repeatedly: as often as their records allow, but no more than every 5
// minutes and no less than every hour. The last addresses of a host that no longer resolves are
// kept for 7 days.
//
// Goroutines: Table.Run starts at most 8 at a time, each for one host. All end with it. A Resolver
// starts none, and is safe for concurrent use.
package hosts
