// Package simulate makes synthetic feeds with known truth. It speaks in messages, never in visibility: what it writes are
// the MRT files that route collectors would have recorded, with delays, path exploration, session resets and table
// transfers, and `darkmap replay` reads them like any other.
//
// December2014 is the reconstruction of North Korea's outages of 21 to 29 December 2014. It is a reconstruction, not a
// recording: the schedule of the losses is what was published (schedule.tsv says row by row what is published and what is
// assumed), the networks are real (networks.tsv), and everything else is made up: who peers with which collector, the paths,
// the background. No world's message is real data.
//
// Everything is a pure function of Config: the same Config gives the same octets. No goroutine is started.
package simulate
