package query

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// WatchCode is the code of all watch lists. With a slash and a name after it, it is the code of
// one.
const WatchCode = "watch"

// Further states of a member of a watch list.
const (
	// TooLong: the prefix is longer than the prefixes that darkmap examines, and no covering route
	// is known.
	TooLong State = "too_long"
	// NoAddress: the host never resolved, or has not resolved for 7 days.
	NoAddress State = "no_address"
)

// WatchList is the answer about a watch list and its members.
type WatchList struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Public reports whether anonymous pages and feeds may name the list.
	Public bool `json:"public,omitempty"`
	// Home is the country that "here" and "abroad" refer to.
	Home string `json:"home,omitempty"`
	// Since is the time since when the list has its present form: the end of the window in which
	// its newest change was applied.
	Since *time.Time `json:"since,omitempty"`
	// Problem is the reason why a newer list was refused, in a sentence; empty if there is none.
	Problem string `json:"problem,omitempty"`
	// Counts has the number of members in each state.
	Counts map[State]int `json:"counts"`
	// Members lists the members that need attention first: lost, no address, never seen, too long,
	// partly, not counted, then visible ones; within a state as configured. MembersTotal counts
	// all. Cut reports that Members is not complete.
	Members      []WatchMember `json:"members"`
	MembersTotal int           `json:"members_total"`
	Cut          bool          `json:"cut,omitempty"`
	// Open are suspected and open events of the list itself.
	Open []Outage `json:"open,omitempty"`
}

// MemberKind is the kind of a member of a watch list.
type MemberKind string

// The kinds of a member.
const (
	MemberPrefix  MemberKind = "prefix"
	MemberAS      MemberKind = "as"
	MemberCountry MemberKind = "country"
	MemberHost    MemberKind = "host"
)

// WatchMember is one member of a watch list. State is the worst state of its parts. Never seen
// means that no peer ever announced it, nor a route that covers it. An AS or country is lost while
// less than half of its usual space is visible, and partly visible while a tenth of it is missing.
type WatchMember struct {
	// Member is the member as it is written in the list: 192.0.2.0/24, AS64496, TO,
	// www.example.net.
	Member string     `json:"member"`
	Kind   MemberKind `json:"kind"`
	State  State      `json:"state"`
	// Why explains the state, if it needs a reason.
	Why string `json:"why,omitempty"`
	// Origins are the ASes that may originate it; absent means any AS.
	Origins []bgp.ASN `json:"origins,omitempty"`
	// Routes are the routes that decide the member's state. For a prefix they are its own route, if
	// it has one, and more-specific ones that are not visible, or else one of these; or the route
	// that covers it. For a host there is one for each address; Cut reports that more were left
	// out. ASes and countries have none.
	Routes []WatchRoute `json:"routes,omitempty"`
	// Sums are the sums of an AS or country, one for each family with known prefixes.
	Sums []WatchSum `json:"sums,omitempty"`
	Cut  bool       `json:"cut,omitempty"`
	// ResolvedAt is the time when a host last resolved. Problem is the reason why the newest query
	// returned no address.
	ResolvedAt *time.Time `json:"resolved_at,omitempty"`
	Problem    string     `json:"problem,omitempty"`
	// Open are its suspected and open events, the worst first: dark now.
	Open []Outage `json:"open,omitempty"`
}

// WatchRoute is the route that decides the state of a member, or of one address of it.
type WatchRoute struct {
	Family string `json:"family"`
	// Address is an address of a host; empty for prefixes. NameServer reports that it is the
	// address of a name server of the host's zone.
	Address    string `json:"address,omitempty"`
	NameServer bool   `json:"name_server,omitempty"`
	// Prefix is the route; empty if none was ever seen. More, at the first route, counts further
	// known routes within the member.
	Prefix string `json:"prefix,omitempty"`
	More   int    `json:"more,omitempty"`
	// CoveredBy equals Prefix if the member has no route of its own.
	CoveredBy string `json:"covered_by,omitempty"`
	State     State  `json:"state"`
	// HeldBy of Voters hold it now.
	HeldBy int `json:"held_by"`
	Voters int `json:"voters"`
	// Since is the time since when it is lost or partly visible. BackSince is the time when the
	// last loss was over.
	Since     *time.Time `json:"since,omitempty"`
	BackSince *time.Time `json:"back_since,omitempty"`
	Origins   []Heard    `json:"origins,omitempty"`
	Upstreams []Heard    `json:"upstreams,omitempty"`
	// LastUpstreams are the last upstreams of voters that lost it.
	LastUpstreams []Heard `json:"last_upstreams,omitempty"`
	// Countries are the countries in which it lies. Abroad reports that the list has a home and the
	// route does not lie there.
	Countries []string `json:"countries,omitempty"`
	Abroad    bool     `json:"abroad,omitempty"`
}

// WatchSum is the visible part of an AS or country in one family.
type WatchSum struct {
	Family string `json:"family"`
	Entity
}
