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

// Sample is one entity as it stands when a window closes. Space is in 1/256 of a /24 or 1/65536 of a /48.
type Sample struct {
	Key Key
	// Space and Prefixes are visible. A prefix entity has its whole space or none (detection.md §3: lost is v < b/2).
	Space    uint64
	Prefixes int
	// KnownSpace and KnownPrefixes are visible or lost, everything whose usual visibility is not 0. They are what the
	// entity's baseline starts from, before there is history; 0 and 0 mean that the entity has left the table (new normal).
	KnownSpace    uint64
	KnownPrefixes int
	// SharePermille is v/b of a prefix entity, in 1/1000; 1000 for other entities.
	SharePermille int
	// Moved is how many prefixes View.Moved would list (AS and prefix entities): others originate them now. It is what
	// makes a prefix that is visible all the time a `moved` event.
	Moved int
	// Brief is lost space that at least half of the usual voters announced within the window and then withdrew again.
	Brief uint64
	// Carried is how much of a lost prefix's space visible more-specific routes of its usual origins have, where no route above it
	// covers it.
	Carried uint64
	// Covered: the prefix is lost, and visible routes of its usual origins carry all its addresses: one above it, or
	// more-specific ones together. False for other entities.
	Covered bool
}

// View answers what an event needs beyond its samples. It is asked only while a window is being closed, and only about
// entities that lose something; it speaks of the present window.
type View interface {
	// Panel tells who votes in the family; Verdicts is false while there are too few for any verdict.
	Panel(f bgp.Family) (p bgp.Panel, verdicts bool)
	// Gated reports whether nothing is decided in the window, because too many of the own feeds were lost. It goes before verdicts.
	Gated(f bgp.Family) bool
	// Leaving reports whether so many own feeds were lost lately that nothing is suspected: what lasts is told when it opens.
	Leaving(f bgp.Family) bool
	// Present is the sample of an entity as it stands, whether it changed or not; ok is false where nothing of it is known.
	Present(k Key) (s Sample, ok bool)
	// Lost lists the entity's lost prefixes, sorted.
	Lost(k Key) []LostPrefix
	// Surviving lists up to limit of its visible prefixes, sorted, and says how many there are.
	Surviving(k Key, limit int) ([]netip.Prefix, int)
	// Churn counts route changes of the entity's prefixes in the hour and the day before t (Unix seconds), voters only.
	Churn(k Key, t int64) bgp.Churn
	// Moved lists prefixes of an AS or prefix entity that other ASes originate now, sorted.
	Moved(k Key) []MovedPrefix
	// Returns tells what does not prove that what an ending event had lost is back.
	Returns(k Key, q Ending) Returns
	// Belongs says who usually originates a prefix entity, nil for others, and in which countries the prefixes lie that an AS or
	// prefix has lost or that others originate now, nil for others; of a prefix entity, those in which it lies. The country with most
	// space first, then by code.
	Belongs(k Key) (origins []bgp.ASN, countries []string)
	// Overlaps tells how much space an entity has lost now, and how much of that wider entities have lost too; with moved, how much of it
	// others originate now, and how much of that belongs to wider entities whose space others originate now. Each address counts once.
	// Wider is what EntityType.Breadth says. An entity without an overlap is left out; the order is that of breadth, then code.
	Overlaps(k Key, moved bool) (space uint64, wider []Overlap)
	// Watch lists the members of watch lists that an event is about, by list and member. The caller may keep what it gets.
	Watch(q Watched) []bgp.WatchMember
	// Unexpected lists, by code, the listed prefixes that enough voters hold from an origin that their watch list does not name, or a
	// more-specific of them. Guarded reports whether a watch list names origins of a prefix.
	Unexpected() []Unexpected
	Guarded(k Key) bool
	// Name is the entity's name, empty where unknown. OwnerName is an AS's.
	Name(k Key) string
	OwnerName(a bgp.ASN) string
}

// Overlap is how much of an entity's lost or moved space a wider entity has lost, or moved, too.
type Overlap struct {
	Key   Key
	Space uint64 // above 0
}

// Ending is an event that ends, for View.Returns.
type Ending struct {
	// Since is the first window of the event, Unix seconds. What was over before is left out.
	Since int64
	// Permille is the part of a prefix's usual visibility, in 1/1000, at which its loss ends.
	Permille int
	// Moved: the event is a move and not a loss.
	Moved bool
}

// Returns is what does not prove that the lost routes are back. The zero value says that
// announcements prove it.
type Returns struct {
	// Unproven is space that is visible again although too few of the voters that had lost it
	// announced it again.
	Unproven uint64
	// Foreign is space that is visible again from other origins than before.
	Foreign uint64
	// Settled: what stands of the prefix has become its usual state.
	Settled bool
	// Covered: other origins than the usual ones originate the prefix, and a route of a usual one
	// covers it.
	Covered bool
}

// The parts of a prefix's usual visibility, in 1/1000, at which a loss ends, and by default a
// partial loss.
const (
	LostPermille  = 500
	WholePermille = 900
)

// Cover is a less-specific prefix and who originates it.
type Cover struct {
	Prefix netip.Prefix
	Origin bgp.ASN
}

// LostPrefix is a lost prefix of an entity and what is known of its last hours.
type LostPrefix struct {
	Prefix netip.Prefix
	// Space of it that lies in the entity.
	Space uint64
	// Carried is how much of Space visible more-specific routes of the same origin (in an AS: of that AS) have.
	Carried uint64
	// SharePermille is v/b in 1/1000.
	SharePermille int
	// Origin and Upstreams as the voters last heard them; upstreams with most voters first, then by number.
	Origin    bgp.ASN
	Upstreams []bgp.ASN
	// Withdrawals are the times at which voters lost it in this loss, Unix seconds, sorted; one a voter.
	Withdrawals []int64
	// WithdrawnBy are these voters.
	WithdrawnBy []bgp.ASN
	// Lapsed: most of these times are ends of sessions, whose next tables lacked the prefix.
	Lapsed bool
	// Collectors is on how many collectors it was lost.
	Collectors int
	// ReroutedVia are upstreams through which voters heard it after the first withdrawal of this loss.
	ReroutedVia []bgp.ASN
	// Table is the less-specific prefix of the same origin that the prefix-to-origin files have, where no tables are known and
	// no visible route covers it; zero where there is none.
	Table Cover
	// CoveredBy is the origin of a visible aggregate of another AS; 0 where there is none.
	CoveredBy bgp.ASN
	// UnderAggregate: a visible route above it by the same origin (in an AS: by that AS) carries its addresses. It does not count as
	// lost in its AS, country, region and the world.
	UnderAggregate bool
	// Deaggregated: visible routes of the same origin carry all its addresses, so that it is no loss of space.
	Deaggregated bool
}

// MovedPrefix is a prefix that others originate now.
type MovedPrefix struct {
	Prefix   netip.Prefix
	From, To bgp.ASN
	Since    int64 // Unix seconds
}
