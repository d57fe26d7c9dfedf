package cloudevents

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/neterror"
	"github.com/darkmap/darkmap/notify/target"
)

// topicName matches the topic names that Kafka allows.
var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// delivery is how long the client tries to write one record. After that notify tries again.
const delivery = 12 * time.Second

// Topic is a Kafka topic that takes events.
type Topic struct {
	client       *kgo.Client
	topic        string
	source, mode string
	// missing means that the topic may have to be created. Send alone uses it.
	missing bool
}

// NewTopic makes a target. own is the configuration of the pipeline's brokers, for a target without
// its own brokers. NewTopic does not connect.
func NewTopic(cfg TopicConfig, own kafka.Config, d target.Deps) (*Topic, error) {
	t := &Topic{topic: cfg.Topic, source: cfg.source(d), mode: cfg.mode()}
	at := kafka.DefaultConfig()
	if len(cfg.Brokers) > 0 {
		at.Brokers, at.TLS, at.SASL = cfg.Brokers, cfg.TLS, cfg.SASL
	} else {
		at, t.topic, t.missing = own, own.Topic(cfg.Topic), true
	}
	var err error
	t.client, err = kafka.NewClient(at, d.Logger,
		kgo.DefaultProduceTopic(t.topic), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.MaxBufferedRecords(100), kgo.MaxBufferedBytes(8<<20),
		kgo.RecordDeliveryTimeout(delivery), kgo.ProducerLinger(0), kgo.UnknownTopicRetries(1))
	return t, err
}

// Traits returns the traits of a target of records. Receivers recognise a double by source and id.
func (t *Topic) Traits() target.Traits {
	return target.Traits{Style: target.Records, Keyed: true, MaxAge: maxAge}
}

// Close closes the client.
func (t *Topic) Close() error {
	t.client.Close()
	return nil
}

// Send writes one event and waits until all replicas have it. It returns no handle.
func (t *Topic) Send(ctx context.Context, m *target.Message, _ target.Handle) (target.Handle, error) {
	e, err := makeEvent(m, t.source)
	if err != nil {
		return nil, &target.Fault{Err: err, Refused: true}
	}
	rec, err := e.record(t.mode)
	if err != nil {
		return nil, &target.Fault{Err: err, Refused: true}
	}
	if err := t.create(ctx); err != nil {
		return nil, t.fault(err)
	}
	if err := t.client.ProduceSync(ctx, rec).FirstErr(); err != nil {
		return nil, t.fault(err)
	}
	return nil, nil
}

// create creates the topic on the pipeline's own brokers, once: with one partition and the brokers'
// own settings.
func (t *Topic) create(ctx context.Context) error {
	if !t.missing {
		return nil
	}
	_, err := kadm.NewClient(t.client).CreateTopic(ctx, 1, -1, nil, t.topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("making topic %s: %w", t.topic, err)
	}
	t.missing = false
	return nil
}

// fault classifies an error.
func (t *Topic) fault(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("writing to topic %s: %w", t.topic, err)
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return &target.Fault{Err: fmt.Errorf("topic %s does not exist on these brokers: create it", t.topic)}
	case errors.Is(err, kerr.MessageTooLarge):
		return &target.Fault{
			Err:     fmt.Errorf("topic %s takes no records as large as this one", t.topic),
			Refused: true,
		}
	}
	return &target.Fault{Err: fmt.Errorf("writing to topic %s: %w", t.topic, neterror.Explain(err))}
}

// record returns the event as a Kafka record (Kafka protocol binding §3).
func (e *event) record(mode string) (*kgo.Record, error) {
	rec := &kgo.Record{Key: []byte(e.key)}
	header := func(key, value string) {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: key, Value: []byte(value)})
	}
	if mode == structured {
		var err error
		header("content-type", typeEvent)
		rec.Value, err = e.document()
		return rec, err
	}
	header("content-type", typeJSON)
	for _, a := range e.attributes {
		header("ce_"+a.name, a.value)
	}
	rec.Value = e.data
	return rec, nil
}
