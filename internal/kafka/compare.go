package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/schemas"
)

// Change is a finding or an action of Apply for one topic.
type Change struct {
	// Topic is the full name.
	Topic string
	Kind  ChangeKind
	// Detail describes the change for people.
	Detail string
}

// ChangeKind is the kind of a change.
type ChangeKind string

// The kinds of change.
const (
	// Created: the topic did not exist and was created.
	Created ChangeKind = "created"
	// Missing: the topic does not exist, and Compare does not create it.
	Missing ChangeKind = "missing"
	// Altered: the settings were changed to those of the registry.
	Altered ChangeKind = "altered"
	// Differs: the settings differ from those of the registry. Compare does not alter them. An
	// administrator has to change the number of replicas.
	Differs ChangeKind = "differs"
	// Kept: the topic exceeds the registry's settings, and remains unchanged.
	Kept ChangeKind = "kept"
	// Unknown: the dataset has the topic, but the registry does not.
	Unknown ChangeKind = "unknown"
)

var (
	// ErrPartitions means that the number of partitions of a topic differs from the configured one.
	ErrPartitions = errors.New("wrong number of partitions")
	// ErrShrink means that a topic differs, and that a change would delete records.
	ErrShrink = errors.New("refused, for it would delete records")
)

// Settings of topics whose comparison is more than that of their text.
const (
	cleanupPolicy = "cleanup.policy"
	retentionTime = "retention.ms"
	minInsync     = "min.insync.replicas"

	policyDelete  = "delete"
	policyCompact = "compact"
)

// comparePartitions returns ErrPartitions if the numbers differ.
func comparePartitions(name string, have, want int) error {
	switch {
	case have > want:
		return fmt.Errorf(
			"topic %s has %s, want %d: %w. Kafka cannot take any away: set kafka.partitions to %d, "+
				"or delete the topic and all others of the dataset",
			name, bgp.Count(have, "partition"), want, ErrPartitions, have)
	case have < want:
		return fmt.Errorf(
			"topic %s has %s, want %d: %w. More of them would send a key's new records "+
				"to another partition than its old ones, and their order would be lost: "+
				"set kafka.partitions to %d, or delete the topic and all others of the dataset",
			name, bgp.Count(have, "partition"), want, ErrPartitions, have)
	}
	return nil
}

// compareReplicas compares the number of replicas with kafka.replication_factor, if that is a
// number.
func (c Config) compareReplicas(name string, have int) []Change {
	want := int(c.ReplicationFactor)
	switch {
	case want == 0 || have == want:
		return nil
	case have > want:
		return []Change{{name, Kept, fmt.Sprintf("%s, kafka.replication_factor is %d: none is taken away",
			bgp.Count(have, "replica"), want)}}
	}
	return []Change{{name, Differs, fmt.Sprintf("%s, want %d: kafka-reassign-partitions.sh adds replicas",
		bgp.Count(have, "replica"), want)}}
}

// unknown lists the topics of the dataset that the registry does not have, such as those of an
// older version.
func (c Config) unknown(ctx context.Context, adm *kadm.Client) ([]Change, error) {
	all, err := adm.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", c.Refused(err, "DESCRIBE", "the topics"))
	}
	known := map[string]bool{}
	for _, t := range schemas.Topics {
		known[c.Topic(t.Name)] = true
	}
	var out []Change
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, c.Topic(schemas.TopicsBegin)) && !known[name] {
			out = append(out, Change{name, Unknown, "no topic of this version; nothing reads or writes it"})
		}
	}
	return out, nil
}

// verdict is the action for a setting that differs.
type verdict int

const (
	alter verdict = iota
	keep
	refuse
)

// judge returns the action for a setting of a cluster's topic. have and want differ.
func judge(key, have, want string) verdict {
	switch key {
	case retentionTime:
		if longer(have, want) {
			return keep
		}
	case minInsync:
		if h, err := strconv.Atoi(have); err == nil && strconv.Itoa(h) != want && h > 2 {
			return keep
		}
	case cleanupPolicy:
		if have == policyCompact {
			return refuse // the broker would delete records older than the retention
		}
	}
	return alter
}

// longer reports whether the retention.ms have is longer than want. -1 means forever.
func longer(have, want string) bool {
	h, err := strconv.ParseInt(have, 10, 64)
	w, err2 := strconv.ParseInt(want, 10, 64)
	return err == nil && err2 == nil && w >= 0 && (h < 0 || h > w)
}

// settingText returns the value of a setting in words.
func settingText(key, value string) string {
	ms, err := strconv.ParseInt(value, 10, 64)
	switch {
	case key == retentionTime && value == "-1":
		return "forever"
	case key == retentionTime && err == nil:
		return bgp.DurationText(time.Duration(ms) * time.Millisecond)
	}
	return value
}

// check compares a topic's settings with the desired ones, and alters them unless dry is set.
func (c Config) check(
	ctx context.Context, adm *kadm.Client, name string, w wanted, dry bool,
) ([]Change, error) {
	have, err := c.settings(ctx, adm, name)
	if err != nil {
		return nil, err
	}
	var differ, kept, refused []string
	var changes []kadm.AlterConfig
	for _, k := range slices.Sorted(maps.Keys(w.configs)) {
		if have[k] == w.configs[k] {
			continue
		}
		text := fmt.Sprintf("%s is %s, want %s", k, settingText(k, have[k]), settingText(k, w.configs[k]))
		v := alter
		if !c.embedded {
			v = judge(k, have[k], w.configs[k])
		}
		switch v {
		case keep:
			kept = append(kept, text)
		case refuse:
			refused = append(refused, text)
		default:
			differ = append(differ, text)
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: new(w.configs[k])})
		}
	}
	var out []Change
	if len(kept) > 0 {
		out = append(out, Change{name, Kept, strings.Join(kept, ", ") + ": it has more, and keeps it"})
	}
	var faults []error
	if len(refused) > 0 {
		faults = append(faults, fmt.Errorf("topic %s: %s: %w. kafka-configs.sh --alter --topic %s does it",
			name, strings.Join(refused, ", "), ErrShrink, name))
	}
	if len(changes) > 0 {
		change := Change{name, Differs, strings.Join(differ, ", ")}
		if !dry {
			change.Kind = Altered
			if err := c.alter(ctx, adm, name, changes); err != nil {
				return out, errors.Join(append(faults, err)...)
			}
		}
		out = append(out, change)
	}
	return out, errors.Join(faults...)
}

// settings returns the settings of a topic.
func (c Config) settings(ctx context.Context, adm *kadm.Client, name string) (map[string]string, error) {
	described, err := adm.DescribeTopicConfigs(ctx, name)
	out := map[string]string{}
	for _, r := range described {
		err = errors.Join(err, r.Err)
		for _, kv := range r.Configs {
			out[kv.Key] = kv.MaybeValue()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("describing topic %s: %w", name, c.Refused(err, "DESCRIBE_CONFIGS", "topic "+name))
	}
	return out, nil
}

func (c Config) alter(ctx context.Context, adm *kadm.Client, name string, changes []kadm.AlterConfig) error {
	resp, err := adm.AlterTopicConfigs(ctx, changes, name)
	if err == nil && len(resp) > 0 {
		err = resp[0].Err
	}
	if err != nil {
		return fmt.Errorf("altering topic %s: %w", name, c.Refused(err, "ALTER_CONFIGS", "topic "+name))
	}
	return nil
}
