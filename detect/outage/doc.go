// Package outage decides which entities have gone dark (docs/detection.md). Its input is a sample
// of each entity that changed when a minute closes. Its output is the events in the life of the
// entity's outages.
//
// Engine is a pure core for one address family. It has no I/O, no goroutine and no clock except
// the windows that it receives. No decision depends on map order or on a float. Engine asks its
// View for the facts of an event that the samples do not contain. A quiet prefix costs no memory.
// A quiet AS or country costs one run-length list of its last 24 hours.
//
// A minute has three steps. First every entity is decided. Then the events are related: Engine
// finds the wider events that contain a part of their loss. Then the records are made.
//
// Invariants:
//   - An entity has at most one open event, and in addition at most one open event of kind origin.
//   - The sequence number of an event rises by one with each record.
//   - The id of an event never changes.
//   - The end of an event is not before its start.
//   - A closed or retracted event changes only when it is reopened.
package outage
