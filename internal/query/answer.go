package query

import (
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Answer is the answer to a question at a moment; schemas/answer.schema.json describes it. Times
// are whole seconds, UTC; absent means unknown.
type Answer struct {
	What    string `json:"what"`
	Kind    Kind   `json:"kind"`
	Dataset string `json:"dataset"`
	// Source is live if a running detector answered from its state, or store if ClickHouse
	// answered.
	Source Source `json:"source"`
	// Families has an entry for each address family of the question.
	Families []Family `json:"families"`
	// Outages are the outages of the subject itself: open ones, and the newest of those that have
	// ended.
	Outages []Outage `json:"outages"`
	// OutagesTotal counts the outages. It is larger than the length of Outages if the list is cut.
	OutagesTotal int `json:"outages_total"`
	// Watch are the watch lists of the question, by name. Absent in answers about other subjects.
	Watch []WatchList `json:"watch,omitempty"`
}

// Source is the source of an answer.
type Source string

// The sources.
const (
	SourceLive  Source = "live"
	SourceStore Source = "store"
)

// Family is the answer in one address family.
type Family struct {
	Family string `json:"family"`
	// At is the event time up to which windows are decided (the end of the last one), or the time
	// of the question.
	At *time.Time `json:"at,omitempty"`
	// Panel describes the voters.
	Panel Panel `json:"panel"`
	// Prefix is the prefix, or the prefix that an address lies in. Absent if none was ever seen,
	// and for other kinds of questions.
	Prefix *Prefix `json:"prefix,omitempty"`
	// Covering are the less specific prefixes, the longest first.
	Covering []Brief `json:"covering,omitempty"`
	// Within are more specific prefixes, WithinTotal counts them, and WithinCut reports that the
	// count is not complete.
	Within      []Brief `json:"within,omitempty"`
	WithinTotal int     `json:"within_total,omitempty"`
	WithinCut   bool    `json:"within_cut,omitempty"`
	// Entity is the AS, country or region. Absent if no prefix of it was ever seen.
	Entity *Entity `json:"entity,omitempty"`
	// Open are open or suspected outages of the subject, and of the networks and countries of the
	// prefix.
	Open []Outage `json:"open,omitempty"`
}

// Panel describes the voters of a family, and whether a verdict is possible.
type Panel struct {
	bgp.Votes
	// Verdicts reports whether a verdict is possible, NoVerdict is the reason if not, and Text
	// describes both in words.
	Verdicts  bool               `json:"verdicts"`
	NoVerdict bgp.NoVerdict      `json:"no_verdict,omitempty"`
	Text      string             `json:"text"`
	Table     bgp.TableKnowledge `json:"table,omitempty"`
	// PlacesNotJudged is the reason why countries, regions and the world are not judged; empty if
	// they are.
	PlacesNotJudged string `json:"places_not_judged,omitempty"`
}

// State is the state of a prefix in the last decided window.
type State string

// The states.
const (
	// Visible: its usual voters hold it.
	Visible State = "visible"
	// Partly: fewer than 80 % of its usual voters hold it, and at least half.
	Partly State = "partly"
	// Lost: fewer than half of its usual voters hold it.
	Lost State = "lost"
	// NotCounted: there is no verdict for it. Why gives the reason.
	NotCounted State = "not_counted"
	// NeverSeen: no peer ever announced it.
	NeverSeen State = "never_seen"
	// Unknown: the store does not know. A prefix that is not lost makes no rows of visibility.
	Unknown State = "unknown"
)

// Prefix is one prefix as the voters see it.
type Prefix struct {
	Prefix string `json:"prefix"`
	State  State  `json:"state"`
	// Why explains the state, if it needs a reason.
	Why string `json:"why,omitempty"`
	// HeldBy of Voters hold it now. GoneFrom held it once and do not now. Now is later than the
	// last decided window.
	HeldBy   int `json:"held_by"`
	GoneFrom int `json:"gone_from"`
	Voters   int `json:"voters"`
	// Silent voters sent no update of it, so the store does not know whether they held it. Always 0
	// in a live answer.
	Silent int `json:"silent,omitempty"`
	// OtherPeers is the number of peers without a vote that hold it too.
	OtherPeers int `json:"other_peers"`
	// UsualPercent is the share of the voters that usually hold it (median of 24 hours); absent if
	// not known.
	UsualPercent *bgp.Decimal `json:"usual_percent,omitempty"`
	// Since is the time since when it is lost or partly visible. FirstWithdrawal and LastWithdrawal
	// are those of the voters that lost it.
	Since           *time.Time `json:"since,omitempty"`
	FirstWithdrawal *time.Time `json:"first_withdrawal,omitempty"`
	LastWithdrawal  *time.Time `json:"last_withdrawal,omitempty"`
	// BackSince is the time when the last loss was over.
	BackSince *time.Time `json:"back_since,omitempty"`
	// Origins and Upstreams are the ASes through which voters hold it now, those with most voters
	// first.
	Origins   []Heard `json:"origins,omitempty"`
	Upstreams []Heard `json:"upstreams,omitempty"`
	// LastOrigins and LastUpstreams are the last ones of voters that lost it.
	LastOrigins   []Heard  `json:"last_origins,omitempty"`
	LastUpstreams []Heard  `json:"last_upstreams,omitempty"`
	UsualOrigins  []bgp.AS `json:"usual_origins,omitempty"`
	// MovedSince is the time since when other ASes than the usual ones originate it.
	MovedSince *time.Time `json:"moved_since,omitempty"`
	// Covered reports that visible routes of a usual origin carry its addresses although its own
	// routes are lost.
	Covered bool `json:"covered,omitempty"`
	// Places are the countries and regions in which it lies.
	Places []string `json:"places,omitempty"`
	// Peers lists voters without the prefix, then voters with it, then other peers. PeersTotal
	// counts them.
	Peers      []Peer `json:"peers,omitempty"`
	PeersTotal int    `json:"peers_total"`
	// Cut reports that some list is not complete.
	Cut bool `json:"cut,omitempty"`
}

// Heard is an AS on the path by which voters received a prefix.
type Heard struct {
	bgp.AS
	Voters int `json:"voters"`
}

// Peer is the state of a prefix at one peer.
type Peer struct {
	Collector string  `json:"collector"`
	Address   string  `json:"address"`
	ASN       bgp.ASN `json:"asn"`
	Votes     bool    `json:"votes"`
	Holds     bool    `json:"holds"`
	// Origin and Upstream are those of the peer's last announcement. 0 means unknown, also if the
	// peer never announced the prefix.
	Origin   bgp.ASN `json:"origin,omitempty"`
	Upstream bgp.ASN `json:"upstream,omitempty"`
	// Withdrawn is the time when the peer withdrew the prefix. SessionEnded reports that the prefix
	// was lost with the peer's session.
	Withdrawn    *time.Time `json:"withdrawn,omitempty"`
	SessionEnded bool       `json:"session_ended,omitempty"`
	// Never reports that the peer never announced the prefix.
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
	// Visible is visible now. Known is visible or lost. Usual is the baseline for losses.
	Visible bgp.Size `json:"visible"`
	Known   bgp.Size `json:"known"`
	Usual   bgp.Size `json:"usual"`
	// LossPercent is the missing part of the usual space.
	LossPercent bgp.Decimal `json:"loss_percent"`
	// Moved is the number of its prefixes that other ASes originate now.
	Moved int `json:"moved,omitempty"`
	// NotJudged reports that the peers know too little of it for a verdict.
	NotJudged bool `json:"not_judged,omitempty"`
	// LostPrefixes lists the prefixes with most space first. LostPrefixesTotal counts them.
	LostPrefixes      []LostPrefix `json:"lost_prefixes,omitempty"`
	LostPrefixesTotal int          `json:"lost_prefixes_total"`
	// Prefixes are the prefixes that an AS usually originates, sorted by address; PrefixesTotal
	// counts them. Absent for other entities.
	Prefixes      []Brief `json:"prefixes,omitempty"`
	PrefixesTotal int     `json:"prefixes_total,omitempty"`
	// Cut reports that LostPrefixes is not complete, or that not all prefixes could be examined.
	Cut bool `json:"cut,omitempty"`
}

// LostPrefix is a lost prefix of an entity.
type LostPrefix struct {
	Prefix    string     `json:"prefix"`
	Since     *time.Time `json:"since,omitempty"`
	Origins   []bgp.ASN  `json:"origins,omitempty"`
	Upstreams []bgp.ASN  `json:"upstreams,omitempty"`
	HeldBy    int        `json:"held_by"`
	// Covered reports that visible routes of a usual origin carry its addresses.
	Covered bool `json:"covered,omitempty"`
}

// Outage is a short form of an outage.
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
