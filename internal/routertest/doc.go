// Package routertest runs real BGP routers for tests: FRR's bgpd and GoBGP (from Debian), each in a network namespace of its own,
// with a BGP session of each family between every two of them, and a BMP session from each to a station of the test's.
//
// A router announces what it was told to originate and passes nothing on, so that what its neighbours hear from it is known. It
// keeps that over a kill and a restart.
//
// Script takes them and the darkmap that watches them through what may happen; View is what a log says of them.
//
// It needs root, ip (iproute2), bgpd and vtysh (frr), gobgpd and gobgp (gobgpd): where one is missing the test is skipped, or fails
// with TEST_INTEGRATION=1. Namespaces, interfaces and processes end with the test, by name and process id.
package routertest
