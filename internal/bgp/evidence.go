package bgp

import "time"

// Evidence holds facts about an outage that are computed from routes only. It never gives a cause
// (docs/detection.md, Evidence). An absent field is unknown.
type Evidence struct {
	// WithdrawalSpreadSeconds counts from the first withdrawal of a lost prefix by a voter.
	WithdrawalSpreadSeconds *Spread `json:"withdrawal_spread_seconds,omitempty"`
	// Withdrawals describes the time at which each voter lost the prefixes. Only the record that
	// closes the outage has it.
	Withdrawals *Withdrawals `json:"withdrawals,omitempty"`
	// UpstreamsLostTogether reports whether every upstream edge of the lost prefixes disappeared
	// within the same two minutes.
	UpstreamsLostTogether *bool `json:"upstreams_lost_together,omitempty"`
	// Shape describes the course of the loss: abrupt, stepped or gradual.
	Shape string `json:"shape,omitempty"`
	// ChurnBefore counts route changes of the entity's prefixes before the start.
	ChurnBefore *Churn `json:"churn_before,omitempty"`
	// SameTimeLast7Days counts outages of the entity in the previous 7 days that began within 30
	// min of this time of day.
	SameTimeLast7Days int `json:"same_time_last_7_days"`
	// OutagesLast7Days counts outages of the entity that began in the previous 7 days. It excludes
	// blips.
	OutagesLast7Days int `json:"outages_last_7_days"`
	// OnTheHour reports whether the start is within 2 min of a full hour.
	OnTheHour bool `json:"on_the_hour"`
	// Neighbours lists other entities of the same type whose outage began within 20 min or shares
	// the upstream. For a prefix it lists prefixes of the same origin that were lost in the same
	// minute. The list is capped.
	Neighbours []string `json:"neighbours,omitempty"`
	// ReroutedVia lists upstreams through which the voters still heard lost prefixes after the
	// first withdrawal.
	ReroutedVia []ASN `json:"rerouted_via,omitempty"`
	// Covered lists lost prefixes under an aggregate of another AS. Deaggregated lists lost
	// more-specific prefixes under a route of the same origin.
	Covered      []Covered `json:"covered,omitempty"`
	Deaggregated []string  `json:"deaggregated,omitempty"`
	// CoveredByTable is the less-specific prefix of the same origin that the prefix-to-origin files
	// hold for a prefix. It is set only if verdicts rest on updates alone: the route of that prefix
	// may still exist.
	CoveredByTable *Aggregate `json:"covered_by_table,omitempty"`
	// MovedTo lists the ASes that originate the prefixes of a `moved` event now.
	MovedTo []AS `json:"moved_to,omitempty"`
	// OriginOrder lists the origins in the order in which their prefixes were lost. The list is
	// capped.
	OriginOrder []ASN `json:"origin_order,omitempty"`
	// LossesInEvent and DutyCyclePercent describe an intermittent event: the number of losses, and
	// the share of time in which the entity was lost.
	LossesInEvent    int      `json:"losses_in_event,omitempty"`
	DutyCyclePercent *Decimal `json:"duty_cycle_percent,omitempty"`
	// AnnouncedMinutes counts minutes of the event in which at least half of the usual voters
	// announced the lost space and lost it again before the minute ended.
	AnnouncedMinutes int `json:"announced_minutes,omitempty"`
	// Pattern summarizes the figures above in sentences.
	Pattern []string `json:"pattern,omitempty"`
	// ConsistentWith and LessTypicalOf are set together or not at all. They need two independent
	// features.
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

// Covered is a lost prefix that another AS's aggregate covers.
type Covered struct {
	Prefix string `json:"prefix"`
	By     ASN    `json:"by"`
}

// Withdrawals describes how voters lost the prefixes of an outage, at its greatest loss. Its JSON
// has at most 2 kB.
type Withdrawals struct {
	// First is the time at which the first voter lost a prefix. Seconds count from First.
	First time.Time `json:"first"`
	// Voters counts the voters that lost a prefix.
	Voters int `json:"voters"`
	// Curve holds points: seconds, and the number of voters that had lost half of their prefixes by
	// then. It has at most 32 points.
	Curve [][2]int64 `json:"curve"`
	// Prefixes lists the prefixes with the most space, sorted. It holds at most 8.
	Prefixes []PrefixWithdrawals `json:"prefixes"`
}

// PrefixWithdrawals describes how voters lost a prefix.
type PrefixWithdrawals struct {
	Prefix string `json:"prefix"`
	// Upstream is the neighbour of the origin on the last path of most voters. It is absent if
	// unknown.
	Upstream ASN `json:"upstream,omitempty"`
	// Voters counts the voters that lost the prefix. HalfSeconds is the time by which half of them
	// had lost it.
	Voters      int   `json:"voters"`
	HalfSeconds int64 `json:"half_seconds"`
	// First and Last are the first and the last voter that lost it.
	First VoterWithdrawal `json:"first"`
	Last  VoterWithdrawal `json:"last"`
}

// VoterWithdrawal names a voter and the time at which it lost a prefix.
type VoterWithdrawal struct {
	ASN     ASN   `json:"asn"`
	Seconds int64 `json:"seconds"`
}
