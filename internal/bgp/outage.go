package bgp

import (
	"encoding/json"
	"slices"
	"time"
)

// Outage is the one object that topics, webhooks, API, SQL and `replay --format json` show; schemas/outage.schema.json
// describes it. Times are whole seconds, UTC; absent means unknown; space counts /24s or /48s.
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
	// Successor is the id of the event that goes on from a superseded one. It is empty where that
	// event has no id yet.
	Successor string `json:"successor,omitempty"`
	// Predecessor is the id of the superseded event that this one goes on from.
	Predecessor     string   `json:"predecessor,omitempty"`
	DurationSeconds int64    `json:"duration_seconds"`
	Severity        Severity `json:"severity"`
	// Score is the integral of the loss, in percent-minutes.
	Score    int64 `json:"score"`
	Baseline Size  `json:"baseline"`
	Peak     Loss  `json:"peak"`
	Now      Loss  `json:"now"`
	// LostPrefixes is capped; LostPrefixesTotal is not.
	LostPrefixes           []string `json:"lost_prefixes,omitempty"`
	LostPrefixesTotal      int      `json:"lost_prefixes_total"`
	SurvivingPrefixes      []string `json:"surviving_prefixes,omitempty"`
	SurvivingPrefixesTotal int      `json:"surviving_prefixes_total"`
	// Origins originate the lost prefixes, the one that lost most first; of a prefix that is not lost, its usual origins.
	Origins []AS `json:"origins,omitempty"`
	// Countries are those in which the prefixes lie that an AS or prefix has lost, or that others originate now, the one with most
	// space first. Codes of ISO 3166-1. Countries and regions have their code for it.
	Countries []string `json:"countries,omitempty"`
	Upstreams []AS     `json:"upstreams,omitempty"`
	Panel     Panel    `json:"panel"`
	Flaps     Flaps    `json:"flaps"`
	// Gaps lists the pauses of a minute or more in which the loss did not hold, the last 100 of them.
	Gaps []Interval `json:"gaps,omitempty"`
	// Parents are the events of wider entities of the same family that are suspected, open or pending, and lost a part of what this one
	// lost; the narrowest first: as, region, country, world, then watch lists.
	Parents []Parent `json:"parents,omitempty"`
	// Watch names the members of watch lists that the event is about, by list and member; absent where it is about none.
	Watch []WatchMember `json:"watch,omitempty"`
	// Unexpected are, of the kind origin, the routes from origins that a watch list does not name, sorted by prefix and origin; capped.
	Unexpected []UnexpectedRoute `json:"unexpected,omitempty"`
	Evidence   Evidence          `json:"evidence"`
	Blip       bool              `json:"blip,omitempty"`
	Notes      []string          `json:"notes,omitempty"`
	Previous   *json.RawMessage  `json:"previous,omitempty"`
	Dataset    string            `json:"dataset"`
	// Headline, Post and Summary are the outage in words, from short to long. Each begins with the
	// label of a dataset that is not real. Headline has at most 130 graphemes and 400 octets, Post
	// 250 and 800.
	Headline string `json:"headline,omitempty"`
	Post     string `json:"post,omitempty"`
	Summary  string `json:"summary"`
}

// Kind says what sort of loss an outage is (docs/detection.md).
type Kind string

// The kinds of an outage.
const (
	KindOutage       Kind = "outage"
	KindPartial      Kind = "partial"
	KindIntermittent Kind = "intermittent"
	KindMoved        Kind = "moved"
	// KindOrigin: a listed prefix, or a more-specific of it, is announced by an AS that its watch list does not name.
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

// Event says what a record of an outage reports.
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

// EndReason says why an outage ended (docs/detection.md, Why an event ended).
type EndReason string

// The reasons. Only EndRecovered means that the routes are back.
const (
	// NotEnded: the outage is suspected or open.
	NotEnded EndReason = ""
	// EndRecovered: as many voters as end the loss have announced the routes again, from their
	// usual origins.
	EndRecovered EndReason = "recovered"
	// EndSuperseded: the entity is not as usual, and another event describes it.
	EndSuperseded EndReason = "superseded"
	// EndNewNormal: the state has lasted for so long that it is the usual one now.
	EndNewNormal EndReason = "new_normal"
	// EndLeftTable: the prefix was away for so long that it is no longer known.
	EndLeftTable EndReason = "left_table"
	// EndCovered: the prefix is not as usual, but routes of its usual origin carry its addresses: others originate it, or its
	// own routes are gone.
	EndCovered EndReason = "covered"
	// EndRemoved: the entity was removed from the configuration.
	EndRemoved EndReason = "removed"
	// EndLostSight: the view changed and not the routes.
	EndLostSight EndReason = "lost_sight"
)

// Severity grades the loss of an outage at its peak.
type Severity string

// The severities, from the lowest.
const (
	SeverityMinor    Severity = "minor"
	SeverityModerate Severity = "moderate"
	SeverityMajor    Severity = "major"
	SeverityTotal    Severity = "total"
)

// Severities are all of them, from the lowest. It must not be changed.
var Severities = []Severity{SeverityMinor, SeverityModerate, SeverityMajor, SeverityTotal}

// TableKnowledge says what the verdicts of a panel rest on.
type TableKnowledge string

// What a panel knows of the voters' tables.
const (
	// TablesUndecided: the panel was never chosen. It gives no verdict, so no outage says this.
	TablesUndecided TableKnowledge = ""
	// TablesLearned: the tables are known from updates alone.
	TablesLearned TableKnowledge = "learned"
	// TablesComplete: the tables are known as a whole.
	TablesComplete TableKnowledge = "complete"
)

// AS is an AS number and its owner's name.
type AS struct {
	ASN  ASN    `json:"asn"`
	Name string `json:"name,omitempty"`
}

// Parent is an event that another one is a part of.
type Parent struct {
	Type EntityType `json:"type"`
	Code string     `json:"code"`
	// ID is the event's id. Empty while the event is pending: no record is about it, and it may never open.
	ID string `json:"id,omitempty"`
	// SharePercent is which part of what the child lost (or what moved) the parent lost too, by space, at this record.
	SharePercent Decimal `json:"share_percent"`
}

// WatchMember is a member of a watch list that an event is about.
type WatchMember struct {
	List string `json:"list"`
	// Title is the list's title where it has one.
	Title string `json:"title,omitempty"`
	// Member is as it was written: a prefix, AS64496, TO, www.example.net.
	Member string `json:"member"`
	// CoveredBy is the prefix that the member is judged by where it has no route of its own; empty where it has.
	CoveredBy string `json:"covered_by,omitempty"`
	// Public tells whether anonymous pages and feeds may name the list.
	Public bool `json:"public,omitempty"`
	// Host is what is known of a member that is a host; nil of others, and of a host of which no record has come.
	Host *WatchHost `json:"host,omitempty"`
}

// WatchHost is a host of a watch list as the newest HostAddresses record of the log has it, and the routes to its addresses.
type WatchHost struct {
	// ResolvedAt is when DNS last gave addresses; absent: never, or more than 7 days ago.
	ResolvedAt *time.Time `json:"resolved_at,omitempty"`
	// Problem says why the newest question to DNS got no address; empty where it got one.
	Problem string `json:"problem,omitempty"`
	// Addresses are the first of the host's own, then the first of its name servers'; AddressesTotal counts all.
	Addresses      []HostAddress `json:"addresses,omitempty"`
	AddressesTotal int           `json:"addresses_total"`
}

// HostAddress is an address of a host, or of a name server of its zone, with the route that it is judged by.
type HostAddress struct {
	Address    string `json:"address"`
	NameServer bool   `json:"name_server,omitempty"`
	// Prefix is the route; empty where none is known.
	Prefix string `json:"prefix,omitempty"`
	// State is visible, partly, lost, not_counted, never_seen or too_long.
	State string `json:"state"`
	// Countries are those that the route lies in. Abroad: the list has a home, and the route does not lie there.
	Countries []string `json:"countries,omitempty"`
	Abroad    bool     `json:"abroad,omitempty"`
}

// Same reports whether two records say the same of a member. When its addresses were confirmed does not count.
func (m *WatchMember) Same(o *WatchMember) bool {
	return m.List == o.List && m.Title == o.Title && m.Member == o.Member && m.CoveredBy == o.CoveredBy && m.Public == o.Public && m.Host.same(o.Host)
}

func (h *WatchHost) same(o *WatchHost) bool {
	if h == nil || o == nil {
		return h == o
	}
	return h.Problem == o.Problem && h.AddressesTotal == o.AddressesTotal && slices.EqualFunc(h.Addresses, o.Addresses, func(a, b HostAddress) bool {
		return a.Address == b.Address && a.NameServer == b.NameServer && a.Prefix == b.Prefix && a.State == b.State && a.Abroad == b.Abroad && slices.Equal(a.Countries, b.Countries)
	})
}

// UnexpectedRoute is a prefix that an AS announces which its watch list does not name.
type UnexpectedRoute struct {
	Prefix string `json:"prefix"`
	Origin AS     `json:"origin"`
	// Expected are the ASes that the list names.
	Expected []ASN `json:"expected"`
	// Voters and Collectors are how many hold it, SharePercent is their share of all voters.
	Voters       int     `json:"voters"`
	Collectors   int     `json:"collectors"`
	SharePercent Decimal `json:"share_percent"`
	// RPKI is valid, invalid or not_found (RFC 6811); empty where no ROAs are loaded.
	RPKI string `json:"rpki,omitempty"`
}

// Size is how much there usually is.
type Size struct {
	Prefixes int     `json:"prefixes"`
	Space    Decimal `json:"space"`
}

// Loss is how much is gone.
type Loss struct {
	LostPrefixes int     `json:"lost_prefixes"`
	LostSpace    Decimal `json:"lost_space"`
	LossPercent  Decimal `json:"loss_percent"`
}

// Panel is who saw it.
type Panel struct {
	Voters     int            `json:"voters"`
	Collectors int            `json:"collectors"`
	Table      TableKnowledge `json:"table"`
	// KnownPrefixes is how many prefixes the peers know, where that is too little of the address space for a verdict on countries and
	// the world; else absent.
	KnownPrefixes int `json:"known_prefixes,omitempty"`
}

// Flaps counts losses before the start.
type Flaps struct {
	Hour int `json:"hour"`
	Day  int `json:"day"`
	// UsualDay is the daily mean, rounded down, of the up to seven days before that day; absent while less than one was watched.
	UsualDay *int `json:"usual_day,omitempty"`
}

// Interval is a stretch of time.
type Interval struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Decimal is a number of hundredths, written with at most two decimals.
type Decimal int64

// MarshalJSON writes 4, 0.5, 12.34.
func (d Decimal) MarshalJSON() ([]byte, error) { return d.append(nil), nil }

// UnmarshalJSON reads what MarshalJSON writes.
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
