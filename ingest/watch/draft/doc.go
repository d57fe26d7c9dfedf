// Package draft creates watch lists for people to review, change and paste into a configuration. It
// builds them from the prefixes that an AS originates, according to captures or the running
// detector, or from BGPalerter's file of prefixes.
//
// Output: the section watch as YAML. Texts from other sources appear in it as comments and quoted
// strings, without control characters. The package starts no goroutine.
package draft
