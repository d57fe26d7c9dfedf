// Package asn looks up the owner of an AS and the AS that originates a prefix. It reads the file
// formats of package source.
//
// A DB holds one immutable snapshot behind an atomic pointer: readers never wait, and see either
// the old files or the new ones. It starts no goroutine; its owner calls Reload. If several files
// know an AS, each field comes from the first file that has it. One exception: the country of an
// RIR's own registration record takes precedence over a country that was found behind a name.
package asn
