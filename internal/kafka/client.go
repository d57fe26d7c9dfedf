package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/twmb/franz-go/plugin/kprom"
)

const (
	mechanismPlain    = "plain"
	mechanismSCRAM256 = "scram-sha-256"
	mechanismSCRAM512 = "scram-sha-512"

	// MaxRecordBytes bounds a record's key, value and headers: brokers take batches of 1 MiB by default.
	MaxRecordBytes = 960 << 10
	// txnTimeout: architecture.md, State and exactly once.
	txnTimeout = 10 * time.Second
	// metadataMinAge lets a client look for a moved leader well within a transaction's time.
	metadataMinAge = 250 * time.Millisecond
	// maxBuffered bounds what a producing client holds.
	maxBuffered = 16 << 20
)

// FetchBounds are the options that bound what one poll can carry, in octets as the broker holds it.
func FetchBounds() []kgo.Opt {
	return []kgo.Opt{kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(1 << 20)}
}

// NewClient builds a franz-go client for cfg. opts come after the connection's own options. It does not connect yet.
func NewClient(cfg Config, log *slog.Logger, opts ...kgo.Opt) (*kgo.Client, error) {
	all, err := cfg.options(log)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(all, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("building a Kafka client: %w", err)
	}
	return cl, nil
}

// NewAdmin builds a client for administration; closing it closes the underlying client. It sees topics come and go
// within 50 ms.
func NewAdmin(cfg Config, log *slog.Logger) (*kadm.Client, error) {
	cl, err := NewClient(cfg, log, kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(cl), nil
}

// Metrics is an option that publishes a client's own metrics, labelled with its name. reg may be nil: none then.
func Metrics(reg prometheus.Registerer, client string) kgo.Opt {
	if reg == nil {
		return kgo.WithHooks()
	}
	return kgo.WithHooks(kprom.NewMetrics("darkmap_kafka", kprom.Registerer(reg), kprom.WithStaticLabel(prometheus.Labels{"client": client})))
}

// options are those that every client has.
func (c Config) options(log *slog.Logger) ([]kgo.Opt, error) {
	if len(c.Brokers) == 0 {
		return nil, fmt.Errorf("building a Kafka client: no broker address (the embedded broker sets its own)")
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("darkmap"),
		kgo.WithLogger(newDialLog(c, log)),
		kgo.MaxBufferedBytes(maxBuffered),
		kgo.MetadataMinAge(metadataMinAge),
	}
	if c.embedded {
		opts = append(opts, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	if c.dial != nil {
		opts = append(opts, kgo.Dialer(c.dial))
	}
	dialer, err := newTLSDialer(c.TLS, log)
	if err != nil {
		return nil, err
	}
	if dialer != nil {
		opts = append(opts, kgo.Dialer(dialer.dial))
	}
	mech, err := c.mechanism()
	if err != nil {
		return nil, err
	}
	if mech != nil {
		opts = append(opts, kgo.SASL(mech))
	}
	return opts, nil
}

// configOf is the configuration that a client was built with by NewClient or NewSession.
func configOf(cl *kgo.Client) Config {
	if l, ok := cl.OptValue(kgo.WithLogger).(*dialLog); ok {
		return l.cfg
	}
	return Config{}
}

// mechanism is the client's login: the embedded broker's credentials, else the configured ones. It is nil without authentication.
func (c Config) mechanism() (sasl.Mechanism, error) {
	if cr := c.credentials; cr != (Credentials{}) {
		return mechanismOf(cr.Mechanism, cr.User, cr.Password)
	}
	return c.SASL.mechanism()
}

// mechanism is nil without authentication. The password is read once, here, so that a missing file is found at start.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	if s.Mechanism == "" {
		return nil, nil //nolint:nilnil // no authentication is not an error
	}
	pass, err := s.Password.Read()
	if err != nil {
		return nil, fmt.Errorf("reading kafka.sasl.password: %w", err)
	}
	return mechanismOf(s.Mechanism, s.User, pass)
}

func mechanismOf(mechanism, user, pass string) (sasl.Mechanism, error) {
	switch strings.ToLower(mechanism) {
	case mechanismPlain:
		return plain.Auth{User: user, Pass: pass}.AsMechanism(), nil
	case mechanismSCRAM256:
		return scram.Auth{User: user, Pass: pass}.AsSha256Mechanism(), nil
	case mechanismSCRAM512:
		return scram.Auth{User: user, Pass: pass}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism %q is unknown", mechanism)
}

// PartitionOf is the partition of a key among n, as Kafka's own clients choose it (murmur2).
func PartitionOf(collector string, n int32) int32 {
	return int32(byKey.Partition(&kgo.Record{Key: []byte(collector)}, int(n)))
}

// byKey chooses by the key alone, which no record lacks, and so holds no state that a call changes. To make one costs far more than
// to ask it: it seeds a source of random numbers.
var byKey = kgo.StickyKeyPartitioner(nil).ForTopic("")

// Partitions asks how many partitions a topic of the registry has.
func Partitions(ctx context.Context, adm *kadm.Client, cfg Config, topic string) (int32, error) {
	full := cfg.Topic(topic)
	topics, err := adm.ListTopics(ctx, full)
	d, ok := topics[full]
	if err == nil && (!ok || d.Err != nil) {
		err = d.Err
		if err == nil {
			err = kerr.UnknownTopicOrPartition
		}
	}
	if err != nil {
		return 0, fmt.Errorf("describing topic %s: %w", full, cfg.Refused(err, "DESCRIBE", "topic "+full))
	}
	return int32(len(d.Partitions)), nil
}
