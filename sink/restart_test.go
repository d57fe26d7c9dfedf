package sink

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
)

// TestEngineDies kills the engine under a running sink. The engine must restart, and every row must
// be stored once.
func TestEngineDies(t *testing.T) {
	t.Parallel()
	e := clickhousetest.StartMigrated(t, clickhouse.EngineConfig{Dir: filepath.Join(t.TempDir(), "clickhouse")})
	k := kafkatest.New(t, 4)
	cfg := DefaultConfig()
	cfg.BatchMaxRows, cfg.FlushInterval = 1500, 50*time.Millisecond // many inserts: many moments
	stop := start(t, cfg, k, e.Server(), "test")
	w := newWorld()
	total := 0
	const deaths = 5
	for i := range deaths {
		total += w.fill(t, k, 30_000)
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		kill(t, e.PID())
		waittest.Until(t, time.Minute, "the engine's return", func() bool { return e.State().Restarts > i && e.Ready() == nil })
	}
	drained(t, k)
	stop()
	conn := open(t, e.Server())
	exact(t, conn, "route_changes", total)
	if n := one[uint64](t, conn, "SELECT uniqExact(collector, epoch, sequence, idx) FROM darkmap.route_changes"); n != uint64(total) {
		t.Errorf("%d different rows, want %d", n, total)
	}
}

// TestResets resets connections to the port of an engine without a network of its own, in the two
// ways that end the engine if mixed.
func TestResets(t *testing.T) {
	t.Parallel()
	e := clickhousetest.StartMigrated(t, clickhouse.EngineConfig{Dir: filepath.Join(t.TempDir(), "clickhouse"), SharedNetwork: true})
	k := kafkatest.New(t, 4)
	cfg := DefaultConfig()
	cfg.BatchMaxRows, cfg.FlushInterval = 1500, 50*time.Millisecond
	stop := start(t, cfg, k, e.Server(), "test")
	w := newWorld()
	total, sent := 0, 0
	for sent < 200 && e.State().Restarts < 3 { // each restart takes longer
		if sent%20 == 0 {
			total += w.fill(t, k, 5_000)
		}
		if reset(clickhousetest.Port(t, e), sent%2 == 0) {
			sent++
		} else {
			time.Sleep(5 * time.Millisecond)
		}
	}
	drained(t, k)
	stop()
	waittest.Until(t, time.Minute, "the engine", func() bool { return e.Ready() == nil })
	t.Logf("%d resets ended the engine %d times", sent, e.State().Restarts)
	conn := open(t, e.Server())
	exact(t, conn, "route_changes", total)
	if n := one[uint64](t, conn, "SELECT uniqExact(collector, epoch, sequence, idx) FROM darkmap.route_changes"); n != uint64(total) {
		t.Errorf("%d different rows, want %d", n, total)
	}
}

// reset connects to the port, sends a whole or partial request, and resets the connection. It
// reports whether it got that far.
func reset(port int, whole bool) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()                   //nolint:errcheck // that is the reset
	_ = conn.(*net.TCPConn).SetLinger(0) // close resets
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if !whole {
		_, err = io.WriteString(conn, "GET / HT")
		return err == nil
	}
	if _, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err == nil {
		_, err = io.ReadFull(conn, make([]byte, 15))
	}
	return err == nil
}
