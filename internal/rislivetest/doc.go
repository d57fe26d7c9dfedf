// Package rislivetest imitates RIPE NCC's RIS Live: a WebSocket server with its protocol. It plays
// a schedule of messages made from captures (internal/capture: recordings of RIS Live, MRT) at real
// speed or faster, and fails on demand.
//
//	sched, err := rislivetest.Read([]string{"rrc00", "rrc01"}, "updates.20260101.0000.gz")
//	srv := rislivetest.Start(tb, rislivetest.Options{})
//	go srv.Play(ctx, sched, time.Now(), 30)       // 30 times as fast, with present timestamps
//	// point a client at srv.URL, then:
//	srv.Conns()[0].Break(rislivetest.Cut)         // Stall, HalfFrame, BadJSON, ...
//	srv.Refuse(rislivetest.NotThere)              // refuses new connections
//	index, err := sched.WriteArchives(dir, start, 30) // the collectors' archives of the same play
//
// The server handles ris_subscribe and ris_unsubscribe with their filters and socketOptions,
// request_rrc_list and ping. It answers unknown commands with ris_error, compresses if the client
// asks for it, and closes the connection of a client that is too far behind, with the service's
// message. All connections receive the messages of one collector in the same order. The order
// between collectors differs, within Options.Skew.
//
// A play compresses time: an event at d of the schedule happens at start + d/factor and has that
// timestamp. The archives consist of files of 5 minutes / factor, named with seconds, and listed in
// index.tsv: collector, type (updates or rib), start and end (RFC 3339 with nanoseconds), path. The
// first table dump is at the start, with the routes that ReadEach found in tables. Further dumps
// follow every DumpEvery, with the routes after the messages until then.
//
// In a bubble of testing/synctest the server listens on a Pipe, and the client connects with
// Pipe.DialContext: waiting takes no real time, and the load of the machine has no effect.
//
// Goroutines: those of the HTTP server, and two for each connection; Close ends them and waits for
// them. Play runs in the caller's goroutine. Locks: Server.mu before Conn.mu.
package rislivetest
