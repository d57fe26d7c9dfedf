package kafka_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
)

// testCompare changes topics and checks the results of Compare and Apply.
func testCompare(t *testing.T, cfg kafka.Config, adm *kadm.Client) {
	t.Helper()
	ctx, log := t.Context(), kafkatest.Log()
	set := func(topic, key, value string) {
		t.Helper()
		resp, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, cfg.Topic(topic))
		if err == nil {
			err = resp[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	set(schemas.TopicRoutes, "retention.ms", "1000000") // shorter: is made longer
	set(schemas.TopicUpdates, "retention.ms", "-1")     // longer: is kept on a cluster
	set(schemas.TopicNotify, "cleanup.policy", "delete")
	set(schemas.TopicPanel, "segment.bytes", "1048576") // not compared on a cluster
	strange := cfg.Topic("bgp.updates.v0")
	if _, err := adm.CreateTopic(ctx, 1, -1, nil, strange); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.DeleteTopics(ctx, cfg.Topic(schemas.TopicWatch)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		strange + " unknown", cfg.Topic(schemas.TopicNotify) + " differs", cfg.Topic(schemas.TopicRoutes) + " differs",
		cfg.Topic(schemas.TopicUpdates) + " kept", cfg.Topic(schemas.TopicWatch) + " missing",
	}
	if cfg.Embedded() {
		want[3] = cfg.Topic(schemas.TopicUpdates) + " differs"
		want = append(want, cfg.Topic(schemas.TopicPanel)+" differs")
	}
	slices.Sort(want)
	kinds := func(changes []kafka.Change) []string {
		var got []string
		for _, c := range changes {
			got = append(got, c.Topic+" "+string(c.Kind))
		}
		slices.Sort(got)
		return got
	}
	var got []string
	// A cluster takes a moment to show the changes.
	for wait := (retry.Backoff{}); !slices.Equal(got, want); {
		changes, err := kafka.Compare(ctx, cfg, log, schemas.Topics)
		if got = kinds(changes); wait.Wait(ctx) != nil {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	changes, err := kafka.Apply(ctx, cfg, log, schemas.Topics)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		w = strings.Replace(w, " differs", " altered", 1)
		want[i] = strings.Replace(w, " missing", " created", 1)
	}
	if got := kinds(changes); !slices.Equal(got, want) {
		t.Errorf("Apply: got %q, want %q", got, want)
	}
	more, fewer := cfg, cfg
	more.Partitions++
	fewer.Partitions--
	for _, c := range []kafka.Config{more, fewer} {
		if _, err := kafka.Compare(ctx, c, log, schemas.Topics); !errors.Is(err, kafka.ErrPartitions) || !strings.Contains(err.Error(), cfg.Topic(schemas.TopicRoutes)) {
			t.Errorf("with %d partitions: got %v, want ErrPartitions of the routes", c.Partitions, err)
		}
	}
	if resp, err := adm.DeleteTopics(ctx, strange); err != nil || resp[strange].Err != nil {
		t.Fatal(err, resp)
	}
	if cfg.Embedded() {
		return
	}
	// Apply rejects a compacted topic that should not be compacted, because a change would delete
	// its old records.
	set(schemas.TopicRoutes, "cleanup.policy", "compact")
	for wait := (retry.Backoff{}); ; {
		_, err := kafka.Apply(ctx, cfg, log, schemas.Topics)
		if errors.Is(err, kafka.ErrShrink) && strings.Contains(err.Error(), cfg.Topic(schemas.TopicRoutes)) {
			return
		}
		if wait.Wait(ctx) != nil {
			t.Fatalf("got %v, want ErrShrink", err)
		}
	}
}
