package sink

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
)

// BenchmarkInsert inserts the same blocks of route changes into one engine by turns: over HTTP
// through the socket, and over the native protocol without compression. Each iteration is a pair;
// the first of a pair changes. It reports rows for a second of CPU of both processes, and the
// median of the pairs' ratios, HTTP to native.
func BenchmarkInsert(b *testing.B) {
	addr := datatest.FreeAddress(b)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		b.Fatal(err)
	}
	native, err := strconv.Atoi(port)
	if err != nil {
		b.Fatal(err)
	}
	e := clickhousetest.Start(b, clickhouse.EngineConfig{Dir: b.TempDir(), SharedNetwork: true, NativePort: native})
	s := e.Server()
	if _, err := clickhouse.Migrate(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	block := benchBlock(b)
	overHTTP := clickhouse.NewInserter(s)
	defer overHTTP.Close() //nolint:errcheck // a test's
	client, err := ch.Dial(b.Context(), ch.Options{Address: addr, Database: s.Database, User: s.User, Password: s.Password, Compression: ch.CompressionDisabled})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // a test's
	n := 0
	ways := []func(context.Context) error{
		func(ctx context.Context) error {
			n++
			return overHTTP.Insert(ctx, clickhouse.Insert{Table: "route_change_log", ID: fmt.Sprint("bench/", n), Columns: block.input(), Settings: insertSettings(s)})
		},
		func(ctx context.Context) error {
			n++
			input := block.input()
			return client.Do(ctx, ch.Query{
				Body: input.Into("route_change_log"), QueryID: fmt.Sprint("bench/", n), Input: input,
				Settings: []ch.Setting{{Key: "async_insert", Value: "0"}, {Key: "optimize_on_insert", Value: "0"}},
			})
		},
	}
	ask(b, s, "SYSTEM STOP MERGES "+s.Database+".route_change_log")
	var ratios []float64
	var total, own [2]time.Duration
	const inserts = 8
	for b.Loop() {
		var took [2]time.Duration
		for i := range ways {
			way := (i + len(ratios)) % 2
			ownBefore, before := ownCPU(b), ownCPU(b)+cpu(b, e.PID())
			for range inserts {
				if err := ways[way](b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			took[way] = ownCPU(b) + cpu(b, e.PID()) - before
			total[way] += took[way]
			own[way] += ownCPU(b) - ownBefore
			ask(b, s, "TRUNCATE TABLE "+s.Database+".route_change_log")
		}
		ratios = append(ratios, took[1].Seconds()/took[0].Seconds())
	}
	slices.Sort(ratios)
	rows := float64(block.count() * inserts * len(ratios))
	b.ReportMetric(rows/total[0].Seconds(), "http-rows/cpu-s")
	b.ReportMetric(rows/total[1].Seconds(), "native-rows/cpu-s")
	b.ReportMetric(float64(own[0].Nanoseconds())/rows, "http-own-ns/row")
	b.ReportMetric(float64(own[1].Nanoseconds())/rows, "native-own-ns/row")
	b.ReportMetric(ratios[len(ratios)/2], "median-ratio")
	b.ReportMetric(total[1].Seconds()/total[0].Seconds(), "ratio")
	b.ReportMetric(ratios[0], "lowest-ratio")
	b.ReportMetric(ratios[len(ratios)-1], "highest-ratio")
}

// benchBlock returns a full batch of route changes.
func benchBlock(b *testing.B) rows {
	b.Helper()
	w, block := newWorld(), newRouteRows("bench")
	for block.count() < DefaultConfig().BatchMaxRows {
		collector, rec, _ := w.record()
		if _, _, err := block.decode(record(b, kafka.DefaultConfig(), "", collector, rec)); err != nil {
			b.Fatal(err)
		}
		block.add(&kafkaOffset{topic: "bench", appendedAt: uint32(time.Now().Unix())}, mark{})
	}
	return block
}

// ask runs a statement and ignores its answer.
func ask(b *testing.B, s clickhouse.Server, sql string) {
	b.Helper()
	body, err := s.HTTP(b.Context(), clickhouse.Query{SQL: sql})
	if err != nil {
		b.Fatal(err)
	}
	if err := body.Close(); err != nil {
		b.Fatal(err)
	}
}
