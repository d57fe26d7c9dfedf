package outage

import (
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Watched is the event in a question to View.Watch.
type Watched struct {
	Key Key
	// Origins and Countries are those that the event names: the usual origins of a prefix, and the
	// countries of the space that a prefix or AS has lost.
	Origins   []bgp.ASN
	Countries []string
	// Named are the members that earlier records named. They are listed as long as they are
	// members.
	Named []bgp.WatchMember
}

// Unexpected is a listed prefix that is announced from an origin that its watch list does not
// name.
type Unexpected struct {
	Key Key
	// Routes are sorted by prefix and origin.
	Routes []UnexpectedRoute
	// Voters is the number of voters, out of Of voters in all, that hold the prefix which most
	// voters hold from other origins. Collectors is the number of their collectors.
	Voters, Of, Collectors int
	// Space is the space of the listed prefix.
	Space uint64
}

// Rebased reports by how much the entity of a watch list changed because the list changed. The
// routes are the same before and after.
type Rebased struct {
	Key Key
	// Space and Prefixes are the changes of its known space and known prefixes.
	Space    int64
	Prefixes int
	// Gone is lost space that left the list.
	Gone uint64
}

// UnexpectedRoute is a prefix from an origin that no watch list names for it.
type UnexpectedRoute struct {
	Prefix   netip.Prefix
	Origin   bgp.ASN
	Expected []bgp.ASN
	// Voters is the number of voters, out of Of voters in all, that hold it. Collectors is the
	// number of their collectors.
	Voters, Of, Collectors int
}
