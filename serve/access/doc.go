// Package access decides who asks: anybody, or somebody who is logged in; and whether they may.
//
// | who | may |
// |---|---|
// | a program of this machine, over loopback, at a server on loopback, by a name of loopback | read what is public |
// | anybody, with `serve.public: true` | read what is public |
// | who has a key (bearer), or has logged in with it (cookie) | read all |
// | whom a trusted proxy names (serve.user_header) | read all |
// | others | nothing: 401, or the login page |
//
// What is private: watch lists that are not public, and routers of the operator's own (bmp/...). A request over loopback that a proxy has
// passed on (it carries a forwarding header, or asks for another name) is not of this machine. A Gate holds no state of its visitors: cookies prove themselves, and any
// process with the same keys takes them. It starts no goroutine and may be used by any number of them.
package access
