package serve_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
)

// unfinished writes a record in a transaction that is not ended.
func (s *scene) unfinished(id string, rec *kgo.Record) *kgo.Client {
	s.t.Helper()
	cl, err := kafka.NewClient(s.cfg, kafkatest.Log(), kgo.TransactionalID(id),
		kgo.TransactionTimeout(10*time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	if err := cl.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
	if err := cl.ProduceSync(s.t.Context(), rec).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
	return cl
}

// TestAbortedEnd starts a server while a topic ends, for its readers, with a record of an aborted
// transaction, which they never get. The minute is closed without it.
func TestAbortedEnd(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	minute := time.Now().Truncate(time.Minute).Add(-3 * time.Minute)
	sc.feeds(time.Now())
	sc.panel(minute.Add(-5*time.Minute), bgp.VerdictPossible)
	sc.write(sc.value(minute, korea, usual), sc.outage(minute, lost(tonga, minute)))
	aborted := sc.unfinished("aborted", sc.outage(minute, lost(korea, minute)))
	sc.unfinished("open", sc.outage(minute, lost(korea, minute)))
	if err := aborted.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	sc.decide(minute)
	s := startSite(t, siteConfig{kafka: sc.cfg})
	s.wants("the present", false, "1 country is dark", "Tonga")
}
