// Package simulate makes synthetic feeds with known truth. It writes the MRT files that route
// collectors would have recorded, with delays, path exploration, session resets and table
// transfers. It never writes visibility. `darkmap replay` reads the files like any others.
//
// December2014 is a reconstruction of North Korea's outages of 21 to 29 December 2014. It is not a
// recording. The times of the losses were published (schedule.tsv marks each time as published or
// assumed), and the networks are real (networks.tsv). All else is made up: the peers of each
// collector, the paths and the background. No message of any world is real data.
//
// Everything is a pure function of Config: the same Config gives the same octets. The package
// starts no goroutine.
package simulate
