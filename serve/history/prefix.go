package history

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Holder is one state of a prefix over a time: its origins, and its visibility to the voters.
type Holder struct {
	Prefix string
	Family string
	// State is new, visible, partly, lost or gone, as in the column prefix_states.state.
	State string
	// Since is the begin of this state and these origins. SinceAtLeast means that they held already
	// when the detector began. Until is nil if no later state is known. SaidAt is the time of the
	// newest record: each prefix has one a day.
	Since        time.Time
	SinceAtLeast bool
	Until        *time.Time
	SaidAt       time.Time
	Origins      []bgp.AS
	Upstreams    []bgp.AS
	// SeenBy of Voters held the prefix at SaidAt. UsualPercent is the share of the voters that
	// usually holds it.
	SeenBy, Voters int
	UsualPercent   bgp.Decimal
	Country        string
	Space          bgp.Decimal
}

const (
	holderColumns = `toString(family) AS family, prefix, toString(state) AS state,
		toUnixTimestamp(since) AS since, since_at_least, origins, origin_names, upstreams, upstream_names,
		seen_by, voters, usual_percent, country, space`
	prefixSQL = `SELECT ` + holderColumns + `,
			toUnixTimestamp(until) AS until, toUnixTimestamp(last_said) AS said
		FROM prefix_holders
		WHERE dataset = {dataset:String} AND begin = toIPv6({begin:String}) AND length = {length:UInt8}
			AND since < toDateTime({to:UInt32}, 'UTC')
			AND (until IS NULL OR until > toDateTime({from:UInt32}, 'UTC')) ORDER BY since DESC LIMIT {limit:UInt32}`
	holdersSQL = `SELECT ` + holderColumns + `, NULL AS until, toUnixTimestamp(said_at) AS said
		FROM prefix_holders_at(dataset = {dataset:String}, address = {address:String}, at = {at:String})`
)

// Prefix lists the states of a prefix between two times, the newest first, at most limit of them.
func (s *Store) Prefix(
	ctx context.Context, sc Scope, p netip.Prefix, from, to time.Time, limit int,
) ([]Holder, error) {
	question := fmt.Sprintf("prefix %v %d %d %d", p, from.Unix(), to.Unix(), limit)
	return answer(ctx, s, sc, question, func(ctx context.Context, a *asker) ([]Holder, error) {
		return holders(ctx, a, prefixSQL, sc.params(
			"begin", netip.AddrFrom16(p.Addr().As16()).String(), "length", fmt.Sprint(p.Bits()),
			"from", seconds(from), "to", seconds(to), "limit", fmt.Sprint(limit)))
	})
}

// Holders lists the states of the prefixes that contain p (an address is a prefix of full length)
// at a time, the longest prefix first.
func (s *Store) Holders(ctx context.Context, sc Scope, p netip.Prefix, at time.Time) ([]Holder, error) {
	question := fmt.Sprintf("holders %v %d", p, at.Unix())
	return answer(ctx, s, sc, question, func(ctx context.Context, a *asker) ([]Holder, error) {
		return holders(ctx, a, holdersSQL, sc.params("address", p.String(), "at", sqlTime(at)))
	})
}

// holders runs a statement that returns holderColumns, until and said.
func holders(ctx context.Context, a *asker, sql string, params map[string]string) ([]Holder, error) {
	type row struct {
		Family        string      `json:"family"`
		Prefix        string      `json:"prefix"`
		State         string      `json:"state"`
		Since         int64       `json:"since"`
		AtLeast       bool        `json:"since_at_least"`
		Until         *int64      `json:"until"`
		Said          int64       `json:"said"`
		Origins       []bgp.ASN   `json:"origins"`
		OriginNames   []string    `json:"origin_names"`
		Upstreams     []bgp.ASN   `json:"upstreams"`
		UpstreamNames []string    `json:"upstream_names"`
		SeenBy        int         `json:"seen_by"`
		Voters        int         `json:"voters"`
		Usual         bgp.Decimal `json:"usual_percent"`
		Country       string      `json:"country"`
		Space         bgp.Decimal `json:"space"`
	}
	found, err := rows[row](ctx, a, sql, params)
	out := make([]Holder, len(found))
	for i, r := range found {
		h := Holder{
			Prefix: r.Prefix, Family: r.Family, State: r.State, Since: time.Unix(r.Since, 0).UTC(),
			SinceAtLeast: r.AtLeast, SaidAt: time.Unix(r.Said, 0).UTC(),
			Origins:   named(r.Origins, r.OriginNames),
			Upstreams: named(r.Upstreams, r.UpstreamNames), SeenBy: r.SeenBy, Voters: r.Voters,
			UsualPercent: r.Usual, Country: r.Country, Space: r.Space,
		}
		if r.Until != nil {
			until := time.Unix(*r.Until, 0).UTC()
			h.Until = &until
		}
		out[i] = h
	}
	return out, err
}

// named combines AS numbers with their names.
func named(asns []bgp.ASN, names []string) []bgp.AS {
	out := make([]bgp.AS, len(asns))
	for i, a := range asns {
		out[i].ASN = a
		if i < len(names) {
			out[i].Name = names[i]
		}
	}
	return out
}
