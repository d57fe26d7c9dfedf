// Package mrt writes MRT records, as a route collector's archive holds them: BGP4MP_ET messages and state changes, and
// TABLE_DUMP_V2 (RFC 6396). The messages and attributes in them are written by internal/bgp/wire, which also reads MRT.
//
// The same input gives the same octets. Nothing starts a goroutine.
package mrt
