// Package year makes what the stages would have published in a year: outages with their whole lives, visibility, route changes, panels
// and feeds, as records of the topics. `darkmap simulate --store` writes them into a store, so that queries have a year to ask.
//
// It does not run the detector: outages are drawn, and the visibility and the route changes are made to fit them. Everything is made up.
// The prefixes lie in 240.0.0.0/4 (reserved) and 3fff::/20 (documentation), the AS numbers begin at 4200000000 (private use), and every
// text begins with Label. The codes of countries are real, because queries join them with names and neighbours.
//
// Between drawn outages stand stories, which look the same at every scale and seed: shutdowns at fixed local hours, upstreams that share
// fate, IPv4 that is gone while IPv6 stands, a hijack, a gap of our own feeds and more (stories.go lists them). docs/sql.md asks for them.
//
// A store holds the route changes of the last 30 days alone, as a store of live feeds does. Of ASes some hundred have a row of visibility
// each hour; the others have one when they changed, and one at the beginning.
//
// Everything is a pure function of Config: the same Config gives the same records. No goroutine is started.
package year

// Label begins every text of a simulated outage.
const Label = "Simulation. "
