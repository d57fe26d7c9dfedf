// Package year makes the records that the stages would have published in a year: outages with their
// whole lives, visibility, route changes, panels and feeds. `darkmap simulate --store` writes them
// into a store, so that queries have a year of data.
//
// The package does not run the detector. It draws outages, and makes visibility and route changes
// that fit them. Everything is made up. The prefixes are in 240.0.0.0/4 (reserved) and 3fff::/20
// (documentation), the AS numbers begin at 4200000000 (private use), and every text begins with
// Label. The codes of countries are real, because queries join them with names and neighbours.
//
// Beside the drawn outages there are stories, which are the same at every scale and seed: shutdowns
// at fixed local hours, upstreams that share fate, a loss of IPv4 alone, a hijack, a gap of the
// observatory's own feeds and more (stories.go lists them). docs/sql.md asks for them.
//
// A store holds only the route changes of the last 30 days, as a store of live feeds does. Some
// hundred ASes have a row of visibility each hour. The others have one at the beginning and one at
// each change.
//
// Everything is a pure function of Config: the same Config gives the same records. The package
// starts no goroutine.
package year

// Label begins every text of a simulated outage.
const Label = "Simulation. "
