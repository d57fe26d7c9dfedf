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

// logTail is the length of the part of a broker's log that a failed test shows, in octets.
const logTail = 2 << 10

// ApacheCluster is a real Apache Kafka that runs until the test ends.
type ApacheCluster struct {
	*apachekafka.Cluster
	// Config connects to the cluster; to a secure one as the administrator.
	Config kafka.Config

	tb      testing.TB
	brokers int
}

// Apache starts a real Apache Kafka of one broker that runs until the test ends, and returns its
// configuration.
func Apache(tb testing.TB) kafka.Config {
	tb.Helper()
	return StartApache(tb, 1).Config
}

// StartApache starts a real Apache Kafka of one or several brokers on loopback and ends it at the
// end of the test.
func StartApache(tb testing.TB, brokers int) *ApacheCluster {
	tb.Helper()
	return StartApacheWith(tb, apachekafka.Options{Brokers: brokers})
}

// StartApacheWith starts an Apache Kafka like StartApache, with options. It sets the folder, and
// the heap if o has none. If Java or Maven is missing, it skips the test and names the missing
// program. The first start on a machine downloads 45 MB from Maven's repository.
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

// StartAll starts the killed brokers with their data, and waits until they answer.
func (c *ApacheCluster) StartAll() {
	c.tb.Helper()
	// Do not use the test's context: it ends before the clean-up, which still needs the brokers.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.tb.Context()), 5*time.Minute)
	defer cancel()
	if err := c.StartKilled(ctx); err != nil {
		c.tb.Fatal(err)
	}
}
