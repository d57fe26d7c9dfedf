package kafka_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// collectorOf returns the collector of a topic: a for a.1.
func collectorOf(topic string) string { return strings.Split(topic, ".")[0] }

// member is a member of the group: its topics and their generation.
type member struct {
	instance   string
	has        []string
	generation int32
}

// balance returns the collectors of each member after all rebalances that a hand-over needs.
func balance(t *testing.T, topics []string, members ...member) map[string][]string {
	t.Helper()
	b := kafka.Collectors(collectorOf)
	for range 3 {
		var joined []kmsg.JoinGroupResponseMember
		for _, m := range members {
			has := map[string][]int32{}
			for _, topic := range m.has {
				has[topic] = []int32{0}
			}
			j := kmsg.NewJoinGroupResponseMember()
			j.MemberID, j.InstanceID = m.instance, &m.instance
			j.ProtocolMetadata = b.JoinGroupMetadata(topics, has, m.generation)
			joined = append(joined, j)
		}
		balancer, _, err := b.MemberBalancer(joined)
		if err != nil {
			t.Fatal(err)
		}
		partitions := map[string]int32{}
		for _, topic := range topics {
			partitions[topic] = 1
		}
		balanced, err := balancer.(kgo.GroupMemberBalancerOrError).BalanceOrError(partitions)
		if err != nil {
			t.Fatal(err)
		}
		plan := balanced.IntoSyncAssignment()
		for i := range members {
			members[i].has, members[i].generation = nil, members[i].generation+1
			for _, a := range plan {
				if a.MemberID != members[i].instance {
					continue
				}
				got, err := kgo.ParseConsumerSyncAssignment(a.MemberAssignment)
				if err != nil {
					t.Fatal(err)
				}
				members[i].has = slices.Sorted(maps.Keys(got))
			}
		}
	}
	out := map[string][]string{}
	for _, m := range members {
		out[m.instance] = m.has
	}
	return out
}

func TestCollectors(t *testing.T) {
	t.Parallel()
	topics := []string{"a.1", "a.2", "a.3", "b.1", "c.1", "c.2", "d.1"}
	tests := map[string]struct {
		topics  []string
		members []member
		want    map[string][]string
	}{
		"alone": {topics, []member{{instance: "x"}}, map[string][]string{"x": topics}},
		"two begin": {
			topics,
			[]member{{instance: "x"}, {instance: "y"}},
			map[string][]string{"x": {"a.1", "a.2", "a.3", "c.1", "c.2"}, "y": {"b.1", "d.1"}},
		},
		"the second joins": {
			topics,
			[]member{{instance: "x", has: topics, generation: 5}, {instance: "y", generation: -1}},
			map[string][]string{"x": {"a.1", "a.2", "a.3", "b.1"}, "y": {"c.1", "c.2", "d.1"}},
		},
		"a topic of a known collector appears": {
			append(slices.Clone(topics), "d.2"),
			[]member{{instance: "x", has: []string{"d.1", "b.1"}, generation: 5}, {instance: "y", has: []string{"a.1", "a.2", "a.3", "c.1", "c.2"}, generation: 5}},
			map[string][]string{"x": {"b.1", "d.1", "d.2"}, "y": {"a.1", "a.2", "a.3", "c.1", "c.2"}},
		},
		"who was away claims what another has": {
			topics,
			[]member{{instance: "x", has: topics, generation: 3}, {instance: "y", has: []string{"a.1", "a.2", "a.3", "b.1"}, generation: 7}, {instance: "z", has: []string{"c.1", "c.2", "d.1"}, generation: 7}},
			map[string][]string{"x": {"d.1"}, "y": {"a.1", "a.2", "a.3", "b.1"}, "z": {"c.1", "c.2"}},
		},
		"more members than collectors": {
			[]string{"a.1", "a.2"},
			[]member{{instance: "x"}, {instance: "y"}, {instance: "z", has: []string{"a.1"}, generation: 1}},
			map[string][]string{"x": nil, "y": nil, "z": {"a.1", "a.2"}},
		},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, balance(t, tt.topics, tt.members...)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// TestMark gives a producer records without a pause and checks when earlier ones are acknowledged.
func TestMark(t *testing.T) {
	t.Parallel()
	p, err := kafka.NewProducer(t.Context(), kafkatest.New(t, 4), schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i := range 1000 {
		if err := p.Produce(t.Context(), string(rune('a'+i%7)), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	m := p.Mark()
	for i := 0; ; i++ {
		ok, err := p.Acked(m)
		if err != nil || i == 1_000_000 {
			t.Fatalf("not acknowledged after %d more: %v", i, err)
		}
		if ok {
			break
		}
		if err := p.Produce(t.Context(), "a", []byte("y")); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ok, err := p.Acked(p.Mark()); !ok || err != nil {
		t.Errorf("got %v, %v after a flush", ok, err)
	}
}
