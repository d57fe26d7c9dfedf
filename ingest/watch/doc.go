// Package watch reads watch lists, and writes them into bgp.updates.v1 as records.
//
// A list has a name and members: prefixes, ASes, countries and hosts. Section is the section `watch` of the configuration, and Read makes
// lists of it and of the files that it names. Bodies makes the records of a list.
//
// Source writes the lists of a running ingest, in the streams of the pseudo-collectors watch/<name>, lane watch: at the start, when one has
// changed, and once an hour. A list is written by the replica that has the partition of its stream, in a fencing epoch of its own. What was
// written before is kept on the compacted topic bgp.watch.v1: so a list that was taken out of the configuration while no ingest ran is
// written as removed, and the last addresses of a host survive a restart.
//
// Input: the configuration file and the files of members, looked at every few seconds; DNS (package hosts). Neither keeps the feeds waiting:
// Source has goroutines of its own.
//
// Goroutines: Source.Run starts one that looks at the files and those of hosts.Table; they end with it.
package watch
