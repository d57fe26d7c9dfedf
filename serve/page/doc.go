// Package page makes the pages that people look at: the world and its map, a country, region, network, prefix or watch list, an outage with its
// evidence, the feeds, and how to read all that.
//
// In: the present (serve/live) and the past (serve/history), through serve.Deps. Out: whole HTML pages, made by the server. They need no script, no
// style but one file, and nothing of other hosts; every link lies below serve.Deps.Base. JavaScript adds live numbers, a tooltip on the map, the
// cursor of charts and a slider (web/). What cannot be read is said in the place where it would stand; the rest of the page is shown.
//
// Words: numbers have units, times are UTC, ISO 8601, 24 hours. That nothing is dark is said only where that is decided. No measurement is a hatch and
// these words; the line of a chart stops there.
//
// A site is made once and never changes; any number of requests may use it. It starts no goroutine.
package page
