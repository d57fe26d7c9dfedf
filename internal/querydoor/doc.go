// Package querydoor is the detector's query door over HTTP, both sides: Handler answers at Path, Client asks.
//
// The door only reads. A request names what it asks about, and carries a key; it is refused where it comes from a web page. Answers and
// errors (RFC 9457) are JSON (docs/interfaces.md, The query door). The handler belongs to the admin server, which bounds connections,
// headers and times and, on loopback, refuses other names of the host. Neither side starts a goroutine.
package querydoor
