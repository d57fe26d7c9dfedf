// Package routeviewstest imitates RouteViews' collectors in tests: it writes the records of an
// OpenBMP collector on its message bus, which are raw BMP of peers' sessions after the binary
// header, with the collector's own AS first in every path.
package routeviewstest
