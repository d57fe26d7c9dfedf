// Package bmp is the BMP station. Routers connect to it and report the routes and states of their
// BGP neighbours (RFC 7854, 8671, 9069).
//
// Input: TCP connections, only from configured addresses, optionally under TLS. Output: a router's
// messages, on the stream (ingest/stream) of its collector, bmp/<configured name, else address>. In
// an address each : of IPv6 becomes a - (2001:db8::1 is bmp/2001-db8--1), because collector names
// contain no colon. The router's sysName is only a label in logs and reasons.
//
// A session opens its collector's stream with its first valid message. At its end, whatever the
// cause, it writes Down (lost): that takes down the router's neighbours, and withdraws nothing. In
// the next session the router sends its tables again. A newer session of a router replaces the
// older one once it has sent a valid message. The older socket is closed.
//
// Tables: all tables that a router sends are passed on unless configured out. Each has its own peer
// key (pre, post, loc, out), so that they never mix. Peer Up and Peer Down apply to all tables of a
// neighbour (RFC 8671 §5). Peer Up is written for the table it names and for those that are up, and
// for any other table when its first route comes. Peer Down is written for all tables that are up.
// Routes of a neighbour without a Peer Up are passed on, and read without ADD-PATH. Routes of a
// neighbour that is down are dead letters. A Peer Down whose reason cannot be read, and a Peer Up
// whose OPENs cannot be read, is a dead letter and still counts. After such a Peer Up, too, routes
// are read without ADD-PATH.
//
// Behaviour of real routers (TestRouters; internal/routertest runs them):
//
//   - Both: Peer Up for sessions that existed before, then the tables, each ended by an End-of-RIB.
//     All of it is sent again after the station was away. Sessions come back within a second or so
//     after the port opens.
//   - FRR 8.4 stamps routes with the time at which it received them. Times more than a minute old
//     in the dump of a session become the time of reception. GoBGP 3.10 stamps whole seconds.
//   - FRR 8.4 sends the routes of its neighbours as if it sent them back to them: its own AS is the
//     first in the path. The station removes it. For BGP sessions older than the BMP session FRR
//     sends no OPEN that contains its AS. Then the AS in another neighbour's OPEN counts.
//   - FRR 8.4 withdraws, right after a Peer Up, the routes that it lost with the session before. It
//     also ends post-policy tables that it was not asked for. For an empty table neither has an
//     effect, and neither is passed on.
//   - FRR 8.4 needs soft-reconfiguration inbound for pre-policy monitoring. Without it FRR keeps no
//     routes, and sends each announcement as a withdrawal. The station then logs that, once a
//     session.
//   - FRR 8.4 sends Peer Down for the neighbours that are configured and not up, at the beginning
//     of a session.
//   - FRR 8.4 sends no A flag and, for its own routes, AS numbers of 2 octets. The station takes
//     the width that fits (wire.Options).
//   - Neither sends a keepalive. Both can send statistics (bmp stats interval, statistics-timeout),
//     which prevent idle_timeout.
//
// Goroutines: Run accepts connections, and owns one goroutine for each, which reads, decodes and
// produces. A session has at most one message in flight, so that a full producer slows the router
// (TCP) instead of filling memory. All goroutines end with Run.
//
// Bounds: connections (max_sessions, and perRouter of one address), a message (wire.MaxBMPMessage,
// refused by its header), peers of a session (max_peers), Initiations, and the time for the first
// message and for the rest of a begun one. A connection holds a buffer of read_buffer_bytes. It
// grows to at most 2 MiB while a large message arrives, and shrinks after it. All buffers together
// grow by at most largeBytes.
//
// Locks: Station.mu guards the connections and the seats. A seat's mu is held while a stream is
// opened. It is taken before Station.mu.
package bmp
