package sink

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// isSource is an SQL condition for the rows of a source. Parameters: lane, epoch.
const isSource = `(lane = ? AND (lane != '` + string(bgp.LaneLive) + `' OR epoch = ?))`

// newest records in h the newest row of each peer and source of a collector, among rows from a time
// on (microseconds).
func (s *store) newest(ctx context.Context, collector string, from int64, h *history) error {
	fail := func(err error) error { return fmt.Errorf("reading the newest rows of %s: %w", collector, err) }
	rows, err := s.conn.Query(s.consistent(ctx), s.sql(
		`SELECT toString(lane), if(lane = '`+string(bgp.LaneLive)+`', epoch, 0) AS of,
			toString(peer_address), peer_asn, toInt8(table), max(timestamp)
		FROM {db}.route_change_log
		WHERE dataset = ? AND collector = ?
			AND timestamp >= fromUnixTimestamp64Micro(toInt64(?), 'UTC') AND repeats = 0
		GROUP BY lane, of, peer_address, peer_asn, table`), s.dataset, collector, from)
	if err != nil {
		return fail(err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var lane, address string
		var epoch uint64
		var asn uint32
		var table int8
		var at time.Time
		if err := rows.Scan(&lane, &epoch, &address, &asn, &table, &at); err != nil {
			return fail(err)
		}
		a, err := netip.ParseAddr(address)
		if err != nil {
			continue // not a row of the sink
		}
		h.note(h.peer(bgp.Peer{Address: a, ASN: bgp.ASN(asn), Table: bgp.Table(table - 1)}),
			source{bgp.Lane(lane), epoch}, at.UnixMicro())
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return nil
}

// window fills w from the table and returns the number of rows that it read, at most limit + 1.
// limit + 1 means that the table has more. If rows of the window's source repeat others, it marks
// those others as paired.
func (s *store) window(ctx context.Context, w *window, key *changeKey, limit int) (int, error) {
	fail := func(err error) (int, error) {
		return 0, fmt.Errorf("reading earlier rows of %s %s: %w", w.collector, w.source.lane, err)
	}
	rows, err := s.conn.Query(s.consistent(ctx), s.sql(
		`SELECT timestamp, toString(lane), epoch, sequence, idx, toString(peer_address), peer_asn,
			toInt8(table), path_id, toInt8(safi), toInt8(type), prefix, as_path, repeats
		FROM {db}.route_change_log
		WHERE dataset = ? AND collector = ?
			AND timestamp >= fromUnixTimestamp64Micro(toInt64(?), 'UTC')
			AND timestamp < fromUnixTimestamp64Micro(toInt64(?), 'UTC')
			AND if(`+isSource+`, repeats != 0, repeats = 0
				AND timestamp >= fromUnixTimestamp64Micro(toInt64(?), 'UTC')
				AND timestamp < fromUnixTimestamp64Micro(toInt64(?), 'UTC'))
		ORDER BY timestamp, offset, idx LIMIT ?`),
		s.dataset, w.collector, max(w.lo-2*coarseTolerance, 0), w.hi+2*coarseTolerance, string(w.source.lane),
		w.source.epoch,
		max(w.lo-coarseTolerance, 0), w.hi+coarseTolerance, limit+1)
	if err != nil {
		return fail(err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	taken := map[uint64]bool{}
	n := 0
	for ; rows.Next(); n++ {
		var c change
		var at time.Time
		var lane string
		var epoch, sequence, repeats uint64
		var idx uint32
		if err := rows.Scan(&at, &lane, &epoch, &sequence, &idx, &c.peer, &c.peerASN, &c.table, &c.pathID,
			&c.safi, &c.kind, &c.prefix, &c.path, &repeats); err != nil {
			return fail(err)
		}
		if repeats != 0 {
			taken[repeats] = true
			continue
		}
		w.add(key.of(&c), candidate{
			at: at.UnixMicro(), name: rowName(w.collector, bgp.Lane(lane), epoch, sequence, idx),
			source: sourceOf(bgp.Lane(lane), epoch),
		})
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	w.markPaired(taken)
	return n, nil
}
