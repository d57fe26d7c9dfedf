package history

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Withdrawals lists the voters that lost the prefixes of an outage, and the times. It counts
// networks that voted when the outage began. Networks heard on the operator's own routers count
// only if the scope is private.
type Withdrawals struct {
	From, To time.Time
	// Prefixes are the prefixes that a voter lost in that time, the first loss first.
	Prefixes []PrefixLoss
	// Peers are the voters that lost a prefix, the first one first.
	Peers []PeerLoss
	// Curve counts the losses by second. A loss is a voter and a prefix.
	Curve []SecondLoss
}

// PrefixLoss is the loss of a prefix by the voters.
type PrefixLoss struct {
	Prefix string
	// Voters is the number of voters that lost it. Median is the time by which half of them had
	// lost it.
	Voters              int
	First, Median, Last time.Time
	// Upstream is the AS next to the origin in the newest path that a peer announced since the day
	// before. It is 0 without such a path.
	Upstream bgp.AS
}

// PeerLoss is the loss of prefixes by a voter.
type PeerLoss struct {
	bgp.AS
	// Collector is the collector that hears the voter, the first by name if there are several.
	Collector   string
	Prefixes    int
	First, Last time.Time
}

// SecondLoss is the number of losses in a second.
type SecondLoss struct {
	At     time.Time
	Losses int
}

// WithdrawalsSQL returns the statement that lists the losses: the time at which a voter had
// withdrawn a prefix on all its sessions without a later announcement between from and to. Its
// parameters are dataset, family, prefixes, start, from and to. If private is set, sessions of the
// operator's own routers count too.
func WithdrawalsSQL(private bool) string {
	if private {
		return strings.Replace(withdrawalsSQL, publicPeers, "", 1)
	}
	return withdrawalsSQL
}

// publicPeers leaves out sessions of the operator's own routers.
const publicPeers = ` AND NOT startsWith(collector, 'bmp/')`

const withdrawalsSQL = `SELECT prefix, peer_asn, min(collector) AS collector, max(gone) AS lost_at
FROM (
  SELECT prefix, peer_asn, collector, peer_address, maxIf(timestamp, type = 'announce') AS announced,
    arrayMin(arrayFilter(t -> t > announced, groupArrayIf(timestamp, type = 'withdraw'))) AS gone
  FROM prefix_history
  WHERE dataset = {dataset:String} AND prefix IN {prefixes:Array(String)}` + publicPeers + `
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < toDateTime64({to:DateTime('UTC')}, 6, 'UTC')
    AND peer_asn IN (
      SELECT peer_asn FROM panel_peers
      WHERE dataset = {dataset:String} AND family = {family:String} AND votes AND timestamp = (
        SELECT max(timestamp) FROM panel_history
        WHERE dataset = {dataset:String} AND family = {family:String}
          AND timestamp <= {start:DateTime('UTC')}))
  GROUP BY prefix, peer_asn, collector, peer_address
  HAVING countIf(type = 'withdraw') > 0 AND maxIf(timestamp, type = 'withdraw') > announced
)
GROUP BY prefix, peer_asn`

// Withdrawals lists the losses of prefixes between two times around the start of their outage.
// Route changes are kept for 30 days. The result is empty without any.
func (s *Store) Withdrawals(
	ctx context.Context, sc Scope, f bgp.Family, prefixes []string, start, from, to time.Time,
) (Withdrawals, error) {
	question := fmt.Sprintf("withdrawals %v %d %d %d %q", f, start.Unix(), from.Unix(), to.Unix(), prefixes)
	return answer(ctx, s, sc, question, func(ctx context.Context, a *asker) (w Withdrawals, err error) {
		w.From, w.To = from.UTC(), to.UTC()
		params := sc.params("family", f.String(), "prefixes", textArray(prefixes),
			"start", sqlTime(start), "from", sqlTime(from), "to", sqlTime(to),
			"day", sqlTime(from.Add(-24*time.Hour)))
		losses := WithdrawalsSQL(sc.Private)
		if w.Prefixes, err = prefixLosses(ctx, a, losses, params); err != nil || len(w.Prefixes) == 0 {
			return w, err
		}
		if w.Peers, err = peerLosses(ctx, a, losses, params); err != nil {
			return w, err
		}
		w.Curve, err = secondLosses(ctx, a, losses, params)
		return w, err
	})
}

// micro is a time in the result of a statement: microseconds since 1970, as text.
type micro string

func (m micro) time() time.Time {
	n, _ := strconv.ParseInt(string(m), 10, 64) // ClickHouse wrote it
	return time.UnixMicro(n).UTC()
}

func prefixLosses(
	ctx context.Context, a *asker, losses string, params map[string]string,
) ([]PrefixLoss, error) {
	type row struct {
		Prefix   string  `json:"prefix"`
		Voters   int     `json:"voters"`
		First    micro   `json:"first"`
		Median   micro   `json:"median"`
		Last     micro   `json:"last"`
		Upstream bgp.ASN `json:"upstream"`
		Name     string  `json:"name"`
	}
	found, err := rows[row](ctx, a, `SELECT prefix, count() AS voters,
			toString(toUnixTimestamp64Micro(min(lost_at))) AS first,
			toString(toUnixTimestamp64Micro(arraySort(groupArray(lost_at))[intDiv(count() + 1, 2)])) AS median,
			toString(toUnixTimestamp64Micro(max(lost_at))) AS last,
			any(paths.upstream) AS upstream, dictGet('as_info', 'name', upstream) AS name
		FROM (`+losses+`) AS losses LEFT JOIN (
			SELECT prefix, toUInt32OrZero(extractAll(argMax(as_path, timestamp), '[0-9]+')[-2]) AS upstream
			FROM prefix_history
			WHERE dataset = {dataset:String} AND prefix IN {prefixes:Array(String)} AND type = 'announce'
				AND timestamp >= {day:DateTime('UTC')} AND timestamp < toDateTime64({to:DateTime('UTC')}, 6, 'UTC')
			GROUP BY prefix) AS paths USING (prefix)
		GROUP BY prefix ORDER BY min(lost_at), prefix`, params)
	out := make([]PrefixLoss, len(found))
	for i, r := range found {
		out[i] = PrefixLoss{
			Prefix: r.Prefix, Voters: r.Voters, First: r.First.time(), Median: r.Median.time(),
			Last: r.Last.time(), Upstream: bgp.AS{ASN: r.Upstream, Name: r.Name},
		}
	}
	return out, err
}

func peerLosses(ctx context.Context, a *asker, losses string, params map[string]string) ([]PeerLoss, error) {
	type row struct {
		ASN       bgp.ASN `json:"peer_asn"`
		Name      string  `json:"name"`
		Collector string  `json:"collector"`
		Prefixes  int     `json:"prefixes"`
		First     micro   `json:"first"`
		Last      micro   `json:"last"`
	}
	found, err := rows[row](ctx, a, `SELECT peer_asn, dictGet('as_info', 'name', peer_asn) AS name,
			min(losses.collector) AS collector, count() AS prefixes,
			toString(toUnixTimestamp64Micro(min(lost_at))) AS first,
			toString(toUnixTimestamp64Micro(max(lost_at))) AS last
		FROM (`+losses+`) AS losses GROUP BY peer_asn ORDER BY min(lost_at), peer_asn`, params)
	out := make([]PeerLoss, len(found))
	for i, r := range found {
		out[i] = PeerLoss{
			AS: bgp.AS{ASN: r.ASN, Name: r.Name}, Collector: r.Collector, Prefixes: r.Prefixes,
			First: r.First.time(), Last: r.Last.time(),
		}
	}
	return out, err
}

func secondLosses(
	ctx context.Context, a *asker, losses string, params map[string]string,
) ([]SecondLoss, error) {
	type row struct {
		At     int64 `json:"at"`
		Losses int   `json:"losses"`
	}
	found, err := rows[row](ctx, a, `SELECT toUnixTimestamp(toDateTime(lost_at, 'UTC')) AS at, count() AS losses
		FROM (`+losses+`) GROUP BY at ORDER BY at`, params)
	out := make([]SecondLoss, len(found))
	for i, r := range found {
		out[i] = SecondLoss{time.Unix(r.At, 0).UTC(), r.Losses}
	}
	return out, err
}
