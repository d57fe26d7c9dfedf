package kafka

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SingleOwner returns a balancer that assigns all partitions to one member of the group; the others
// stand by. The owner keeps them while it lives, so a new member disturbs nothing. If there is no
// owner, the first member by instance gets them.
func SingleOwner() kgo.GroupBalancer { return singleOwner{} }

type singleOwner struct{}

func (singleOwner) ProtocolName() string { return "darkmap-sole" }

// IsCooperative returns true: a rebalance that changes nothing for the owner does not interrupt it.
func (singleOwner) IsCooperative() bool { return true }

func (singleOwner) JoinGroupMetadata(
	interests []string, current map[string][]int32, generation int32,
) []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version = 3
	meta.Topics = interests
	for _, topic := range slices.Sorted(maps.Keys(current)) {
		if len(current[topic]) > 0 {
			meta.OwnedPartitions = append(meta.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{
				Topic: topic, Partitions: current[topic],
			})
		}
	}
	meta.Generation = -1
	if len(meta.OwnedPartitions) > 0 {
		meta.Generation = generation
	}
	return meta.AppendTo(nil)
}

func (singleOwner) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	return kgo.ParseConsumerSyncAssignment(assignment)
}

func (s singleOwner) MemberBalancer(
	members []kmsg.JoinGroupResponseMember,
) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	b, err := kgo.NewConsumerBalancer(s, members)
	if err != nil {
		return nil, nil, err
	}
	return b, b.MemberTopics(), nil
}

// Balance assigns the partitions. The group's leader calls it. Members are sorted by instance.
func (singleOwner) Balance(b *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	var owner *kmsg.JoinGroupResponseMember
	newest := int32(-2)
	b.EachMember(func(m *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		generation := int32(-1)
		if len(meta.OwnedPartitions) > 0 {
			generation = max(0, meta.Generation)
		}
		if generation > newest {
			owner, newest = m, generation
		}
	})
	plan := b.NewPlan()
	if owner != nil {
		for topic, n := range topics {
			for p := range n {
				plan.AddPartition(owner, topic, p)
			}
		}
	}
	plan.AdjustCooperative(b)
	return plan
}
