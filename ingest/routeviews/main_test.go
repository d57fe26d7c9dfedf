package routeviews_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/routeviews"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// Sizes of the tests against a real Kafka; the bar's are -routeviews.messages=0
// -routeviews.kills=20 -routeviews.refresh=20s.
var (
	maxMessages = flag.Int("routeviews.messages", 4000, "real messages that are streamed; 0 is all")
	kills       = flag.Int("routeviews.kills", 3, "how often the member is killed meanwhile")
	refresh     = flag.Duration("routeviews.refresh", time.Second, "time between two looks for new topics")
)

func TestMain(m *testing.M) {
	if kafkatest.Child(map[string]func(context.Context, kafka.Config, string) error{"routeviews": child}) {
		return
	}
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// dataset returns a name for the test's own topics, because the cluster may be shared.
func dataset(cfg kafka.Config) string { return strings.ToLower(strings.TrimSuffix(cfg.Topic(""), ".")) }

// follow is the configuration for the topics of the test's dataset.
func follow(cfg kafka.Config) routeviews.Config {
	c := routeviews.DefaultConfig()
	c.Brokers = cfg.Brokers
	c.Topics = `^routeviews\.` + regexp.QuoteMeta(dataset(cfg)) + `-.+\.bmp_raw$`
	c.Group = "darkmap-" + dataset(cfg)
	c.RefreshInterval, c.CommitInterval, c.SuspendTimeout = time.Second, 100*time.Millisecond, 3*time.Second
	if d, err := time.ParseDuration(os.Getenv("DARKMAP_TEST_REFRESH")); err == nil {
		c.RefreshInterval = d
	}
	return c
}

// child is the function of a process of its own.
func child(ctx context.Context, cfg kafka.Config, instance string) error {
	m, err := newMember(ctx, cfg, follow(cfg), instance)
	if err != nil {
		return err
	}
	return m.run(ctx)
}

// member is the part of an ingest process that follows RouteViews.
type member struct {
	source         *routeviews.Source
	set            *stream.Set
	updates, feeds *kafka.Producer
}

func newMember(ctx context.Context, cfg kafka.Config, c routeviews.Config, instance string) (*member, error) {
	m := &member{}
	var err error
	if m.updates, err = kafka.NewProducer(ctx, cfg, schemas.TopicUpdates, kafkatest.Log(), nil); err != nil {
		return nil, err
	}
	if m.feeds, err = kafka.NewProducer(ctx, cfg, schemas.TopicFeeds, kafkatest.Log(), nil); err != nil {
		return nil, err
	}
	sc := stream.DefaultConfig()
	sc.TickInterval = 100 * time.Millisecond
	m.set, err = stream.NewSet(sc, stream.Deps{Log: kafkatest.Log(), Now: time.Now, Instance: instance, Updates: m.updates, Feeds: m.feeds})
	if err != nil {
		return nil, err
	}
	m.source, err = routeviews.New(c, routeviews.Deps{Log: kafkatest.Log(), Streams: m.set, Updates: m.updates, Instance: instance, Drain: 5 * time.Second})
	return m, err
}

// run follows until ctx ends.
func (m *member) run(ctx context.Context) error {
	defer m.updates.Close()
	defer m.feeds.Close()
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return m.source.Run(running) })
	g.Go(func() error { return m.set.Run(running) })
	if err := g.Wait(); err != nil {
		return fmt.Errorf("running: %w", err)
	}
	return nil
}
