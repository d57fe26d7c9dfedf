package clickhouse_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/waittest"
)

// block returns n rows for the table that insertInto makes.
func block(n int) proto.Input {
	var number proto.ColUInt64
	name := new(proto.ColStr).LowCardinality()
	for i := range n {
		number.Append(uint64(i))
		name.Append(fmt.Sprintf("name %d", i%7))
	}
	return proto.Input{{Name: "number", Data: &number}, {Name: "a name", Data: name}}
}

// bothWays returns an embedded engine and a configured server by name, each with a database and a
// table t.
func bothWays(t *testing.T) map[string]clickhouse.Server {
	t.Helper()
	ways := map[string]clickhouse.Server{}
	e, configured := clickhousetest.Configured(t)
	for i, s := range []clickhouse.Server{e.Server(), configured} {
		s.Database = fmt.Sprintf("darkmap_%d", i)
		for _, sql := range []string{
			"CREATE DATABASE " + s.Database,
			"CREATE TABLE " + s.Database + ".t (number UInt64, `a name` LowCardinality(String)) ENGINE = MergeTree ORDER BY number",
		} {
			if _, err := answer(t, s, sql); err != nil {
				t.Fatal(err)
			}
		}
		ways[map[bool]string{true: "embedded", false: "configured"}[s.Embedded]] = s
	}
	return ways
}

// TestInsert: each block is one part of the table, over either protocol.
func TestInsert(t *testing.T) {
	t.Parallel()
	for name, s := range bothWays(t) {
		t.Run(name, func(t *testing.T) {
			in := clickhouse.NewInserter(s)
			defer in.Close() //nolint:errcheck // a test's
			sizes := []int{1, 65_536, 300_000}
			if _, err := answer(t, s, "SYSTEM STOP MERGES "+s.Database+".t"); err != nil {
				t.Fatal(err)
			}
			for i, n := range sizes {
				if err := in.Insert(t.Context(), clickhouse.Insert{Table: "t", ID: fmt.Sprint("insert/", s.Database, i), Columns: block(n), Settings: map[string]string{"async_insert": "0"}}); err != nil {
					t.Fatalf("%d rows: %v", n, err)
				}
			}
			got, err := answer(t, s, "SELECT arraySort(groupArray(rows)) FROM system.parts WHERE active AND table = 't' AND database = '"+s.Database+"'")
			if want := "[1,65536,300000]\n"; err != nil || got != want {
				t.Errorf("got parts of %q, %v; want %q", got, err, want)
			}
			got, err = answer(t, s, "SELECT count(), uniqExact(`a name`), sum(number) FROM "+s.Database+".t")
			if want := fmt.Sprintf("365537\t7\t%d\n", 65_535*65_536/2+299_999*300_000/2); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

// TestInsertErrors: a rejection has its code over either protocol, and the next insert works.
func TestInsertErrors(t *testing.T) {
	t.Parallel()
	for name, s := range bothWays(t) {
		t.Run(name, func(t *testing.T) {
			in := clickhouse.NewInserter(s)
			defer in.Close() //nolint:errcheck // a test's
			column := block(3)
			column[1].Name = "other"
			wrong := s
			wrong.Password = "wrong"
			stranger := clickhouse.NewInserter(wrong)
			defer stranger.Close() //nolint:errcheck // a test's
			tests := []struct {
				name   string
				in     *clickhouse.Inserter
				insert clickhouse.Insert
				want   proto.Error
			}{
				{"table", in, clickhouse.Insert{Table: "none", Columns: block(3)}, proto.ErrUnknownTable},
				{"column", in, clickhouse.Insert{Table: "t", Columns: column}, proto.ErrNoSuchColumnInTable},
				{"password", stranger, clickhouse.Insert{Table: "t", Columns: block(3)}, proto.ErrAuthenticationFailed},
				{"setting", in, clickhouse.Insert{Table: "t", Columns: block(3), Settings: map[string]string{"no_such_setting": "1"}}, proto.ErrUnknownSetting},
			}
			for _, tt := range tests {
				if tt.in == stranger && !s.Embedded {
					continue // the library's native server does not survive it
				}
				err := tt.in.Insert(t.Context(), tt.insert)
				if !ch.IsErr(err, tt.want) {
					t.Errorf("%s: got %v, want code %d", tt.name, err, tt.want)
				}
				if err != nil && strings.Count(err.Error(), "DB::Exception") != 1 {
					t.Errorf("%s: got %q, want DB::Exception once", tt.name, err)
				}
			}
			if err := in.Insert(t.Context(), clickhouse.Insert{Table: "t", Columns: block(3)}); err != nil {
				t.Errorf("after that: %v", err)
			}
			if got, err := answer(t, s, "SELECT count() FROM "+s.Database+".t"); err != nil || got != "3\n" {
				t.Errorf("got %q rows, %v; want 3", got, err)
			}
		})
	}
}

// TestCutInsert: the table gets no row of a truncated block, wherever the cut is.
func TestCutInsert(t *testing.T) {
	t.Parallel()
	s := clickhousetest.StartIn(t, t.TempDir()).Server()
	for _, sql := range []string{"CREATE DATABASE darkmap", "CREATE TABLE darkmap.t (number UInt64, `a name` LowCardinality(String)) ENGINE = MergeTree ORDER BY number"} {
		if _, err := answer(t, s, sql); err != nil {
			t.Fatal(err)
		}
	}
	for i, after := range []int64{100, 1000, 100_000, 500_000, 524_288 + 700, 580_000} {
		passed := make(chan int64, 8)
		through := clickhousetest.Proxy(t, s, func(client, server net.Conn) {
			n, _ := io.CopyN(server, client, after)
			passed <- n
		})
		in := clickhouse.NewInserter(through)
		if err := in.Insert(t.Context(), clickhouse.Insert{Table: "t", ID: fmt.Sprint("cut/", i), Columns: block(65_536)}); err == nil {
			t.Errorf("cut after %d octets: got no error", after)
		}
		if n := <-passed; n != after {
			t.Errorf("%d octets were passed on, want %d", n, after)
		}
		_ = in.Close()
	}
	// A cut insert may still be running. Kill it.
	if _, err := answer(t, s, "KILL QUERY WHERE startsWith(query_id, 'cut/') SYNC"); err != nil {
		t.Fatal(err)
	}
	if got, err := answer(t, s, "SELECT count() FROM darkmap.t"); err != nil || got != "0\n" {
		t.Errorf("got %q rows, %v; want none", got, err)
	}
}

// TestKillStalledInsert: an insert whose client stops sending can be killed, and the kill waits for
// its end.
func TestKillStalledInsert(t *testing.T) {
	t.Parallel()
	s := clickhousetest.StartIn(t, t.TempDir()).Server()
	for _, sql := range []string{"CREATE DATABASE darkmap", "CREATE TABLE darkmap.t (number UInt64) ENGINE = MergeTree ORDER BY number"} {
		if _, err := answer(t, s, sql); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := net.Dial("unix", s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's
	_, err = fmt.Fprintf(conn, "POST /?query_id=stalled/1&query=INSERT+INTO+darkmap.t+FORMAT+Native HTTP/1.1\r\nHost: x\r\nX-Darkmap-Key: %s\r\nX-ClickHouse-User: %s\r\nX-ClickHouse-Key: %s\r\nContent-Length: 2000000\r\n\r\n", s.Key, s.User, s.Password)
	if err == nil { // the server looks for the statement's end in the first 262,144 octets
		_, err = conn.Write(slices.Concat([]byte("\x01\xa0\x8d\x06\x06number\x06UInt64"), make([]byte, 500_000)))
	}
	if err != nil {
		t.Fatal(err)
	}
	running := func() string {
		got, err := answer(t, s, "SELECT count() FROM system.processes WHERE query_id = 'stalled/1'")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	waittest.Until(t, 2*time.Minute, "the insert", func() bool { return running() == "1\n" })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, err := s.HTTP(ctx, clickhouse.Query{SQL: "KILL QUERY WHERE startsWith(query_id, 'stalled/') SYNC"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		t.Error(err)
	}
	_ = body.Close()
	if got := running(); got != "0\n" {
		t.Errorf("%s inserts run on", got)
	}
}

// TestReaderThatLeaves: a statement with endless output ends soon after its reader has
// disconnected.
func TestReaderThatLeaves(t *testing.T) {
	t.Parallel()
	s := clickhousetest.StartIn(t, t.TempDir()).Server()
	body, err := s.AsReader().HTTP(t.Context(), clickhouse.Query{SQL: "SELECT number FROM numbers(1000000000000)", ID: "leaves", Settings: map[string]string{"max_execution_time": "600", "max_result_rows": "100000000"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, body, 100_000); err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, 2*time.Minute, "its end", func() bool {
		got, err := answer(t, s, "SELECT groupArray(query_id) FROM system.processes")
		return err == nil && !slices.Contains(strings.Split(got, "'"), "leaves")
	})
}
