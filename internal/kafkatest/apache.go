package kafkatest

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/apachekafka"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
)

// logTail is how much of a broker's log is shown when a test fails, in octets.
const logTail = 2 << 10

// ApacheCluster is a real Apache Kafka that runs until the test ends.
type ApacheCluster struct {
	*apachekafka.Cluster
	// Config reaches it; on a secure cluster as the administrator.
	Config kafka.Config

	tb      testing.TB
	brokers int
}

// Apache is the configuration of a real Apache Kafka of one broker that runs until the test ends.
func Apache(tb testing.TB) kafka.Config {
	tb.Helper()
	return StartApache(tb, 1).Config
}

// StartApache starts a real Apache Kafka of one broker or several on loopback and ends it with the test.
func StartApache(tb testing.TB, brokers int) *ApacheCluster {
	tb.Helper()
	return StartApacheWith(tb, apachekafka.Options{Brokers: brokers})
}

// StartApacheWith is StartApache with options; it chooses the folder, and the heap where none is given.
// Where Java or Maven is missing the test is skipped by name. The first start on a machine fetches 45 MB
// from Maven's repository.
func StartApacheWith(tb testing.TB, o apachekafka.Options) *ApacheCluster {
	tb.Helper()
	o.Dir = tb.TempDir()
	if o.HeapMB == 0 {
		o.HeapMB = 256
	}
	cluster, err := apachekafka.Start(tb.Context(), o)
	switch {
	case errors.Is(err, apachekafka.ErrMissing):
		datatest.Missing(tb, err.Error())
	case err != nil:
		tb.Fatal(err)
	}
	c := &ApacheCluster{Cluster: cluster, Config: cluster.Config(), tb: tb, brokers: o.Brokers}
	tb.Cleanup(func() {
		for i := range o.Brokers {
			c.Kill(i)
			if text, err := os.ReadFile(c.LogFile(i)); err == nil && tb.Failed() && len(text) > 0 {
				tb.Logf("Kafka %d: %s", i+1, text[max(0, len(text)-logTail):])
			}
		}
	})
	return c
}

// KillAll ends all brokers with SIGKILL.
func (c *ApacheCluster) KillAll() {
	for i := range c.brokers {
		c.Kill(i)
	}
}

// StartAll starts the brokers that were killed, with what they hold, and waits until they answer.
func (c *ApacheCluster) StartAll() {
	c.tb.Helper()
	// Not with the test's context: that ends before the clean-up, which still needs the brokers.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.tb.Context()), 5*time.Minute)
	defer cancel()
	if err := c.StartKilled(ctx); err != nil {
		c.tb.Fatal(err)
	}
}
