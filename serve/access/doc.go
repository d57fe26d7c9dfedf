// Package access identifies the viewer of a request, anonymous or logged in, and decides whether
// the viewer may read.
//
// | viewer | may read |
// |---|---|
// | a program of this machine, over loopback, to a loopback server and name | public data |
// | anybody, with `serve.public: true` | public data |
// | a viewer with a key (bearer), or logged in with a key (cookie) | all |
// | a user that a trusted proxy names (serve.user_header) | all |
// | others | nothing: 401, or the login page |
//
// Private data are watch lists that are not public, and the operator's own routers (bmp/...). A
// request over loopback that a proxy has passed on (it has a forwarding header, or another name in
// Host) does not count as one of this machine. A Gate keeps no state of its viewers: a cookie
// carries its own proof, and any process with the same keys accepts it. A Gate starts no goroutine
// and is safe for concurrent use.
package access
