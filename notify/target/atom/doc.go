// Package atom keeps an Atom document (RFC 4287) with one entry for each incident: its newest state. The entry's id is made of the feed's id and the
// incident's, and never changes. Notices and tests get an entry each. Incidents about private watch lists are left out, and the entry of one
// that becomes private goes.
//
// The file is all the state: the target reads it when it starts, and the same message makes the same entry. Above the limit the
// oldest entries go, those of incidents that are over first.
package atom
