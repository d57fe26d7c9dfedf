package query

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// WatchCode asks for all watch lists; with a slash and a name after it, for one.
const WatchCode = "watch"

// The further states of a member of a watch list.
const (
	// TooLong: the prefix is longer than those that are looked at, and no covering route is known either.
	TooLong State = "too_long"
	// NoAddress: the host never resolved, or not for 7 days.
	NoAddress State = "no_address"
)

// WatchList is what is known of a watch list and its members.
type WatchList struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Public tells whether anonymous pages and feeds may name the list.
	Public bool `json:"public,omitempty"`
	// Home is the country that "here" and "abroad" are measured against.
	Home string `json:"home,omitempty"`
	// Since when the list holds as it is: the end of the window in which its newest change was applied.
	Since *time.Time `json:"since,omitempty"`
	// Problem says why a newer list was not taken, in a sentence; empty where there is none.
	Problem string `json:"problem,omitempty"`
	// Counts tells how many members there are in each state.
	Counts map[State]int `json:"counts"`
	// Members lists those that need a look first: lost, no address, never seen, too long, partly, not counted, then visible ones; within a
	// state as configured. MembersTotal counts all; Cut says that Members is not whole.
	Members      []WatchMember `json:"members"`
	MembersTotal int           `json:"members_total"`
	Cut          bool          `json:"cut,omitempty"`
	// Open are suspected and open events of the list itself.
	Open []Outage `json:"open,omitempty"`
}

// MemberKind is what a member of a watch list is.
type MemberKind string

// The kinds of a member.
const (
	MemberPrefix  MemberKind = "prefix"
	MemberAS      MemberKind = "as"
	MemberCountry MemberKind = "country"
	MemberHost    MemberKind = "host"
)

// WatchMember is one member of a watch list. State is the worst of its parts. Never seen means: no peer was ever heard to announce it,
// nor a route that covers it. An AS or country is lost while less than half of its usual space is visible, partly visible while a tenth
// of it is missing.
type WatchMember struct {
	// Member is as it was written: 192.0.2.0/24, AS64496, TO, www.example.net.
	Member string     `json:"member"`
	Kind   MemberKind `json:"kind"`
	State  State      `json:"state"`
	// Why explains the state, where it needs a reason.
	Why string `json:"why,omitempty"`
	// Origins are the ASes that may originate it; absent: whoever.
	Origins []bgp.ASN `json:"origins,omitempty"`
	// Routes are what the member is judged by. Of a prefix they are its own route, if it has one, and more-specific ones that are not
	// visible, or else one of these; or the route that covers it. Of a host there is one for each address; Cut says that more were left
	// out. ASes and countries have none.
	Routes []WatchRoute `json:"routes,omitempty"`
	// Sums are, of an AS or country, its sums in each family in which anything of it is known.
	Sums []WatchSum `json:"sums,omitempty"`
	Cut  bool       `json:"cut,omitempty"`
	// ResolvedAt is when a host last resolved; Problem is why the newest question got no address.
	ResolvedAt *time.Time `json:"resolved_at,omitempty"`
	Problem    string     `json:"problem,omitempty"`
	// Open are suspected and open events of it, the worst first: dark now.
	Open []Outage `json:"open,omitempty"`
}

// WatchRoute is the route by which a member, or one address of it, is judged.
type WatchRoute struct {
	Family string `json:"family"`
	// Address is that of a host; empty of prefixes. NameServer says that it is that of a name server of its zone.
	Address    string `json:"address,omitempty"`
	NameServer bool   `json:"name_server,omitempty"`
	// Prefix is the route; empty where none was ever seen. More counts, at the first one, further known routes within the member.
	Prefix string `json:"prefix,omitempty"`
	More   int    `json:"more,omitempty"`
	// CoveredBy is Prefix where the member has no route of its own.
	CoveredBy string `json:"covered_by,omitempty"`
	State     State  `json:"state"`
	// HeldBy of Voters hold it now.
	HeldBy int `json:"held_by"`
	Voters int `json:"voters"`
	// Since when it is lost or partly visible; BackSince is when the last loss was over.
	Since     *time.Time `json:"since,omitempty"`
	BackSince *time.Time `json:"back_since,omitempty"`
	Origins   []Heard    `json:"origins,omitempty"`
	Upstreams []Heard    `json:"upstreams,omitempty"`
	// LastUpstreams are those of voters that lost it.
	LastUpstreams []Heard `json:"last_upstreams,omitempty"`
	// Countries are those that it lies in. Abroad says that the list has a home and it does not lie there.
	Countries []string `json:"countries,omitempty"`
	Abroad    bool     `json:"abroad,omitempty"`
}

// WatchSum is what is visible of an AS or country.
type WatchSum struct {
	Family string `json:"family"`
	Entity
}
