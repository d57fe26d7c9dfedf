// Package routeviewstest stands in for RouteViews' collectors in tests: it writes what an OpenBMP collector puts on its message bus,
// raw BMP of peers' sessions behind the binary header, with the collector's own AS first in every path.
package routeviewstest
