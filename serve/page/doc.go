// Package page makes the pages for people: the world and its map, a country, region, network,
// prefix or watch list, an outage with its evidence, the feeds, and how to read all of them.
//
// In: the present (serve/live) and the past (serve/history), through serve.Deps. Out: whole HTML
// pages, made by the server. They need no script, only one style file, and nothing from other
// hosts. Every link is below serve.Deps.Base. JavaScript adds live numbers, a tooltip on the map,
// the cursor of charts and a slider (web/). If a part of a page cannot be read, a sentence in its
// place reports that, and the rest of the page is shown.
//
// Words: numbers have units; times are UTC, ISO 8601, 24 hours. A page reports that nothing is dark
// only if that is decided. A span without a measurement has a hatch and these words, and the line
// of a chart stops there.
//
// A site is made once and never changes. It is safe for concurrent use, and starts no goroutine.
package page
