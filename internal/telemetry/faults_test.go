package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines holds the lines of a log. It is safe for concurrent use.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write keeps b.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

// take returns the lines since the last call.
func (l *lines) take() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.all.String()) {
		out = append(out, strings.TrimSuffix(line, "\n"))
	}
	l.all.Reset()
	return out
}

// TestOneFault checks that many connections with one cause give one line, then one with their
// number; that another cause gives another line; that a lasting fault is logged again after ten
// seconds, a minute and ten minutes; and that an ended fault is forgotten.
func TestOneFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lines
		plain, err := NewLogger(&out, "info", "text")
		if err != nil {
			t.Fatal(err)
		}
		log, flush := OneFault(plain)
		said := func(want ...string) {
			t.Helper()
			synctest.Wait()
			got := out.take()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		for _, port := range []string{"40001", "40002", "40003"} {
			for _, collector := range []string{"ris/rrc00", "ris/rrc01"} {
				log.Warn("no connection", "collector", collector, "err", errors.New("127.0.0.1:"+port+" refuses the connection"))
			}
		}
		log.Info("no connection", "err", "not a fault")
		log.Info("no connection", "err", "not a fault")
		said("2000-01-01 00:00:00  warn      no connection collector=ris/rrc00 err=\"127.0.0.1:40001 refuses the connection\"",
			"2000-01-01 00:00:00  info      no connection err=\"not a fault\"", "2000-01-01 00:00:00  info      no connection err=\"not a fault\"")
		time.Sleep(5 * time.Second)
		log.Warn("no connection", "collector", "ris/rrc00", "err", "no such host")
		said("2000-01-01 00:00:05  warn      no connection collector=ris/rrc00 err=\"no such host\"")
		time.Sleep(6 * time.Second)
		said("2000-01-01 00:00:10  warn      no connection err=\"127.0.0.1:40003 refuses the connection\" collectors=\"ris/rrc00, ris/rrc01\" more=5 since=\"2000-01-01 00:00:00\"")
		log.Warn("no connection", "collector", "ris/rrc01", "err", "127.0.0.1:50000 refuses the connection")
		time.Sleep(time.Minute)
		said("2000-01-01 00:01:10  warn      no connection collector=ris/rrc01 err=\"127.0.0.1:50000 refuses the connection\" more=1 since=\"2000-01-01 00:00:10\"")
		time.Sleep(11 * time.Minute)
		log.Warn("no connection", "err", "127.0.0.1:50001 refuses the connection")
		said("2000-01-01 00:12:11  warn      no connection err=\"127.0.0.1:50001 refuses the connection\"")
		log.With("stage", "x").Warn("no connection", "err", "127.0.0.1:50002 refuses the connection")
		flush()
		said("2000-01-01 00:12:11  warn      no connection stage=x err=\"127.0.0.1:50002 refuses the connection\" more=1 since=\"2000-01-01 00:12:11\"")
		log.Warn("lost", "offsets", "1-2")
		log.Warn("lost", "offsets", "1-2")
		said("2000-01-01 00:12:11  warn      lost offsets=1-2", "2000-01-01 00:12:11  warn      lost offsets=1-2")
	})
}

// TestOneFaultDistinct checks that records without a cause are one fault only if all attributes
// except ends are equal, and that the number of faults is bounded.
func TestOneFaultDistinct(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, flush := OneFault(slog.New(newTextHandler(&out, slog.LevelInfo)))
	log.Warn("lost", "offsets", "1-2", "peer", "192.0.2.1")
	log.Warn("lost", "offsets", "1-2", "peer", "192.0.2.2")
	log.Warn("lost", "offsets", "3-4")
	for i := range 2 * maxFaults {
		log.Warn("many", "i", i)
		log.Warn("many", "i", i)
	}
	flush()
	if got := strings.Count(out.String(), "lost offsets"); got != 3 {
		t.Errorf("got %d lines of what is lost, want 2 and one that counts:\n%s", got, out.String())
	}
	if got := strings.Count(out.String(), "many"); got != 4*maxFaults {
		t.Errorf("got %d lines, want each: the first, and one that counts or the second", got)
	}
}
