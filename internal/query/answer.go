package query

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Answer is what is known at a moment of what a question is about; schemas/answer.schema.json describes it. Times are whole
// seconds, UTC; absent means unknown.
type Answer struct {
	What    string `json:"what"`
	Kind    Kind   `json:"kind"`
	Dataset string `json:"dataset"`
	// Source is live, where a running detector answered from its state, or store, where ClickHouse did.
	Source Source `json:"source"`
	// Families tell of each address family that the question is about.
	Families []Family `json:"families"`
	// Outages are those of the thing itself: those that are open, and the newest of those that have ended.
	Outages []Outage `json:"outages"`
	// OutagesTotal is how many there are; more than in Outages where the list is cut.
	OutagesTotal int `json:"outages_total"`
	// Watch are the watch lists that the question is about, by name. Absent in answers about other things.
	Watch []WatchList `json:"watch,omitempty"`
}

// Source says who answered.
type Source string

// The sources.
const (
	SourceLive  Source = "live"
	SourceStore Source = "store"
)

// Family is what is known of the thing in one address family.
type Family struct {
	Family string `json:"family"`
	// At is the event time up to which windows are decided (the end of the last one), or the time that was asked for.
	At *time.Time `json:"at,omitempty"`
	// Panel is who votes.
	Panel Panel `json:"panel"`
	// Prefix is the prefix, or that which an address lies in; absent where none was ever seen, and in questions about other things.
	Prefix *Prefix `json:"prefix,omitempty"`
	// Covering are the less specific prefixes, the longest first. More says how many were left out.
	Covering []Brief `json:"covering,omitempty"`
	// Within are more specific prefixes, and WithinTotal how many there are; WithinCut that they were not counted to the end.
	Within      []Brief `json:"within,omitempty"`
	WithinTotal int     `json:"within_total,omitempty"`
	WithinCut   bool    `json:"within_cut,omitempty"`
	// Entity is the AS, country or region; absent where nothing of it was ever seen.
	Entity *Entity `json:"entity,omitempty"`
	// Open are open or suspected outages of the thing, and of the networks and countries that the prefix belongs to.
	Open []Outage `json:"open,omitempty"`
}

// Panel is who votes in a family, and whether a verdict is possible.
type Panel struct {
	bgp.Votes
	// Verdicts says whether a verdict is possible, NoVerdict why not, and Text both in words.
	Verdicts  bool               `json:"verdicts"`
	NoVerdict bgp.NoVerdict      `json:"no_verdict,omitempty"`
	Text      string             `json:"text"`
	Table     bgp.TableKnowledge `json:"table,omitempty"`
	// PlacesNotJudged says why countries, regions and the world are not judged; empty where they are.
	PlacesNotJudged string `json:"places_not_judged,omitempty"`
}

// State says how a prefix stands, by the last window that was decided.
type State string

// The states.
const (
	// Visible: its usual voters hold it.
	Visible State = "visible"
	// Partly: fewer than 80 % of its usual voters hold it, and at least half.
	Partly State = "partly"
	// Lost: fewer than half of its usual voters hold it.
	Lost State = "lost"
	// NotCounted: no verdict is given of it; Why says the reason.
	NotCounted State = "not_counted"
	// NeverSeen: no peer was ever heard to announce it.
	NeverSeen State = "never_seen"
	// Unknown: the store does not tell. A prefix that is not lost makes no rows of visibility.
	Unknown State = "unknown"
)

// Prefix is one prefix as the voters see it.
type Prefix struct {
	Prefix string `json:"prefix"`
	State  State  `json:"state"`
	// Why explains the state, where it needs a reason.
	Why string `json:"why,omitempty"`
	// HeldBy of Voters hold it now; GoneFrom held it once and do not now. Now is later than the last decided window.
	HeldBy   int `json:"held_by"`
	GoneFrom int `json:"gone_from"`
	Voters   int `json:"voters"`
	// Silent voters sent no update of it: the store does not tell whether they held it. Always 0 in a live answer.
	Silent int `json:"silent,omitempty"`
	// OtherPeers that do not vote hold it too.
	OtherPeers int `json:"other_peers"`
	// UsualPercent is the part of the voters that usually holds it (median of 24 hours); absent where it is not known.
	UsualPercent *bgp.Decimal `json:"usual_percent,omitempty"`
	// Since when it is lost or partly visible, FirstWithdrawal and LastWithdrawal of the voters that lost it.
	Since           *time.Time `json:"since,omitempty"`
	FirstWithdrawal *time.Time `json:"first_withdrawal,omitempty"`
	LastWithdrawal  *time.Time `json:"last_withdrawal,omitempty"`
	// BackSince is when the last loss was over.
	BackSince *time.Time `json:"back_since,omitempty"`
	// Origins and Upstreams through which voters hold it now, those with most voters first.
	Origins   []Heard `json:"origins,omitempty"`
	Upstreams []Heard `json:"upstreams,omitempty"`
	// LastOrigins and LastUpstreams are those of voters that lost it, as they heard it last.
	LastOrigins   []Heard  `json:"last_origins,omitempty"`
	LastUpstreams []Heard  `json:"last_upstreams,omitempty"`
	UsualOrigins  []bgp.AS `json:"usual_origins,omitempty"`
	// MovedSince: other ASes than the usual ones originate it since then.
	MovedSince *time.Time `json:"moved_since,omitempty"`
	// Covered: visible routes of a usual origin carry its addresses although its own routes are lost.
	Covered bool `json:"covered,omitempty"`
	// Places are the countries and regions that it lies in.
	Places []string `json:"places,omitempty"`
	// Peers lists the peers: voters without the prefix, voters with it, then others. PeersTotal counts them.
	Peers      []Peer `json:"peers,omitempty"`
	PeersTotal int    `json:"peers_total"`
	// Cut: some list is not whole.
	Cut bool `json:"cut,omitempty"`
}

// Heard is an AS through which voters heard a prefix.
type Heard struct {
	bgp.AS
	Voters int `json:"voters"`
}

// Peer is one peer and the prefix.
type Peer struct {
	Collector string  `json:"collector"`
	Address   string  `json:"address"`
	ASN       bgp.ASN `json:"asn"`
	Votes     bool    `json:"votes"`
	Holds     bool    `json:"holds"`
	// Origin and Upstream as the peer heard it last; 0 is unknown, as where it was never heard to announce the prefix.
	Origin   bgp.ASN `json:"origin,omitempty"`
	Upstream bgp.ASN `json:"upstream,omitempty"`
	// Withdrawn is when it withdrew the prefix, SessionEnded says that the prefix went with its session.
	Withdrawn    *time.Time `json:"withdrawn,omitempty"`
	SessionEnded bool       `json:"session_ended,omitempty"`
	// Never: it was never heard to announce the prefix.
	Never bool `json:"never,omitempty"`
}

// Brief is a prefix in a list.
type Brief struct {
	Prefix  string    `json:"prefix"`
	State   State     `json:"state"`
	HeldBy  int       `json:"held_by"`
	Origins []bgp.ASN `json:"origins,omitempty"`
}

// Entity is an AS, a country or a region.
type Entity struct {
	Name string `json:"name,omitempty"`
	// Visible now, Known is visible or lost, Usual the baseline that losses are measured against.
	Visible bgp.Size `json:"visible"`
	Known   bgp.Size `json:"known"`
	Usual   bgp.Size `json:"usual"`
	// LossPercent is the space that is missing of the usual.
	LossPercent bgp.Decimal `json:"loss_percent"`
	// Moved is how many of its prefixes others originate now.
	Moved int `json:"moved,omitempty"`
	// NotJudged: the peers know too little of it for a verdict.
	NotJudged bool `json:"not_judged,omitempty"`
	// LostPrefixes lists those with most space first; LostPrefixesTotal counts them.
	LostPrefixes      []LostPrefix `json:"lost_prefixes,omitempty"`
	LostPrefixesTotal int          `json:"lost_prefixes_total"`
	// Prefixes are, of an AS, those that it usually originates, sorted by address; PrefixesTotal counts them.
	Prefixes      []Brief `json:"prefixes,omitempty"`
	PrefixesTotal int     `json:"prefixes_total,omitempty"`
	// Cut: LostPrefixes is not whole, or not all prefixes could be looked at.
	Cut bool `json:"cut,omitempty"`
}

// LostPrefix is a lost prefix of an entity.
type LostPrefix struct {
	Prefix    string     `json:"prefix"`
	Since     *time.Time `json:"since,omitempty"`
	Origins   []bgp.ASN  `json:"origins,omitempty"`
	Upstreams []bgp.ASN  `json:"upstreams,omitempty"`
	HeldBy    int        `json:"held_by"`
	// Covered: visible routes of a usual origin carry its addresses.
	Covered bool `json:"covered,omitempty"`
}

// Outage is an outage in short.
type Outage struct {
	ID        string        `json:"id"`
	Entity    bgp.Entity    `json:"entity"`
	Kind      bgp.Kind      `json:"kind"`
	State     bgp.State     `json:"state"`
	Start     time.Time     `json:"start"`
	End       *time.Time    `json:"end,omitempty"`
	EndReason bgp.EndReason `json:"end_reason,omitempty"`
	Severity  bgp.Severity  `json:"severity"`
	Blip      bool          `json:"blip,omitempty"`
	Headline  string        `json:"headline,omitempty"`
}
