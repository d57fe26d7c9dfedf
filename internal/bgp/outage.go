package bgp

import (
	"encoding/json"
	"slices"
	"time"
)

// Outage is the one representation of an outage in topics, webhooks, API, SQL and `replay --format
// json`. schemas/outage.schema.json describes it. Times are whole seconds, UTC. An absent field is
// unknown. Space counts /24s or /48s.
type Outage struct {
	ID       string    `json:"id"`
	Sequence uint32    `json:"sequence"`
	Kind     Kind      `json:"kind"`
	State    State     `json:"state"`
	Event    Event     `json:"event,omitempty"`
	Family   string    `json:"family"`
	Entity   Entity    `json:"entity"`
	Start    time.Time `json:"start"`
	// End is absent while the outage lasts.
	End *time.Time `json:"end,omitempty"`
	// EndReason is set if and only if State is closed or retracted.
	EndReason EndReason `json:"end_reason,omitempty"`
	// Successor is the id of the event that continues a superseded one. It is empty if that event
	// has no id yet.
	Successor string `json:"successor,omitempty"`
	// Predecessor is the id of the superseded event that this event continues.
	Predecessor     string   `json:"predecessor,omitempty"`
	DurationSeconds int64    `json:"duration_seconds"`
	Severity        Severity `json:"severity"`
	// Score is the integral of the loss, in percent-minutes.
	Score    int64 `json:"score"`
	Baseline Size  `json:"baseline"`
	Peak     Loss  `json:"peak"`
	Now      Loss  `json:"now"`
	// LostPrefixes is capped. LostPrefixesTotal counts all of them.
	LostPrefixes           []string `json:"lost_prefixes,omitempty"`
	LostPrefixesTotal      int      `json:"lost_prefixes_total"`
	SurvivingPrefixes      []string `json:"surviving_prefixes,omitempty"`
	SurvivingPrefixesTotal int      `json:"surviving_prefixes_total"`
	// Origins lists the origins of the lost prefixes, the one with the largest loss first. For a
	// prefix that is not lost it lists the usual origins.
	Origins []AS `json:"origins,omitempty"`
	// Countries lists the ISO 3166-1 codes of the countries of the prefixes that an AS or prefix
	// lost, or that other ASes originate now. The country with the most space comes first. It is
	// empty for countries and regions, because their code names the country.
	Countries []string `json:"countries,omitempty"`
	Upstreams []AS     `json:"upstreams,omitempty"`
	Panel     Panel    `json:"panel"`
	Flaps     Flaps    `json:"flaps"`
	// Gaps lists pauses of a minute or more in which the entity was not lost. It holds the last
	// 100.
	Gaps []Interval `json:"gaps,omitempty"`
	// Parents lists the suspected, open or pending events of wider entities of the same family that
	// lost a part of this event's loss. The narrowest comes first: as, region, country, world, then
	// watch lists.
	Parents []Parent `json:"parents,omitempty"`
	// Watch lists the members of watch lists that the event concerns, by list and member. It is
	// absent if the event concerns none.
	Watch []WatchMember `json:"watch,omitempty"`
	// Unexpected lists the routes of an event of kind origin whose origins the watch list does not
	// name. It is sorted by prefix and origin, and capped.
	Unexpected []UnexpectedRoute `json:"unexpected,omitempty"`
	Evidence   Evidence          `json:"evidence"`
	Blip       bool              `json:"blip,omitempty"`
	Notes      []string          `json:"notes,omitempty"`
	Previous   *json.RawMessage  `json:"previous,omitempty"`
	Dataset    string            `json:"dataset"`
	// Headline, Post and Summary describe the outage in words, from short to long. Each begins with
	// the label of a dataset that is not real. Headline has at most 130 graphemes and 400 octets,
	// Post 250 and 800.
	Headline string `json:"headline,omitempty"`
	Post     string `json:"post,omitempty"`
	Summary  string `json:"summary"`
}

// Kind is the kind of loss of an outage (docs/detection.md).
type Kind string

// The kinds of an outage.
const (
	KindOutage       Kind = "outage"
	KindPartial      Kind = "partial"
	KindIntermittent Kind = "intermittent"
	KindMoved        Kind = "moved"
	// KindOrigin: an AS that the watch list does not name announces a listed prefix or a
	// more-specific prefix of it.
	KindOrigin Kind = "origin"
)

// State is the state of an outage after a record.
type State string

// The states of an outage.
const (
	StateSuspected State = "suspected"
	StateOpen      State = "open"
	StateClosed    State = "closed"
	StateRetracted State = "retracted"
)

// Event is the change that a record of an outage reports.
type Event string

// The events in the life of an outage.
const (
	EventSuspected Event = "suspected"
	EventOpened    Event = "opened"
	EventUpdated   Event = "updated"
	EventClosed    Event = "closed"
	EventReopened  Event = "reopened"
	EventRetracted Event = "retracted"
)

// EndReason is the reason why an outage ended (docs/detection.md, Why an event ended).
type EndReason string

// The end reasons. Only EndRecovered means that the routes are back.
const (
	// NotEnded: the outage is suspected or open.
	NotEnded EndReason = ""
	// EndRecovered: enough voters have announced the routes again, from their usual origins, to end
	// the loss.
	EndRecovered EndReason = "recovered"
	// EndSuperseded: the entity is not in its usual state, and another event describes it.
	EndSuperseded EndReason = "superseded"
	// EndNewNormal: the state has lasted so long that it is now the usual one.
	EndNewNormal EndReason = "new_normal"
	// EndLeftTable: the prefix was lost for so long that it is no longer known.
	EndLeftTable EndReason = "left_table"
	// EndCovered: the prefix is not in its usual state, but routes of its usual origin carry its
	// addresses. Other ASes originate it, or its own routes are lost.
	EndCovered EndReason = "covered"
	// EndRemoved: the entity was removed from the configuration.
	EndRemoved EndReason = "removed"
	// EndLostSight: the observers changed, not the routes.
	EndLostSight EndReason = "lost_sight"
)

// Severity grades the loss of an outage at its peak.
type Severity string

// The severities, in ascending order.
const (
	SeverityMinor    Severity = "minor"
	SeverityModerate Severity = "moderate"
	SeverityMajor    Severity = "major"
	SeverityTotal    Severity = "total"
)

// Severities lists all severities, in ascending order. It is read-only.
var Severities = []Severity{SeverityMinor, SeverityModerate, SeverityMajor, SeverityTotal}

// SmallPrefixes is the number of prefixes below which an entity is small: texts about it have counts
// instead of percentages.
const SmallPrefixes = 10

// GradeLoss grades a loss, or for kind origin the share of the voters: minor below 25 %, moderate
// below 50 %, major below 90 %, total from 90 % on. A small entity, one of few prefixes, is total
// only when it lost all of its space (whole). A partial event is never total, because a part of the
// voters still holds the routes. An event of kind origin is at least major.
func GradeLoss(kind Kind, percent Decimal, prefixes int, whole bool) Severity {
	switch {
	case kind == KindOrigin && percent < 9000:
		return SeverityMajor
	case kind == KindOrigin:
		return SeverityTotal
	case percent < 2500:
		return SeverityMinor
	case percent < 5000:
		return SeverityModerate
	case percent < 9000, kind == KindPartial, prefixes < SmallPrefixes && !whole:
		return SeverityMajor
	}
	return SeverityTotal
}

// TableKnowledge is the source of the tables on which the verdicts of a panel rest.
type TableKnowledge string

// The sources of a panel's knowledge of the voters' tables.
const (
	// TablesUndecided: no panel was chosen yet. The panel gives no verdict, so no outage has this
	// value.
	TablesUndecided TableKnowledge = ""
	// TablesLearned: the tables are known from updates alone.
	TablesLearned TableKnowledge = "learned"
	// TablesComplete: whole tables are known.
	TablesComplete TableKnowledge = "complete"
)

// AS is an AS number and the name of its owner.
type AS struct {
	ASN  ASN    `json:"asn"`
	Name string `json:"name,omitempty"`
}

// Parent is a wider event that contains a part of another event.
type Parent struct {
	Type EntityType `json:"type"`
	Code string     `json:"code"`
	// ID is the id of the event. It is empty while the event is pending: no record has described
	// it, and it may never open.
	ID string `json:"id,omitempty"`
	// SharePercent is the share of the child's lost (or moved) space that the parent lost too, at
	// this record.
	SharePercent Decimal `json:"share_percent"`
}

// WatchMember is a member of a watch list that an event concerns.
type WatchMember struct {
	List string `json:"list"`
	// Title is the title of the list, if it has one.
	Title string `json:"title,omitempty"`
	// Member is the member as it is written in the list: a prefix, AS64496, TO, www.example.net.
	Member string `json:"member"`
	// CoveredBy is the prefix by which a member without a route of its own is judged. It is empty
	// if the member has a route.
	CoveredBy string `json:"covered_by,omitempty"`
	// Public reports whether anonymous pages and feeds may name the list.
	Public bool `json:"public,omitempty"`
	// Host describes a member that is a host. It is nil for other members, and for a host without a
	// record.
	Host *WatchHost `json:"host,omitempty"`
}

// WatchHost is a host of a watch list according to the newest HostAddresses record of the log, with
// the routes to its addresses.
type WatchHost struct {
	// ResolvedAt is the time at which DNS last returned addresses. It is absent if that was never,
	// or more than 7 days ago.
	ResolvedAt *time.Time `json:"resolved_at,omitempty"`
	// Problem is the reason why the newest DNS query returned no address. It is empty if the query
	// succeeded.
	Problem string `json:"problem,omitempty"`
	// Addresses holds the first addresses of the host, then the first addresses of its name
	// servers. AddressesTotal counts all.
	Addresses      []HostAddress `json:"addresses,omitempty"`
	AddressesTotal int           `json:"addresses_total"`
}

// HostAddress is an address of a host, or of a name server of its zone, with the route by which it
// is judged.
type HostAddress struct {
	Address    string `json:"address"`
	NameServer bool   `json:"name_server,omitempty"`
	// Prefix is the prefix of the route. It is empty if no route is known.
	Prefix string `json:"prefix,omitempty"`
	// State is visible, partly, lost, not_counted, never_seen or too_long.
	State string `json:"state"`
	// Countries lists the countries of the route. Abroad reports that the list has a home country
	// and the route is not in it.
	Countries []string `json:"countries,omitempty"`
	Abroad    bool     `json:"abroad,omitempty"`
}

// Same reports whether two records describe a member alike. It ignores the time at which the
// addresses were confirmed.
func (m *WatchMember) Same(o *WatchMember) bool {
	return m.List == o.List && m.Title == o.Title && m.Member == o.Member &&
		m.CoveredBy == o.CoveredBy && m.Public == o.Public && m.Host.same(o.Host)
}

func (h *WatchHost) same(o *WatchHost) bool {
	if h == nil || o == nil {
		return h == o
	}
	return h.Problem == o.Problem && h.AddressesTotal == o.AddressesTotal &&
		slices.EqualFunc(h.Addresses, o.Addresses, func(a, b HostAddress) bool {
			return a.Address == b.Address && a.NameServer == b.NameServer && a.Prefix == b.Prefix &&
				a.State == b.State && a.Abroad == b.Abroad && slices.Equal(a.Countries, b.Countries)
		})
}

// UnexpectedRoute is a prefix announced by an AS that its watch list does not name.
type UnexpectedRoute struct {
	Prefix string `json:"prefix"`
	Origin AS     `json:"origin"`
	// Expected are the ASes that the list names.
	Expected []ASN `json:"expected"`
	// Voters counts the voters that hold the route, Collectors their collectors. SharePercent is
	// the share of these voters among all voters.
	Voters       int     `json:"voters"`
	Collectors   int     `json:"collectors"`
	SharePercent Decimal `json:"share_percent"`
	// RPKI is valid, invalid or not_found (RFC 6811). It is empty if no ROAs are loaded.
	RPKI string `json:"rpki,omitempty"`
}

// Size is the usual number of prefixes and amount of space.
type Size struct {
	Prefixes int     `json:"prefixes"`
	Space    Decimal `json:"space"`
}

// Loss is the lost number of prefixes and amount of space.
type Loss struct {
	LostPrefixes int     `json:"lost_prefixes"`
	LostSpace    Decimal `json:"lost_space"`
	LossPercent  Decimal `json:"loss_percent"`
}

// Panel is the panel that observed the outage.
type Panel struct {
	Voters     int            `json:"voters"`
	Collectors int            `json:"collectors"`
	Table      TableKnowledge `json:"table"`
	// KnownPrefixes counts the prefixes that the peers know. It is present only if they cover too
	// little of the address space for a verdict on countries and the world.
	KnownPrefixes int `json:"known_prefixes,omitempty"`
}

// Flaps counts losses before the start.
type Flaps struct {
	Hour int `json:"hour"`
	Day  int `json:"day"`
	// UsualDay is the daily mean of losses, rounded down, of up to seven days before that day. It
	// is absent if darkmap observed less than one day.
	UsualDay *int `json:"usual_day,omitempty"`
}

// Interval is a stretch of time.
type Interval struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Decimal is a number in hundredths. Its text has at most two decimals.
type Decimal int64

// MarshalJSON writes a JSON number, such as 4, 0.5 or 12.34.
func (d Decimal) MarshalJSON() ([]byte, error) { return d.append(nil), nil }

// UnmarshalJSON parses a number as MarshalJSON writes it.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f < 0 {
		*d = Decimal(f*100 - 0.5)
	} else {
		*d = Decimal(f*100 + 0.5)
	}
	return nil
}
