// Package mrt writes BGP messages and MRT records: what a route collector's archive would hold. The simulator is its only
// user; reading is internal/bgp/wire's.
//
// It writes UPDATE (RFC 4271, RFC 4760, RFC 6793 with 4-octet AS numbers), End-of-RIB (RFC 4724), BGP4MP_ET messages and
// state changes, and TABLE_DUMP_V2 (RFC 6396). The same input gives the same octets. Nothing starts a goroutine.
package mrt
