// Package draft makes watch lists for people to look at, change and paste into a configuration: from the prefixes that an AS originates, by captures or by
// the running detector, and of BGPalerter's file of prefixes.
//
// Output: the section watch as YAML. Texts of others appear in it as comments and quoted strings, without control characters. Nothing here
// starts a goroutine.
package draft
