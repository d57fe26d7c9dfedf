// Package asn says who an AS is, and which AS originates a prefix, from files of any form that package source reads.
//
// A DB holds one immutable snapshot behind an atomic pointer: readers never wait, and see either the old files or the new
// ones. It starts no goroutine; whoever owns it calls Reload. What several files say of one AS is taken from the first that
// says it, field by field, except that an RIR's own record of a registration outranks a country found behind a name.
package asn
