package querystore

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
)

// peerRow is the last message of a peer about a prefix before the time.
type peerRow struct {
	Collector string    `json:"collector"`
	Address   string    `json:"peer_address"`
	ASN       bgp.ASN   `json:"peer_asn"`
	Last      string    `json:"last"`
	At        int64     `json:"at"`
	Origin    bgp.ASN   `json:"origin"`
	Path      []bgp.ASN `json:"path"`
	Owner     string    `json:"owner_name"`
}

// upstream returns the AS next to the origin in the path.
func (r peerRow) upstream() bgp.ASN {
	for _, a := range slices.Backward(r.Path) {
		if a != r.Origin {
			return a
		}
	}
	return 0
}

// sqlPrefix returns the first address of a prefix and its length, as a literal, so that ClickHouse
// can use the sorting key of prefix_history.
func sqlPrefix(p netip.Prefix) string {
	return fmt.Sprintf("(toIPv6('%v'), %d)", netip.AddrFrom16(p.Addr().As16()), p.Bits())
}

// prefix adds a prefix, or the longest one that holds an address, and the prefixes above it.
func (s *Store) prefix(ctx context.Context, v view, f bgp.Family, q query.Question, fam *query.Family) error {
	var above []string
	for n := min(q.Prefix.Bits(), f.MaxLength()); n >= f.MinLength(); n-- {
		if p, err := q.Prefix.Addr().Prefix(n); err == nil {
			above = append(above, sqlPrefix(p))
		}
	}
	if len(above) == 0 { // the prefix is shorter than the counted ones
		above = append(above, sqlPrefix(q.Prefix))
	}
	rows, err := ask[struct {
		Prefix  string    `json:"prefix"`
		Origins []bgp.ASN `json:"origins"`
	}](ctx, s, `SELECT prefix, groupUniqArray(8)(origin_as) AS origins FROM prefix_history
		WHERE dataset = {dataset:String} AND (begin, length) IN (`+strings.Join(above, ", ")+`)
			AND safi = 'unicast' AND type = 'announce' AND timestamp <= {at:DateTime64(6,'UTC')}
		GROUP BY prefix`, v.params())
	if err != nil {
		return err
	}
	bits := func(text string) int {
		p, _ := netip.ParsePrefix(text) // one of above
		return p.Bits()
	}
	code := q.Code
	slices.SortFunc(rows, func(a, b struct {
		Prefix  string    `json:"prefix"`
		Origins []bgp.ASN `json:"origins"`
	},
	) int {
		return cmp.Compare(bits(b.Prefix), bits(a.Prefix))
	})
	if q.Kind == query.KindAddress {
		if len(rows) == 0 {
			return nil
		}
		code = rows[0].Prefix
	}
	for _, r := range rows {
		if r.Prefix != code {
			slices.Sort(r.Origins)
			fam.Covering = append(fam.Covering, query.Brief{
				Prefix: r.Prefix, State: query.Unknown, Origins: r.Origins,
			})
		}
	}
	fam.Prefix, err = s.onePrefix(ctx, v, f, code)
	return err
}

// onePrefix returns a prefix by the last messages of the peers and the last row of visibility.
func (s *Store) onePrefix(ctx context.Context, v view, f bgp.Family, code string) (*query.Prefix, error) {
	name, err := netip.ParsePrefix(code)
	if err != nil {
		return nil, fmt.Errorf("reading a prefix of the store: %w", err)
	}
	rows, err := ask[peerRow](ctx, s, `SELECT collector, peer_address, peer_asn,
			toString(argMax(type, (timestamp, epoch, sequence, idx))) AS last,
			toUnixTimestamp(max(timestamp)) AS at,
			argMaxIf(origin_as, (timestamp, epoch, sequence, idx), type = 'announce') AS origin,
			arrayMap(a -> toUInt32(a), extractAll(
				argMaxIf(as_path, (timestamp, epoch, sequence, idx), type = 'announce'), '[0-9]+')) AS path,
			argMaxIf(origin_name, (timestamp, epoch, sequence, idx), type = 'announce') AS owner_name
		FROM prefix_history
		WHERE dataset = {dataset:String} AND (begin, length) IN (`+sqlPrefix(name)+`)
			AND safi = 'unicast' AND prefix_history.table = 'pre' AND timestamp < {at:DateTime64(6,'UTC')}
		GROUP BY collector, peer_address, peer_asn ORDER BY collector, peer_address, peer_asn`, v.params())
	if err != nil {
		return nil, err
	}
	voting, err := s.voting(ctx, v, f)
	if err != nil {
		return nil, err
	}
	x, err := s.sample(ctx, v, f, bgp.EntityPrefix, code)
	if err != nil {
		return nil, err
	}
	p := &query.Prefix{
		Prefix: code, State: query.Unknown,
		Why: "a prefix that is not lost makes no rows of visibility, and tables make no rows of route_changes",
	}
	switch {
	case x != nil && x.Space == 0 && x.BaselineSpace > 0:
		p.State, p.Why = query.Lost, ""
	case x != nil && x.Space > 0:
		p.State, p.Why = query.Visible, ""
	}
	describe(p, rows, voting)
	p.Cut = len(p.Peers) > v.limit
	p.Peers = p.Peers[:min(len(p.Peers), v.limit)]
	return p, nil
}

// peerName identifies a peer.
type peerName struct {
	Collector string  `json:"collector"`
	Address   string  `json:"peer_address"`
	ASN       bgp.ASN `json:"peer_asn"`
}

// voting returns the peers that voted at the time.
func (s *Store) voting(ctx context.Context, v view, f bgp.Family) (map[peerName]bool, error) {
	rows, err := ask[peerName](ctx, s, `SELECT collector, peer_address, peer_asn FROM panel
		WHERE dataset = {dataset:String} AND family = {family:String} AND votes
			AND (timestamp, position_epoch, position_sequence) = (
				SELECT max((timestamp, position_epoch, position_sequence)) FROM panel_verdicts
				WHERE dataset = {dataset:String} AND family = {family:String}
					AND timestamp <= {at:DateTime64(6,'UTC')})`,
		v.params("family", f.String()))
	out := map[peerName]bool{}
	for _, r := range rows {
		out[r] = true
	}
	return out, err
}

// describe counts the last messages of the peers.
func describe(p *query.Prefix, rows []peerRow, voting map[peerName]bool) {
	voters, held, gone := map[bgp.ASN]bool{}, map[bgp.ASN]bool{}, map[bgp.ASN]bool{}
	for name := range voting {
		voters[name.ASN] = true
	}
	now, last := newTally(), newTally()
	var others []query.Peer
	for _, r := range rows {
		at := time.Unix(r.At, 0).UTC()
		x := query.Peer{
			Collector: r.Collector, Address: r.Address, ASN: r.ASN,
			Votes: voting[peerName{r.Collector, r.Address, r.ASN}], Holds: r.Last == "announce",
			Origin: r.Origin, Upstream: r.upstream(),
		}
		if !x.Holds {
			x.Withdrawn, x.Never = &at, r.Origin == 0
		}
		switch {
		case x.Votes && x.Holds:
			held[r.ASN] = true
			now.add(r)
		case x.Votes:
			gone[r.ASN] = true
			last.add(r)
			if p.FirstWithdrawal == nil || at.Before(*p.FirstWithdrawal) {
				p.FirstWithdrawal = &at
			}
			if p.LastWithdrawal == nil || at.After(*p.LastWithdrawal) {
				p.LastWithdrawal = &at
			}
		case x.Holds:
			p.OtherPeers++
		}
		if x.Votes {
			p.Peers = append(p.Peers, x)
		} else {
			others = append(others, x)
		}
	}
	slices.SortStableFunc(p.Peers, func(a, b query.Peer) int {
		return cmp.Compare(number(a.Holds), number(b.Holds))
	})
	p.Peers = append(p.Peers, others...)
	p.PeersTotal, p.Voters, p.HeldBy = len(p.Peers), len(voters), len(held)
	for a := range gone {
		if !held[a] {
			p.GoneFrom++
		}
	}
	p.Silent = p.Voters - p.HeldBy - p.GoneFrom
	p.Origins, p.Upstreams = now.origins(), now.upstreams()
	p.LastOrigins, p.LastUpstreams = last.origins(), last.upstreams()
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// tally counts voters by origin and by upstream.
type tally struct {
	origin, upstream map[bgp.ASN]map[bgp.ASN]bool
	name             map[bgp.ASN]string
}

func newTally() tally {
	return tally{map[bgp.ASN]map[bgp.ASN]bool{}, map[bgp.ASN]map[bgp.ASN]bool{}, map[bgp.ASN]string{}}
}

func (t tally) add(r peerRow) {
	note := func(by map[bgp.ASN]map[bgp.ASN]bool, a bgp.ASN) {
		if by[a] == nil {
			by[a] = map[bgp.ASN]bool{}
		}
		by[a][r.ASN] = true
	}
	note(t.origin, r.Origin)
	note(t.upstream, r.upstream())
	t.name[r.Origin] = r.Owner
}

func (t tally) origins() []query.Heard   { return t.heard(t.origin) }
func (t tally) upstreams() []query.Heard { return t.heard(t.upstream) }

// heard lists ASes, the ones with the most voters first.
func (t tally) heard(by map[bgp.ASN]map[bgp.ASN]bool) []query.Heard {
	var out []query.Heard
	for a, voters := range by {
		if a != 0 {
			out = append(out, query.Heard{AS: bgp.AS{ASN: a, Name: t.name[a]}, Voters: len(voters)})
		}
	}
	slices.SortFunc(out, func(a, b query.Heard) int {
		return cmp.Or(cmp.Compare(b.Voters, a.Voters), cmp.Compare(a.ASN, b.ASN))
	})
	return out
}
