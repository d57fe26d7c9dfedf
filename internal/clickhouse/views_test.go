package clickhouse_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// viewRows holds rows that the sink could have inserted: two prefixes, a country that loses half of
// its space at 10:05, its outage, a gap.
var viewRows = []string{
	`INSERT INTO darkmap.route_change_log (dataset, timestamp, collector, lane, epoch, sequence, idx, repeats, peer_address, peer_asn, table, safi, type, prefix, as_path, origin_as, topic, appended_at)
	SELECT 'd', toDateTime64('2026-11-30 10:00:00', 6, 'UTC') + 60 * number, 'ris/rrc00', 'live', 1, number, 0, number = 9, '192.0.2.1', 64500, 'pre', 'unicast', if(number % 4 = 3, 'withdraw', 'announce'),
		['198.51.100.0/24', '198.51.0.0/16', '2001:db8::/32', '203.0.113.0/24'][1 + number % 4], '64500 64501', 64501, 'bgp.routes.v1', now() FROM numbers(16)`,
	`INSERT INTO darkmap.visibility (dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes, voters, position_sequence, appended_at)
	SELECT 'd', toDateTime('2026-11-30 09:50:00', 'UTC') + x.1, 'country', 'KP', 'North Korea', 'ipv4', x.2, 4, 4, 4, 30, x.1, now()
	FROM (SELECT arrayJoin([(0, 4), (900, 2), (1800, 4), (3600, 3)]) AS x)`,
	`INSERT INTO darkmap.outage_events (dataset, id, sequence, event, decided_at, state, family, entity_type, entity_code, entity_name, start, origins, json, position_sequence, appended_at)
	SELECT 'd', 'country-KP', number + 1, 'updated', toDateTime64('2026-11-30 10:05:00', 6, 'UTC'), if(number < 2, 'suspected', 'open'), 'ipv4', 'country', 'KP', 'North Korea', toDateTime('2026-11-30 10:05:00', 'UTC'), [64501, 64502],
		'{"origins":[{"asn":64501,"name":"NORTH"},{"asn":64502}],"upstreams":[]}', number, now() FROM numbers(3)`,
	`INSERT INTO darkmap.outage_events (dataset, id, sequence, event, state, family, entity_type, entity_code, start, json, position_sequence, appended_at)
	SELECT 'd', 'prefix-x', 1, 'closed', 'closed', 'ipv4', 'prefix', '198.51.100.0/24', toDateTime('2026-11-30 10:05:00', 'UTC'), '{"evidence":{"withdrawals":{"first":"2026-11-30T10:05:03Z","voters":3,
		"curve":[[0,1],[4,3]],"prefixes":[{"prefix":"198.51.100.0/24","upstream":64500,"voters":3,"half_seconds":4,"first":{"asn":64501,"seconds":0},"last":{"asn":64499,"seconds":9}}]}}}', 9, now()`,
	`INSERT INTO darkmap.feeds (dataset, timestamp, collector, event, reason, gap_id, source, gap_begin, gap_end, state, peers_up, position_sequence, appended_at)
	SELECT 'd', toDateTime64('2026-11-30 10:00:00', 6, 'UTC') + x.1, 'ris/rrc00', x.2, x.3, x.4, 'rislive', toDateTime64('2026-11-30 09:59:00', 6, 'UTC'), toDateTime64('2026-11-30 10:00:00', 6, 'UTC'), x.5, x.1, x.1, now()
	FROM (SELECT arrayJoin([(1, 'gap', 'lost', 'g1', ''), (2, 'status', '', '', 'down'), (3, 'recovered', 'filled', 'g1', ''), (4, 'status', '', '', 'up'), (5, 'gap', 'late', 'g2', '')]) AS x)`,
	`INSERT INTO darkmap.panel (dataset, timestamp, family, voters, verdicts, collector, peer_address, peer_asn, votes, idx, position_sequence, appended_at)
	SELECT 'd', toDateTime64('2026-11-30 10:00:00', 6, 'UTC'), 'ipv4', 30, true, 'ris/rrc00', '192.0.2.1', 64501 + number, number = 0, number, 1, now() FROM numbers(2)`,
	// A detector that restarted at 12:00 wrote nothing new about 198.51.100.0/24, whose origin
	// changed. The /16 above it was lost and came back.
	`INSERT INTO darkmap.prefix_states (dataset, begin, length, prefix, family, timestamp, state, since, since_at_least, origins, origin_voters, upstreams, upstream_voters, seen_by, voters, places, country, space, position_sequence, appended_at)
	SELECT 'd', x.1, x.2, x.3, x.4, toDateTime('2026-11-30 00:00:00', 'UTC') + 60 * x.5, x.6, toDateTime('2026-11-30 00:00:00', 'UTC') + 60 * x.7, x.8, x.9, [30], [64500], [30], 30, 40,
		[('KP', 'KP-01', x.10)], 'KP', x.10, x.5, now()
	FROM (SELECT arrayJoin([
		('198.51.100.0', 24, '198.51.100.0/24', 'ipv4', 10, 'visible', 1, true, [64502], 1),
		('198.51.100.0', 24, '198.51.100.0/24', 'ipv4', 125, 'visible', 120, false, [64501], 1),
		('198.51.100.0', 24, '198.51.100.0/24', 'ipv4', 720, 'visible', 718, true, [64501], 1),
		('198.51.0.0', 16, '198.51.0.0/16', 'ipv4', 20, 'visible', 1, true, [64501], 256),
		('198.51.0.0', 16, '198.51.0.0/16', 'ipv4', 60, 'lost', 60, false, [64501], 256),
		('198.51.0.0', 16, '198.51.0.0/16', 'ipv4', 90, 'visible', 90, false, [64501], 256),
		('203.0.113.0', 24, '203.0.113.0/24', 'ipv4', 30, 'visible', 1, true, [64501], 1),
		('203.0.113.0', 24, '203.0.113.0/24', 'ipv4', 200, 'gone', 200, false, [64501], 1),
		('2001:db8::', 32, '2001:db8::/32', 'ipv6', 40, 'visible', 1, true, [64500], 65536),
		('2001:db8::', 32, '2001:db8::/32', 'ipv6', 9000, 'visible', 8999, true, [64500], 65536)]) AS x)`,
	// A prefix that moved to another country at 10:00.
	`INSERT INTO darkmap.prefix_states (dataset, begin, length, prefix, family, timestamp, state, origins, places, space, position_sequence, appended_at)
	SELECT 'places', '203.0.113.0', 24, '203.0.113.0/24', 'ipv4', toDateTime('2026-11-30 00:10:00', 'UTC') + 35400 * number, 'visible', [64501],
		[(if(number = 0, 'KP', 'CN'), '', 0.5), (if(number = 0, 'KP', 'CN'), 'X', 0.5)], 1, number, now() FROM numbers(2)`,
	`INSERT INTO darkmap.lookup_ases VALUES ('s', 64500, 'TRANSIT', 'Transit', 'DE'), ('s', 64501, 'NORTH', 'North', 'KP'), ('old', 64501, 'SOUTH', '', '')`,
	`INSERT INTO darkmap.lookup_prefixes VALUES ('s', '198.51.0.0/16', 64501, 'KP'), ('s', '2001:db8::/32', 64500, 'DE')`,
	`INSERT INTO darkmap.lookup_snapshots VALUES ('ases', 's', now64(3), 2), ('prefixes', 's', now64(3), 2)`,
	`SYSTEM RELOAD DICTIONARY darkmap.as_info`, `SYSTEM RELOAD DICTIONARY darkmap.prefix_info`,
}

const viewRange = "from = '2026-11-30 10:00:00', to = '2026-11-30 11:00:00'"

// viewAnswers maps queries of the views to their answers: TSV with | between columns and a space
// between rows.
var viewAnswers = map[string]string{
	"SELECT prefix, count() FROM prefix_history WHERE dataset = 'd' GROUP BY prefix ORDER BY prefix":                                                 "198.51.0.0/16|3 198.51.100.0/24|4 2001:db8::/32|4 203.0.113.0/24|4",
	"SELECT begin, length, origin_name, peer_name, min(timestamp) FROM prefix_history WHERE dataset = 'd' AND prefix = '2001:db8::/32' GROUP BY ALL": "2001:db8::|32|NORTH|TRANSIT|2026-11-30_10:02:00.000000",
	"SELECT prefix, count() FROM prefixes_containing(dataset = 'd', address = '198.51.100.7', " + viewRange + ") GROUP BY prefix ORDER BY prefix":    "198.51.0.0/16|3 198.51.100.0/24|4",
	"SELECT prefix, count() FROM prefixes_containing(dataset = 'd', address = '198.51.0.0/20', " + viewRange + ") GROUP BY prefix":                   "198.51.0.0/16|3",
	"SELECT prefix, count() FROM prefixes_containing(dataset = 'd', address = '2001:db8::1', " + viewRange + ") GROUP BY prefix":                     "2001:db8::/32|4",
	"SELECT prefix, count() FROM prefixes_within(dataset = 'd', prefix = '198.51.0.0/16', " + viewRange + ") GROUP BY prefix ORDER BY prefix":        "198.51.0.0/16|3 198.51.100.0/24|4",
	"SELECT prefix FROM prefixes_within(dataset = 'd', prefix = '::/0', " + viewRange + ") GROUP BY prefix":                                          "2001:db8::/32",
	"SELECT minute, announcements, withdrawals, peers, origins FROM prefix_minutes(dataset = 'd', prefix = '203.0.113.0/24', " + viewRange + ", step = 1200) ORDER BY minute": "2026-11-30_10:00:00|0|4|1|[64501] " +
		"2026-11-30_10:20:00|0|0|0|[] 2026-11-30_10:40:00|0|0|0|[]",
	"SELECT minute, space, usual_space, loss_percent, row_at FROM entity_minutes(dataset = 'd', entity_type = 'country', entity_code = 'KP', family = 'ipv4', " + viewRange + ", step = 900) ORDER BY minute": "2026-11-30_10:00:00|4|4|0|2026-11-30_09:50:00 " +
		"2026-11-30_10:15:00|2|4|50|2026-11-30_10:05:00 2026-11-30_10:30:00|4|4|0|2026-11-30_10:20:00 2026-11-30_10:45:00|4|4|0|2026-11-30_10:20:00",
	"SELECT entity_code, entity_name, space, usual_space, loss_percent, voters, row_at FROM world_at(dataset = 'd', at = '2026-11-30 10:10:00') WHERE entity_type = 'country'":                               "KP|North_Korea|2|4|50|30|2026-11-30_10:05:00",
	"SELECT count() FROM world_at(dataset = 'd', at = '2026-11-30 12:10:00')":                                                                                                                                "0",
	"SELECT count() FROM entity_history WHERE entity_code = 'KP'":                                                                                                                                            "4",
	"SELECT hour, min_space, max_space, space, max_loss_percent, voters FROM entity_hours ORDER BY hour":                                                                                                     "2026-11-30_09:00:00|4|4|4|0|30 2026-11-30_10:00:00|2|4|3|50|30",
	"SELECT id, sequence, origin_names FROM open_outages WHERE entity_code = 'KP'":                                                                                                                           "country-KP|3|['NORTH','']",
	"SELECT count(), max(sequence) FROM outages WHERE entity_code = 'KP'":                                                                                                                                    "1|3",
	"SELECT state, since, until, last_said, origin_names, upstream_names, since_at_least FROM prefix_holders WHERE dataset = 'd' AND prefix = '198.51.100.0/24' ORDER BY since":                              `visible|2026-11-30_00:01:00|2026-11-30_02:00:00|2026-11-30_00:10:00|['']|['TRANSIT']|true visible|2026-11-30_02:00:00|\N|2026-11-30_12:00:00|['NORTH']|['TRANSIT']|false`,
	"SELECT state, since, until FROM prefix_holders WHERE dataset = 'd' AND prefix = '198.51.0.0/16' ORDER BY since":                                                                                         `visible|2026-11-30_00:01:00|2026-11-30_01:00:00 lost|2026-11-30_01:00:00|2026-11-30_01:30:00 visible|2026-11-30_01:30:00|\N`,
	"SELECT state, since, until, last_said FROM prefix_holders WHERE dataset = 'd' AND begin = toIPv6('2001:db8::') ORDER BY since":                                                                          `visible|2026-11-30_00:01:00|2026-12-06_05:59:00|2026-11-30_00:40:00 visible|2026-12-06_05:59:00|\N|2026-12-06_06:00:00`,
	"SELECT prefix, state, origins, said_at FROM prefix_holders_at(dataset = 'd', address = '198.51.100.7', at = '2026-11-30 01:10:00')":                                                                     "198.51.100.0/24|visible|[64502]|2026-11-30_00:10:00 198.51.0.0/16|lost|[64501]|2026-11-30_01:00:00",
	"SELECT prefix, state, origins, said_at FROM prefix_holders_at(dataset = 'd', address = '198.51.100.0/24', at = '2026-11-30 12:10:00')":                                                                  "198.51.100.0/24|visible|[64501]|2026-11-30_12:00:00 198.51.0.0/16|visible|[64501]|2026-11-30_01:30:00",
	"SELECT prefix, state FROM prefix_holders_at(dataset = 'd', address = '203.0.113.9', at = '2026-11-30 12:10:00')":                                                                                        "",
	"SELECT prefix, state, since, said_at FROM origin_prefixes_at(dataset = 'd', origin = 64501, at = '2026-11-30 12:10:00') ORDER BY prefix":                                                                "198.51.0.0/16|visible|2026-11-30_01:30:00|2026-11-30_01:30:00 198.51.100.0/24|visible|2026-11-30_11:58:00|2026-11-30_12:00:00",
	"SELECT prefix, state FROM origin_prefixes_at(dataset = 'd', origin = 64501, at = '2026-11-30 01:10:00') ORDER BY prefix":                                                                                "198.51.0.0/16|lost 203.0.113.0/24|visible",
	"SELECT origin, origin_name, prefixes, visible_prefixes, space, visible_space FROM country_networks_at(dataset = 'd', country = 'KP', at = '2026-11-30 01:10:00') WHERE family = 'ipv4' ORDER BY origin": "64501|NORTH|2|1|257|1 64502||1|1|1|1",
	"SELECT origin, origin_name, prefixes, visible_prefixes, space, visible_space FROM country_networks_at(dataset = 'd', country = 'KP', at = '2026-11-30 12:10:00') ORDER BY origin":                       "64500|TRANSIT|1|1|65536|65536 64501|NORTH|2|2|256|256",
	"SELECT country, origin, prefixes, space FROM country_networks_at(dataset = 'places', country = 'KP', at = '2026-11-30 01:10:00')":                                                                       "KP|64501|1|1",
	"SELECT country, origin, prefixes, space FROM country_networks_at(dataset = 'places', country = 'KP', at = '2026-11-30 12:10:00')":                                                                       "",
	"SELECT country, origin, prefixes, space FROM country_networks_at(dataset = 'places', country = 'CN', at = '2026-11-30 12:10:00')":                                                                       "CN|64501|1|1",
	"SELECT timestamp, seconds, voters FROM outage_withdrawal_curve WHERE id = 'prefix-x' ORDER BY seconds":                                                                                                  "2026-11-30_10:05:03|0|1 2026-11-30_10:05:07|4|3",
	"SELECT prefix, upstream, upstream_name, voters, first_at, first_asn, first_name, half_at, last_at, last_asn FROM outage_withdrawals WHERE dataset = 'd' AND id = 'prefix-x'": "198.51.100.0/24|64500|TRANSIT|3|" +
		"2026-11-30_10:05:03|64501|NORTH|2026-11-30_10:05:07|2026-11-30_10:05:12|64499",
	"SELECT count() FROM outage_history WHERE entity_code = 'KP'":                                                                               "3",
	"SELECT gap_id, answered_at, complete, reason, answer FROM feed_gaps ORDER BY gap_id":                                                       `g1|2026-11-30_10:00:03.000000|true|lost|filled g2|\N|\N|late|`,
	"SELECT collector, state, peers_up FROM feed_status":                                                                                        "ris/rrc00|up|4",
	"SELECT voters, verdicts FROM panel_history":                                                                                                "30|true",
	"SELECT peer_asn, peer_name, votes FROM panel_peers ORDER BY peer_asn":                                                                      "64501|NORTH|true 64502||false",
	"SELECT dictGet('darkmap.prefix_info', 'country', toIPv4('198.51.100.7')), dictGet('darkmap.prefix_info', 'origin', toIPv6('2001:db8::1'))": "KP|64500",
	"SELECT dictGet('darkmap.as_info', 'organisation', 64500)":                                                                                  "Transit",
}

// TestViews runs each query as the reader, after every row was inserted twice.
func TestViews(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	for range 2 {
		for _, sql := range viewRows {
			if _, err := answer(t, s, strings.ReplaceAll(sql, "darkmap.", s.Database+".")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for sql, want := range viewAnswers {
		body, err := s.AsReader().HTTP(t.Context(), clickhouse.Query{SQL: strings.ReplaceAll(sql, "darkmap.", s.Database+"."), Database: s.Database})
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		got, err := io.ReadAll(body)
		if err = errors.Join(err, body.Close()); err != nil {
			t.Fatal(err)
		}
		if text := strings.TrimSuffix(strings.NewReplacer(" ", "_", "\t", "|", "\n", " ").Replace(string(got)), " "); text != want {
			t.Errorf("%s:\n got %s\nwant %s", sql, text, want)
		}
	}
	t.Run("hours", func(t *testing.T) { hoursAreRows(t, s) })    //nolint:paralleltest // they share the store
	t.Run("bounds", func(t *testing.T) { boundsAreExact(t, s) }) //nolint:paralleltest // they share the store
	t.Run("times", func(t *testing.T) { timesAreExact(t, s) })   //nolint:paralleltest // they share the store
	t.Run("views", func(t *testing.T) { viewsAreExact(t, s) })   //nolint:paralleltest // they share the store
}

// hoursAreRows: for whole hours, entity_minutes gives the same answer from the table of hours as
// from the rows, also before the first row and after a long silence.
func hoursAreRows(t *testing.T, s clickhouse.Server) {
	t.Helper()
	if _, err := answer(t, s, strings.ReplaceAll(`INSERT INTO darkmap.visibility (dataset, timestamp, entity_type, entity_code, family, space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes, voters, position_sequence, appended_at)
		SELECT 'hours', toDateTime('2026-11-01 00:00:00', 'UTC') + 60 * intDiv(number * number * 7, 11), 'country', 'KP', 'ipv4', number, number, 900, 900, 800 + number, 800, 30, number, now() FROM numbers(120)`,
		"darkmap.", s.Database+".")); err != nil {
		t.Fatal(err)
	}
	minutes := func(from string, step int) string {
		return fmt.Sprintf("entity_minutes(dataset = 'hours', entity_type = 'country', entity_code = 'KP', family = 'ipv4', from = '%s', to = '2026-11-08 00:00:00', step = %d)", from, step)
	}
	for _, from := range []string{"2026-10-31 20:00:00", "2026-11-01 00:00:00", "2026-11-03 17:00:00", "2026-11-07 20:00:00"} {
		const row = "(minute, row_at, space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes, loss_percent, voters)"
		sql := "SELECT length(hours) > 1, hours = rows FROM (SELECT (SELECT arraySort(groupArray(" + row + ")) FROM " + minutes(from, 3600) + ") AS hours, " +
			"(SELECT arraySort(groupArray(" + row + ")) FROM " + minutes(from, 1200) + " WHERE minute = toStartOfHour(minute)) AS rows)"
		body, err := s.AsReader().HTTP(t.Context(), clickhouse.Query{SQL: sql, Database: s.Database})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err = errors.Join(err, body.Close()); err != nil {
			t.Fatal(err)
		}
		if string(got) != "1\t1\n" {
			t.Errorf("from %s: whole hours are not those of the rows: %s", from, got)
		}
	}
}
