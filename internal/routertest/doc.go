// Package routertest runs real BGP routers for tests: FRR's bgpd and GoBGP (from Debian), each in
// its own network namespace. Every two routers have a BGP session of each family, and each router
// has a BMP session to the test's station.
//
// A router announces only the prefixes that the test originates there and passes no route on, so
// the routes that its neighbours receive are known. It keeps these prefixes over a kill and a
// restart.
//
// Script runs the routers, and the darkmap that watches them, through a sequence of failures. View
// is the state of the routers in darkmap's log.
//
// The package needs root, ip (iproute2), bgpd and vtysh (frr), gobgpd and gobgp (gobgpd). If one is
// missing, the test is skipped, or fails with TEST_INTEGRATION=1. Namespaces, interfaces and
// processes end with the test, by name and process id.
package routertest
