// Package mrt writes MRT records as in a route collector's archive: BGP4MP_ET messages and state
// changes, and TABLE_DUMP_V2 (RFC 6396). internal/bgp/wire writes the messages and attributes in
// them; it also reads MRT.
//
// The same input gives the same octets. The package starts no goroutine.
package mrt
