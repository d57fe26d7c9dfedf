package bgp

import "time"

// Evidence is computed from routes only; it never says why (docs/detection.md, Evidence). Absent means unknown.
type Evidence struct {
	// WithdrawalSpreadSeconds counts from the first withdrawal of a lost prefix by a voter.
	WithdrawalSpreadSeconds *Spread `json:"withdrawal_spread_seconds,omitempty"`
	// Withdrawals tell who lost the prefixes when; of the record with which the outage closes alone.
	Withdrawals *Withdrawals `json:"withdrawals,omitempty"`
	// UpstreamsLostTogether: every upstream edge of the lost prefixes went in the same two minutes.
	UpstreamsLostTogether *bool `json:"upstreams_lost_together,omitempty"`
	// Shape is abrupt, stepped or gradual.
	Shape string `json:"shape,omitempty"`
	// ChurnBefore counts route changes of the entity's prefixes before the start.
	ChurnBefore *Churn `json:"churn_before,omitempty"`
	// SameTimeLast7Days counts outages of the entity that began within 30 min of this time of day on the 7 days before.
	SameTimeLast7Days int `json:"same_time_last_7_days"`
	// OutagesLast7Days counts the entity's outages, blips apart, that began in the 7 days before.
	OutagesLast7Days int `json:"outages_last_7_days"`
	// OnTheHour: the start lies within 2 min of a full hour.
	OnTheHour bool `json:"on_the_hour"`
	// Neighbours are other entities of the same type whose outage began within 20 min, or shares the upstream; of a prefix,
	// those of the same origin lost in the same minute; capped.
	Neighbours []string `json:"neighbours,omitempty"`
	// ReroutedVia are upstreams through which lost prefixes were still heard after the first withdrawal.
	ReroutedVia []ASN `json:"rerouted_via,omitempty"`
	// Covered: lost prefixes that another AS's aggregate still covers; Deaggregated: more-specifics gone under a route of the same origin.
	Covered      []Covered `json:"covered,omitempty"`
	Deaggregated []string  `json:"deaggregated,omitempty"`
	// CoveredByTable is the less-specific prefix of the same origin that the prefix-to-origin files have above a prefix, where verdicts
	// rest on updates alone: its route may still be there.
	CoveredByTable *Aggregate `json:"covered_by_table,omitempty"`
	// MovedTo is who has originated the prefixes of a `moved` event.
	MovedTo []AS `json:"moved_to,omitempty"`
	// OriginOrder lists the origins in the order in which their prefixes went; capped.
	OriginOrder []ASN `json:"origin_order,omitempty"`
	// LossesInEvent and DutyCyclePercent describe an intermittent event: how many losses, and the share of the time that was lost.
	LossesInEvent    int      `json:"losses_in_event,omitempty"`
	DutyCyclePercent *Decimal `json:"duty_cycle_percent,omitempty"`
	// AnnouncedMinutes counts the event's minutes in which at least half of the usual voters announced what was lost, and it was
	// lost again before the minute ended.
	AnnouncedMinutes int `json:"announced_minutes,omitempty"`
	// Pattern says in sentences what the figures above show together.
	Pattern []string `json:"pattern,omitempty"`
	// ConsistentWith and LessTypicalOf stand only together, and only on two independent features.
	ConsistentWith string `json:"consistent_with,omitempty"`
	LessTypicalOf  string `json:"less_typical_of,omitempty"`
}

// Spread is a distribution of seconds.
type Spread struct {
	P10 int64 `json:"p10"`
	P50 int64 `json:"p50"`
	P90 int64 `json:"p90"`
}

// Churn counts announcements and withdrawals of the voters.
type Churn struct {
	Hour int `json:"hour"`
	Day  int `json:"day"`
}

// Aggregate is a prefix and its origin.
type Aggregate struct {
	Prefix string `json:"prefix"`
	Origin ASN    `json:"origin"`
}

// Covered is a lost prefix under somebody else's aggregate.
type Covered struct {
	Prefix string `json:"prefix"`
	By     ASN    `json:"by"`
}

// Withdrawals tell how voters lost the prefixes of an outage, at its greatest loss. In JSON it has at most 2 kB.
type Withdrawals struct {
	// First is when the first voter lost a prefix. Seconds count from here.
	First time.Time `json:"first"`
	// Voters is how many lost one.
	Voters int `json:"voters"`
	// Curve has points of seconds, and voters that had lost half of their prefixes by then; at most 32.
	Curve [][2]int64 `json:"curve"`
	// Prefixes are those with most space, sorted; at most 8.
	Prefixes []PrefixWithdrawals `json:"prefixes"`
}

// PrefixWithdrawals tell how voters lost a prefix.
type PrefixWithdrawals struct {
	Prefix string `json:"prefix"`
	// Upstream is the neighbour of the origin through which most voters heard it last; absent where unknown.
	Upstream ASN `json:"upstream,omitempty"`
	// Voters is how many lost it, HalfSeconds when half of them had.
	Voters      int   `json:"voters"`
	HalfSeconds int64 `json:"half_seconds"`
	// First and Last are the first and the last voter that lost it.
	First VoterWithdrawal `json:"first"`
	Last  VoterWithdrawal `json:"last"`
}

// VoterWithdrawal is a voter and when it lost a prefix.
type VoterWithdrawal struct {
	ASN     ASN   `json:"asn"`
	Seconds int64 `json:"seconds"`
}
