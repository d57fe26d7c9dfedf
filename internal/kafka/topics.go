package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/darkmap/darkmap/schemas"
)

// Change is what Apply found or did about one topic.
type Change struct {
	// Topic is the full name.
	Topic string
	Kind  ChangeKind
	// Detail says what, for people.
	Detail string
}

// ChangeKind says what happened to a topic.
type ChangeKind string

// The kinds of change.
const (
	// Created: it was not there.
	Created ChangeKind = "created"
	// Altered: its configuration was set as the registry says (embedded broker only).
	Altered ChangeKind = "altered"
	// Differs: its configuration is not the registry's and was left alone.
	Differs ChangeKind = "differs"
)

// ErrPartitions means that a topic has another number of partitions than configured; changing that would break the order of keys.
var ErrPartitions = errors.New("wrong number of partitions")

// wanted is a topic of the registry as it has to stand in the cluster.
type wanted struct {
	partitions int32
	configs    map[string]string
}

func (c Config) wanted(t schemas.Topic) wanted {
	w := wanted{partitions: t.Partitions, configs: map[string]string{
		"message.timestamp.type": "LogAppendTime",
		"cleanup.policy":         "delete",
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
	if t.Compacted && (!c.embedded || t.EmbeddedBytes == 0) {
		w.configs["cleanup.policy"] = "compact"
	} else if retention > 0 {
		w.configs["retention.ms"] = strconv.FormatInt(retention.Milliseconds(), 10)
	}
	return w
}

// Apply creates the topics of the registry that are missing and checks the others; running it again changes nothing. On
// the embedded broker a topic whose configuration differs is altered; on a cluster it is reported and left alone. A wrong
// number of partitions is ErrPartitions, after everything else was done.
func Apply(ctx context.Context, cfg Config, log *slog.Logger, registry []schemas.Topic) ([]Change, error) {
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
		return nil, fmt.Errorf("describing topics: %w", err)
	}
	var changes []Change
	var faults []error
	var created []string
	for _, t := range registry {
		c, err := cfg.applyTopic(ctx, adm, t, have)
		changes = append(changes, c...)
		if err != nil {
			faults = append(faults, err)
		} else if len(c) > 0 && c[0].Kind == Created {
			created = append(created, c[0].Topic)
		}
	}
	return changes, errors.Join(append(faults, awaitTopics(ctx, adm, created))...)
}

// awaitTopics waits until the brokers speak of topics that were just created.
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

// topicInterval is how often topics that come or go are looked for.
const topicInterval = 50 * time.Millisecond

func (c Config) applyTopic(ctx context.Context, adm *kadm.Client, t schemas.Topic, have kadm.TopicDetails) ([]Change, error) {
	name, w := c.Topic(t.Name), c.wanted(t)
	detail, ok := have[name]
	if !ok || errors.Is(detail.Err, kerr.UnknownTopicOrPartition) {
		created, err := c.create(ctx, adm, name, w)
		if err != nil || created {
			return []Change{{Topic: name, Kind: Created, Detail: fmt.Sprintf("%d partitions", w.partitions)}}, err
		}
	} else if detail.Err != nil {
		return nil, fmt.Errorf("describing topic %s: %w", name, detail.Err)
	}
	var faults []error
	if n := int32(len(detail.Partitions)); ok && n != w.partitions {
		faults = append(faults, fmt.Errorf("topic %s has %d partitions, want %d: %w", name, n, w.partitions, ErrPartitions))
	}
	changes, err := c.check(ctx, adm, name, w)
	return changes, errors.Join(append(faults, err)...)
}

// create reports false where someone else was faster.
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
	if factor >= 3 {
		configs["min.insync.replicas"] = new("2")
	}
	resp, err := adm.CreateTopic(ctx, w.partitions, factor, configs, name)
	if err == nil {
		err = resp.Err
	}
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("creating topic %s: %w", name, err)
	}
	return true, nil
}

// check compares a topic's configuration with what is wanted.
func (c Config) check(ctx context.Context, adm *kadm.Client, name string, w wanted) ([]Change, error) {
	described, err := adm.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("describing topic %s: %w", name, err)
	}
	have := map[string]string{}
	for _, r := range described {
		if r.Err != nil {
			return nil, fmt.Errorf("describing topic %s: %w", name, r.Err)
		}
		for _, kv := range r.Configs {
			have[kv.Key] = kv.MaybeValue()
		}
	}
	var differ []string
	var alter []kadm.AlterConfig
	for _, k := range slices.Sorted(maps.Keys(w.configs)) {
		if have[k] != w.configs[k] {
			differ = append(differ, fmt.Sprintf("%s is %q, want %q", k, have[k], w.configs[k]))
			alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: new(w.configs[k])})
		}
	}
	if len(differ) == 0 {
		return nil, nil
	}
	change := Change{Topic: name, Kind: Differs, Detail: strings.Join(differ, ", ")}
	if !c.embedded {
		return []Change{change}, nil
	}
	change.Kind = Altered
	resp, err := adm.AlterTopicConfigs(ctx, alter, name)
	if err == nil && len(resp) > 0 {
		err = resp[0].Err
	}
	if err != nil {
		return nil, fmt.Errorf("altering topic %s: %w", name, err)
	}
	return []Change{change}, nil
}

// Remove deletes the topics and groups of a dataset and waits until they are gone. The live dataset is refused. Members
// that a group still remembers are made to leave: nothing of the dataset may be running.
func Remove(ctx context.Context, cfg Config, log *slog.Logger, registry []schemas.Topic) error {
	if cfg.dataset == "" {
		return errors.New("removing a dataset: the live dataset is not removed")
	}
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return err
	}
	defer adm.Close()
	if err := cfg.removeGroups(ctx, adm); err != nil {
		return err
	}
	names := make([]string, len(registry))
	for i, t := range registry {
		names[i] = cfg.Topic(t.Name)
	}
	tick := time.NewTicker(topicInterval)
	defer tick.Stop()
	for {
		have, err := adm.ListTopics(ctx, names...)
		if err != nil {
			return fmt.Errorf("removing dataset %s: listing topics: %w", cfg.dataset, err)
		}
		var left []string
		for n, d := range have {
			if !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
				left = append(left, n)
			}
		}
		if len(left) == 0 {
			return nil
		}
		resp, err := adm.DeleteTopics(ctx, left...)
		if err == nil {
			for _, r := range resp {
				if !errors.Is(r.Err, kerr.UnknownTopicOrPartition) {
					err = errors.Join(err, r.Err)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("removing dataset %s: deleting topics: %w", cfg.dataset, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("removing dataset %s: %w", cfg.dataset, ctx.Err())
		case <-tick.C:
		}
	}
}

// groups lists those of the dataset: its prefix, then a stage's name, which has no dot.
func (c Config) groups(ctx context.Context, adm *kadm.Client) ([]string, error) {
	listed, err := adm.ListGroups(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing groups: %w", err)
	}
	var out []string
	for _, name := range listed.Groups() {
		if stage, ok := strings.CutPrefix(name, c.Group("")); ok && !strings.Contains(stage, ".") {
			out = append(out, name)
		}
	}
	return out, nil
}

func (c Config) removeGroups(ctx context.Context, adm *kadm.Client) error {
	groups, err := c.groups(ctx, adm)
	if err != nil || len(groups) == 0 {
		return err
	}
	described, err := adm.DescribeGroups(ctx, groups...)
	if err != nil {
		return fmt.Errorf("removing dataset %s: describing groups: %w", c.dataset, err)
	}
	for _, g := range described {
		for _, m := range g.Members {
			if m.InstanceID == nil {
				continue
			}
			if _, err := adm.LeaveGroup(ctx, kadm.LeaveGroup(g.Group).InstanceIDs(*m.InstanceID)); err != nil {
				return fmt.Errorf("removing dataset %s: leaving group %s: %w", c.dataset, g.Group, err)
			}
		}
	}
	resp, err := adm.DeleteGroups(ctx, groups...)
	if err == nil {
		for _, r := range resp {
			if !errors.Is(r.Err, kerr.GroupIDNotFound) {
				err = errors.Join(err, r.Err)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("removing dataset %s: deleting groups: %w", c.dataset, err)
	}
	return nil
}
