// Package rislivetest stands in for RIPE NCC's RIS Live: a WebSocket server that speaks its protocol and plays a schedule of
// messages, made from captures (internal/capture: recordings of RIS Live, MRT), live, at real speed or faster, and breaks on demand.
//
//	sched, err := rislivetest.Read([]string{"rrc00", "rrc01"}, "updates.20260101.0000.gz")
//	srv := rislivetest.Start(tb, rislivetest.Options{})
//	go srv.Play(ctx, sched, time.Now(), 30)       // thirty times as fast; timestamps are those of now
//	// point a client at srv.URL, then:
//	srv.Conns()[0].Break(rislivetest.Cut)         // Stall, HalfFrame, BadJSON, ...
//	srv.Refuse(rislivetest.NotThere)              // nobody gets in
//	index, err := sched.WriteArchives(dir, start, 30) // what a route collector's archive would hold of the same play
//
// The server serves ris_subscribe and ris_unsubscribe with their filters and socketOptions, request_rrc_list and ping, answers
// what it does not know with ris_error, compresses where asked, and throws out who is too far behind, in the service's words.
// All connections get the messages of one collector in the same order; between collectors it differs, within Options.Skew.
//
// A play compresses time: an event at d of the schedule happens at start + d/factor and says so. The archives are cut into
// files of 5 minutes / factor, named with seconds, and listed in index.tsv: collector, type (updates or rib), begin and end
// (RFC 3339 with nanoseconds), path. A table dump stands at the start, with what ReadEach found in tables, and further ones every
// DumpEvery with what the messages made of it.
//
// In a bubble of testing/synctest the server stands on a Pipe, and the client dials it by Pipe.DialContext: times are the real ones and
// take no time, and nothing depends on how busy the machine is.
//
// Goroutines: the HTTP server's, and two for each connection; Close ends and awaits them. Play runs in the caller's.
// Locks: Server.mu before Conn.mu.
package rislivetest
