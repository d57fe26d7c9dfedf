// Package bgp holds the domain: AS numbers, paths, peers, positions, entities and outages, in the words of the RFCs.
//
// It imports nothing of this module and does no I/O. Values are plain data; none is safe for concurrent writing.
package bgp
