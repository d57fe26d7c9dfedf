package outage

import (
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Watched is an event, for View.Watch.
type Watched struct {
	Key Key
	// Origins and Countries are those that the event names: of a prefix its usual origins, of a prefix or AS where what it lost lies.
	Origins   []bgp.ASN
	Countries []string
	// Named are the members that earlier records named. They stay as long as they are members.
	Named []bgp.WatchMember
}

// Unexpected is a listed prefix that is announced from an origin that its watch list does not name.
type Unexpected struct {
	Key Key
	// Routes are sorted by prefix and origin.
	Routes []UnexpectedRoute
	// Voters, of Of that there are, hold the prefix that most hold from others, on so many collectors.
	Voters, Of, Collectors int
	// Space is that of the listed prefix.
	Space uint64
}

// Rebased tells by how much the entity of a watch list changed because the list did, with the routes as they were.
type Rebased struct {
	Key Key
	// Space and Prefixes are how much more, or less, is known of it.
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
	// Voters, of Of that there are, hold it, on so many collectors.
	Voters, Of, Collectors int
}
