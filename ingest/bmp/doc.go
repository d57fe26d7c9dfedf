// Package bmp is the BMP station: routers connect to it and say what their BGP neighbours tell them (RFC 7854, 8671, 9069).
//
// Input: TCP connections, from configured addresses only, optionally under TLS. Output: what a router says, on the
// ingest/stream of its collector, bmp/<configured name, else address>. An address is written as it is, with each : of IPv6 as a
// - (2001:db8::1 is bmp/2001-db8--1), since names have neither. The router's sysName is a label in logs and reasons, no more.
//
// A session opens its collector's stream with its first valid message and says Down (lost) at its end, whatever ended it: that
// takes down the router's neighbours, and is no withdrawal. In the next session the router sends its tables again. A newer
// session of a router takes the place of the older one once it has said something valid; the older socket is closed.
//
// Tables: all that a router sends are passed on unless configured out, each under its own peer key (pre, post, loc, out), so that
// they never mix. Peer Up and Peer Down speak of all tables of a neighbour (RFC 8671 §5): Peer Up is said of the table it names and
// of those that are up, and of another when its first route comes; Peer Down of all that are up. Routes of a neighbour that nobody announced are passed
// on, read without ADD-PATH; routes of one that is down are dead letters. A Peer Down whose reason cannot be read, and a Peer Up whose
// OPENs cannot, is a dead letter and counts all the same; after the latter, too, routes are read without ADD-PATH.
//
// What real routers do (TestRouters; internal/routertest runs them):
//   - Both: Peer Up for sessions that were there before, then the tables, each ended by an End-of-RIB; all of it again after the station
//     was away. Sessions come back within a second or so of the port.
//   - FRR 8.4 stamps routes with the time at which it heard them: older than a minute in the dump of a session, they become the time of
//     reception. GoBGP 3.10 stamps whole seconds.
//   - FRR 8.4 sends the routes of its neighbours as if it sent them back to them: its own AS stands first in the path. It is taken off.
//     For BGP sessions older than the BMP session it sends no OPEN that says its AS: then that of another neighbour's OPEN counts.
//   - FRR 8.4 withdraws, right after a Peer Up, what was lost with the session before it, and ends post-policy tables that it was not
//     asked for. Of an empty table both say nothing, and are not passed on.
//   - FRR 8.4 needs soft-reconfiguration inbound for pre-policy monitoring: without it keeps nothing, and each announcement comes as a
//     withdrawal. The log then says so, once a session.
//   - FRR 8.4 says Peer Down of the neighbours that are configured and not up, at the beginning of a session.
//   - FRR 8.4 sends no A flag and, of its own routes, AS numbers of 2 octets: the width is taken that fits (wire.Options).
//   - Neither sends a keepalive; both may send statistics (bmp stats interval, statistics-timeout), which keep idle_timeout away.
//
// Goroutines: Run accepts, and owns one goroutine a connection, which reads, decodes and produces: never more than one message in
// flight, so that a full producer is felt by the router (TCP) and not by our memory. All end with Run.
//
// Bounds: connections (max_sessions, and perRouter of one address), a message (wire.MaxBMPMessage, refused by its header), peers of
// a session (max_peers), Initiations, and the time for the first message and for the rest of a begun one. A connection
// holds a buffer of read_buffer_bytes that grows to at most 2 MiB while a large message really comes, and shrinks after it; all of
// them together grow by at most largeBytes.
//
// Locks: Station.mu guards the connections and the seats; a seat's mu, held while a stream is opened, is taken before it.
package bmp
