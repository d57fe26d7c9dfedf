// Package querydoor implements both sides of the detector's query door over HTTP: Handler answers
// at Path, Client asks.
//
// The door is read-only. A request names its subject and carries a key; a request from a web page
// is refused. Answers and errors (RFC 9457) are JSON (docs/interfaces.md, The query door). The
// handler belongs to the admin server, which bounds connections, headers and times and, on
// loopback, refuses other host names. Neither side starts a goroutine.
package querydoor
