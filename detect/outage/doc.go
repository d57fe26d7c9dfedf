// Package outage decides which entities have gone dark: it is fed with what an entity shows when a minute closes and returns
// the events in the life of its outages (docs/detection.md).
//
// Engine is a pure core for one address family: no I/O, no goroutine, no clock but the windows it is given, no map order and no
// float in a decision. It asks its View for what an event needs beyond the samples. A quiet prefix costs nothing, a quiet AS or
// country one run-length list of its last 24 hours.
//
// A minute has three steps: every entity is decided, the events are related (which wider ones hold a part of their loss), and the records
// are made.
//
// Invariants: an entity has at most one open event, and beside it one of kind origin; an event's sequence rises by one with each record; its id never changes; its
// end is not before its start; once closed or retracted it changes only by being reopened.
package outage
