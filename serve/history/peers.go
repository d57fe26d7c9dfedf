package history

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Peer is a peer of a collector in the newest panel of a family.
type Peer struct {
	bgp.AS
	Family    string
	Collector string
	Address   netip.Addr
	// Votes reports whether the peer votes. If it does not, Reason has the cause from the column
	// panel_peers.reason.
	Votes    bool
	Reason   string
	Prefixes int
}

// peersSQL selects the peers of the newest panel of each family by a time.
const peersSQL = `SELECT toString(family) AS fam, collector, peer_address, peer_asn, peer_name,
		votes, reason, prefixes
	FROM panel_peers
	WHERE dataset = {dataset:String} AND (family, timestamp) IN (
		SELECT family, max(timestamp) FROM panel_history
		WHERE dataset = {dataset:String} AND timestamp <= toDateTime({at:UInt32}, 'UTC')
			AND timestamp > toDateTime64({at:UInt32}, 6, 'UTC') - INTERVAL 2 HOUR
		GROUP BY family)
	ORDER BY family, votes DESC, collector, peer_asn, peer_address`

// Peers lists the peers of the newest panels by a time: the voters, and the others with the reason
// why they do not vote. Peers of the operator's own routers are listed only if the scope is
// private; otherwise hidden is their number.
func (s *Store) Peers(ctx context.Context, sc Scope, at time.Time) (peers []Peer, hidden int, err error) {
	type both struct {
		peers  []Peer
		hidden int
	}
	got, err := answer(ctx, s, sc, fmt.Sprintf("peers %d", at.Unix()),
		func(ctx context.Context, a *asker) (out both, err error) {
			type row struct {
				Family    string  `json:"fam"`
				Collector string  `json:"collector"`
				Address   string  `json:"peer_address"`
				ASN       bgp.ASN `json:"peer_asn"`
				Name      string  `json:"peer_name"`
				Votes     bool    `json:"votes"`
				Reason    string  `json:"reason"`
				Prefixes  int     `json:"prefixes"`
			}
			found, err := rows[row](ctx, a, peersSQL, sc.params("at", seconds(at)))
			for _, r := range found {
				if !sc.Private && bgp.PrivateCollector(r.Collector) {
					out.hidden++
					continue
				}
				p := Peer{
					AS: bgp.AS{ASN: r.ASN, Name: r.Name}, Family: r.Family, Collector: r.Collector,
					Votes: r.Votes, Reason: r.Reason, Prefixes: r.Prefixes,
				}
				p.Address, _ = netip.ParseAddr(r.Address) // the zero address is shown as unknown
				out.peers = append(out.peers, p)
			}
			return out, err
		})
	return got.peers, got.hidden, err
}
