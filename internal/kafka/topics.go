package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
)

// wanted is the desired state of a topic of the registry in the cluster.
type wanted struct {
	partitions int32
	configs    map[string]string
}

func (c Config) wanted(t schemas.Topic) wanted {
	w := wanted{partitions: t.Partitions, configs: map[string]string{
		"message.timestamp.type": "LogAppendTime",
		cleanupPolicy:            policyDelete,
	}}
	if t.PerCollector {
		w.partitions = c.Partitions
	}
	retention := t.Retention
	if c.embedded {
		retention = t.EmbeddedRetention
		if t.EmbeddedBytes > 0 {
			w.configs["retention.bytes"] = strconv.FormatInt(t.EmbeddedBytes/int64(w.partitions), 10)
		}
		w.configs["segment.bytes"] = strconv.Itoa(segmentBytes)
	}
	if t.SegmentBytes > 0 && !c.embedded {
		w.configs["segment.bytes"] = strconv.FormatInt(t.SegmentBytes, 10)
	}
	if t.CompactWithin > 0 && !c.embedded {
		w.configs["max.compaction.lag.ms"] = strconv.FormatInt(t.CompactWithin.Milliseconds(), 10)
	}
	if c.ReplicationFactor >= 3 {
		w.configs[minInsync] = "2"
	}
	if t.Compacted && (!c.embedded || t.EmbeddedBytes == 0) {
		w.configs[cleanupPolicy] = policyCompact
	} else if retention > 0 {
		w.configs[retentionTime] = strconv.FormatInt(retention.Milliseconds(), 10)
	}
	return w
}

// Apply creates the missing topics of the registry and compares the others. A second run changes
// nothing. It alters a topic whose settings differ if that deletes no record. It rejects or skips
// changes that would delete records (Change). For a wrong number of partitions it returns
// ErrPartitions, after all other work.
func Apply(ctx context.Context, cfg Config, log *slog.Logger, registry []schemas.Topic) ([]Change, error) {
	return apply(ctx, cfg, log, registry, false)
}

// Compare returns the changes that Apply would make, without making them.
func Compare(ctx context.Context, cfg Config, log *slog.Logger, registry []schemas.Topic) ([]Change, error) {
	return apply(ctx, cfg, log, registry, true)
}

func apply(
	ctx context.Context, cfg Config, log *slog.Logger, registry []schemas.Topic, dry bool,
) ([]Change, error) {
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return nil, err
	}
	defer adm.Close()
	full := make([]string, len(registry))
	for i, t := range registry {
		full[i] = cfg.Topic(t.Name)
	}
	have, err := adm.ListTopics(ctx, full...)
	if err != nil {
		return nil, fmt.Errorf("describing topics: %w", cfg.Refused(err, "DESCRIBE", "the topics"))
	}
	changes, err := cfg.unknown(ctx, adm)
	if err != nil {
		return nil, err
	}
	var faults []error
	var created []string
	for _, t := range registry {
		c, err := cfg.applyTopic(ctx, adm, t, have, dry)
		changes = append(changes, c...)
		if err != nil {
			faults = append(faults, err)
		} else if len(c) > 0 && c[0].Kind == Created {
			created = append(created, c[0].Topic)
		}
	}
	return changes, errors.Join(append(faults, awaitTopics(ctx, adm, created))...)
}

// awaitTopics waits until the brokers know topics that were just created.
func awaitTopics(ctx context.Context, adm *kadm.Client, names []string) error {
	if len(names) == 0 {
		return nil
	}
	tick := time.NewTicker(topicInterval)
	defer tick.Stop()
	for {
		have, err := adm.ListTopics(ctx, names...)
		if err != nil {
			return fmt.Errorf("describing topics: %w", err)
		}
		if have.Error() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for topics: %w", errors.Join(ctx.Err(), have.Error()))
		case <-tick.C:
		}
	}
}

// topicInterval is the interval of checks for new and removed topics.
const topicInterval = 50 * time.Millisecond

func (c Config) applyTopic(
	ctx context.Context, adm *kadm.Client, t schemas.Topic, have kadm.TopicDetails, dry bool,
) ([]Change, error) {
	name, w := c.Topic(t.Name), c.wanted(t)
	detail, ok := have[name]
	switch {
	case !ok || errors.Is(detail.Err, kerr.UnknownTopicOrPartition):
		change := Change{Topic: name, Kind: Created, Detail: bgp.Count(int(w.partitions), "partition")}
		if dry {
			change.Kind = Missing
			return []Change{change}, nil
		}
		created, err := c.create(ctx, adm, name, w)
		switch {
		case err != nil:
			return nil, err
		case created:
			return []Change{change}, nil
		}
		ok = false // another process was faster, and the details are unknown
	case detail.Err != nil:
		return nil, fmt.Errorf("describing topic %s: %w", name, c.Refused(detail.Err, "DESCRIBE", "topic "+name))
	}
	var changes []Change
	var faults []error
	if ok {
		faults = append(faults, comparePartitions(name, len(detail.Partitions), int(w.partitions)))
		changes = c.compareReplicas(name, detail.Partitions.NumReplicas())
	}
	more, err := c.check(ctx, adm, name, w, dry)
	return append(changes, more...), errors.Join(append(faults, err)...)
}

// create creates a topic. It returns false if another process was faster.
func (c Config) create(ctx context.Context, adm *kadm.Client, name string, w wanted) (bool, error) {
	factor := int16(c.ReplicationFactor)
	if factor == 0 {
		factor = -1
		if c.embedded {
			factor = 1
		}
	}
	configs := map[string]*string{}
	for k, v := range w.configs {
		configs[k] = new(v)
	}
	resp, err := adm.CreateTopic(ctx, w.partitions, factor, configs, name)
	if err == nil {
		err = resp.Err
	}
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("creating topic %s: %w", name, c.Refused(err, "CREATE", "topic "+name))
	}
	return true, nil
}
