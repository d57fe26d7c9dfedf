package outage

import (
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Key names an entity within a family. Code is as in bgp.Entity.
type Key struct {
	Family bgp.Family
	Type   bgp.EntityType
	Code   string
}

// Sample is the state of one entity when a window closes. Space is in 1/256 of a /24 or 1/65536 of
// a /48.
type Sample struct {
	Key Key
	// Space and Prefixes are visible. A prefix entity has its whole space or none (lost: v < b/2,
	// docs/detection.md).
	Space    uint64
	Prefixes int
	// KnownSpace and KnownPrefixes are visible or lost: everything whose usual visibility is not
	// 0. The entity's baseline starts from them before there is a history. Both are 0 when the
	// entity has left the table (new normal).
	KnownSpace    uint64
	KnownPrefixes int
	// SharePermille is v/b of a prefix entity, in 1/1000; 1000 for other entities.
	SharePermille int
	// Moved is the number of prefixes that View.Moved would list (AS and prefix entities): other
	// ASes originate them now. It makes an event of kind moved for a prefix that is visible all
	// the time.
	Moved int
	// Brief is lost space that at least half of the usual voters announced and then withdrew again
	// within the window.
	Brief uint64
	// Carried is the part of a lost prefix's space that visible more-specific routes of its usual
	// origins carry, if no route above it covers it.
	Carried uint64
	// Covered: the prefix is lost, and visible routes of its usual origins carry all its
	// addresses: one route above it, or several more-specific ones together. It is false for other
	// entities.
	Covered bool
}

// View answers the engine's questions about facts that the samples do not contain. The engine asks
// only while a window is being closed, and only about entities that lose something. Answers
// describe the present window.
type View interface {
	// Panel returns the voters of the family. verdicts is false while there are too few of them
	// for any verdict.
	Panel(f bgp.Family) (p bgp.Panel, verdicts bool)
	// Gated reports whether the panel gate is shut: nothing is decided in the window because too
	// many of the own feeds were lost. It is checked before verdicts.
	Gated(f bgp.Family) bool
	// Leaving reports whether so many own feeds were lost lately that nothing is suspected. A loss
	// that lasts is published when its event opens.
	Leaving(f bgp.Family) bool
	// Present returns the present sample of an entity, whether it changed or not. ok is false if
	// nothing of the entity is known.
	Present(k Key) (s Sample, ok bool)
	// Lost lists the entity's lost prefixes, sorted.
	Lost(k Key) []LostPrefix
	// Surviving lists up to limit of the entity's visible prefixes, sorted, and returns the number
	// of all.
	Surviving(k Key, limit int) ([]netip.Prefix, int)
	// Churn counts route changes of the entity's prefixes by voters in the hour and the day before
	// t (Unix seconds).
	Churn(k Key, t int64) bgp.Churn
	// Moved lists prefixes of an AS or prefix entity that other ASes originate now, sorted.
	Moved(k Key) []MovedPrefix
	// Returns reports the space of an ending event whose return is not proven.
	Returns(k Key, q Ending) Returns
	// Belongs returns the usual origins of a prefix entity, nil for other entities, and countries.
	// For a prefix these are the countries that it lies in. For an AS they are the countries of
	// the prefixes that it has lost or that other ASes originate now. For other entities they are
	// nil. The country with most space comes first, then countries by code.
	Belongs(k Key) (origins []bgp.ASN, countries []string)
	// Overlaps returns the space that an entity has lost now, and how much of that each wider
	// entity has lost too. With moved it returns the space that other ASes originate now, and how
	// much of it belongs to wider entities whose space other ASes originate now. Each address
	// counts once. EntityType.Breadth defines which entity is wider. Entities without an overlap
	// are left out. The order is by breadth, then by code.
	Overlaps(k Key, moved bool) (space uint64, wider []Overlap)
	// Watch lists the members of watch lists that an event concerns, by list and member. The
	// caller may keep the slice.
	Watch(q Watched) []bgp.WatchMember
	// Unexpected lists, by code, the listed prefixes with unexpected routes: enough voters hold
	// the prefix, or a more-specific one, from an origin that its watch list does not name.
	// Guarded reports whether a watch list names origins of a prefix.
	Unexpected() []Unexpected
	Guarded(k Key) bool
	// Name is the entity's name, empty if unknown. OwnerName is the name of an AS.
	Name(k Key) string
	OwnerName(a bgp.ASN) string
}

// Overlap is the part of an entity's lost or moved space that a wider entity has lost, or moved,
// too.
type Overlap struct {
	Key   Key
	Space uint64 // above 0
}

// Ending is an event that ends, for View.Returns.
type Ending struct {
	// Since is the first window of the event, Unix seconds. Losses that were over before it do
	// not count.
	Since int64
	// Permille is the part of a prefix's usual visibility, in 1/1000, at which its loss ends.
	Permille int
	// Moved: the event is a move and not a loss.
	Moved bool
}

// Returns is the result of View.Returns. The zero value means that announcements prove the return
// of the lost routes.
type Returns struct {
	// Unproven is space that is visible again although too few of the voters that had lost it
	// announced it again.
	Unproven uint64
	// Foreign is space that is visible again from other origins than before.
	Foreign uint64
	// Settled: the present state of the prefix has become its usual state.
	Settled bool
	// Covered: other ASes than the usual origins originate the prefix, and a route of a usual
	// origin covers it.
	Covered bool
}

// The parts of a prefix's usual visibility, in 1/1000, at which a loss ends, and at which a
// partial loss ends by default.
const (
	LostPermille  = 500
	WholePermille = 900
)

// Cover is a less-specific prefix and its origin.
type Cover struct {
	Prefix netip.Prefix
	Origin bgp.ASN
}

// LostPrefix is a lost prefix of an entity, with the facts of its loss.
type LostPrefix struct {
	Prefix netip.Prefix
	// Space is the part of its space that lies in the entity.
	Space uint64
	// Carried is the part of Space that visible more-specific routes of the same origin (in an AS:
	// of that AS) carry.
	Carried uint64
	// SharePermille is v/b in 1/1000.
	SharePermille int
	// Origin and Upstreams are those that the voters last heard. Upstreams with most voters come
	// first, then by number.
	Origin    bgp.ASN
	Upstreams []bgp.ASN
	// Withdrawals are the times at which voters lost it in this loss, one for each voter. Unix
	// seconds, sorted.
	Withdrawals []int64
	// WithdrawnBy are these voters, in the order of Withdrawals.
	WithdrawnBy []bgp.ASN
	// Lapsed: most of these times are ends of sessions whose next tables did not contain the
	// prefix.
	Lapsed bool
	// Collectors is the number of collectors on which it was lost.
	Collectors int
	// ReroutedVia are upstreams through which voters heard it after the first withdrawal of this
	// loss.
	ReroutedVia []bgp.ASN
	// Table is the less-specific prefix of the same origin in the prefix-to-origin files. It is
	// set if no tables are known and no visible route covers the prefix; otherwise it is zero.
	Table Cover
	// CoveredBy is the origin of a visible aggregate of another AS; 0 if there is none.
	CoveredBy bgp.ASN
	// UnderAggregate: a visible route above it by the same origin (in an AS: by that AS) carries
	// its addresses. The prefix does not count as lost in its AS, country, region and the world.
	UnderAggregate bool
	// Deaggregated: visible routes of the same origin carry all its addresses, so no space is
	// lost.
	Deaggregated bool
}

// MovedPrefix is a prefix that other ASes originate now.
type MovedPrefix struct {
	Prefix   netip.Prefix
	From, To bgp.ASN
	Since    int64 // Unix seconds
}
