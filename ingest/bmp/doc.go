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
// they never mix. Peer Up and Peer Down speak of all tables of a neighbour (RFC 8671 §5): Peer Up is said of the table it names,
// and of another when its first route comes; Peer Down of all that are up. Routes of a neighbour that nobody announced are passed
// on, read without ADD-PATH; routes of one that is down are dead letters.
//
// Goroutines: Run accepts, and owns one goroutine a connection, which reads, decodes and produces: never more than one message in
// flight, so that a full producer is felt by the router (TCP) and not by our memory. All end with Run.
//
// Bounds: connections (max_sessions, and perRouter of one address), a message (wire.MaxBMPMessage, refused by its header), peers of
// a session (max_peers), Initiations, and the time for the first message and for the rest of a begun one. A connection
// holds a buffer of read_buffer_bytes that grows to at most 2 MiB while a large message really comes, and shrinks after it.
//
// Locks: Station.mu guards the connections and the seats; a seat's mu, held while a stream is opened, is taken before it.
package bmp
