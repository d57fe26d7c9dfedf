// Package atom writes an Atom document (RFC 4287) with one entry for each incident, which holds its
// newest state. The entry's id consists of the feed's id and the incident's id and never changes.
// Each notice and each test has its own entry. Incidents about private watch lists are left out,
// and the entry of an incident that becomes private is removed.
//
// The file is the whole state: the target reads it at the start, and the same message makes the
// same entry. Above the limit the oldest entries are removed, those of incidents that are over
// first.
package atom
