// Package bgp holds the types of the domain: AS numbers, paths, peers, positions, entities and
// outages. Their names are those of the RFCs.
//
// The package imports no other package of this module and does no I/O. Values are plain data; none
// is safe for concurrent writing.
package bgp
