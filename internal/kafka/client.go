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

	// MaxRecordBytes caps the key, value and headers of a record. Brokers accept batches of up to 1
	// MiB by default.
	MaxRecordBytes = 960 << 10
	// txnTimeout is the timeout of a transaction (architecture.md, State and exactly once).
	txnTimeout = 10 * time.Second
	// metadataMinAge is short, so that a client finds a moved leader well within the time of a
	// transaction.
	metadataMinAge = 250 * time.Millisecond
	// maxBuffered caps the octets that a producing client buffers.
	maxBuffered = 16 << 20
)

// FetchBounds returns options that cap the data of one poll, in octets as stored at the broker.
func FetchBounds() []kgo.Opt {
	return []kgo.Opt{kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(1 << 20)}
}

// NewClient builds a franz-go client for cfg. opts follow the options of the connection. The client
// does not connect yet.
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

// NewAdmin builds an administration client. Closing it closes the underlying client. It detects new
// and removed topics within 50 ms.
func NewAdmin(cfg Config, log *slog.Logger) (*kadm.Client, error) {
	cl, err := NewClient(cfg, log, kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(cl), nil
}

// Metrics returns an option that publishes a client's own metrics, labelled with its name. With a
// nil reg it publishes none.
func Metrics(reg prometheus.Registerer, client string) kgo.Opt {
	if reg == nil {
		return kgo.WithHooks()
	}
	return kgo.WithHooks(kprom.NewMetrics("darkmap_kafka",
		kprom.Registerer(reg), kprom.WithStaticLabel(prometheus.Labels{"client": client})))
}

// options returns the options of every client.
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

// configOf returns the configuration with which NewClient or NewSession built a client.
func configOf(cl *kgo.Client) Config {
	if l, ok := cl.OptValue(kgo.WithLogger).(*dialLog); ok {
		return l.cfg
	}
	return Config{}
}

// mechanism returns the login of a client: the credentials of the embedded broker, else the
// configured ones. It returns nil without authentication.
func (c Config) mechanism() (sasl.Mechanism, error) {
	if cr := c.credentials; cr != (Credentials{}) {
		return mechanismOf(cr.Mechanism, cr.User, cr.Password)
	}
	return c.SASL.mechanism()
}

// mechanism returns nil without authentication. It reads the password once, so that a missing file
// is detected at the start.
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

// PartitionOf returns the partition of a key among n partitions, with the hash of Kafka's own
// clients (murmur2).
func PartitionOf(collector string, n int32) int32 {
	return int32(byKey.Partition(&kgo.Record{Key: []byte(collector)}, int(n)))
}

// byKey selects the partition by the key alone. Every record has a key, so a call changes no state.
// Making a partitioner costs far more than using it, because it seeds a random number generator.
var byKey = kgo.StickyKeyPartitioner(nil).ForTopic("")

// Partitions returns the number of partitions of a topic of the registry.
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
