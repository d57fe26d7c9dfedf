package kafka

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Collectors returns a balancer that assigns all topics of a collector to one member. The function
// collector maps a topic to its collector. The numbers of collectors of any two members differ by
// at most one. A member keeps its collectors as far as that permits, so a new member or topic
// disturbs nothing else.
func Collectors(collector func(topic string) string) kgo.GroupBalancer {
	return collectors{of: collector}
}

type collectors struct{ of func(topic string) string }

func (collectors) ProtocolName() string { return "darkmap-collectors" }

// IsCooperative returns true: a rebalance interrupts only the collectors that move.
func (collectors) IsCooperative() bool { return true }

func (collectors) JoinGroupMetadata(
	interests []string, current map[string][]int32, generation int32,
) []byte {
	return singleOwner{}.JoinGroupMetadata(interests, current, generation)
}

func (collectors) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	return kgo.ParseConsumerSyncAssignment(assignment)
}

func (c collectors) MemberBalancer(
	members []kmsg.JoinGroupResponseMember,
) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	b, err := kgo.NewConsumerBalancer(c, members)
	if err != nil {
		return nil, nil, err
	}
	return b, b.MemberTopics(), nil
}

// claim is a member's present share of a collector, and the generation of the group in which it had
// it.
type claim struct {
	member     int // index in the balancer's order
	generation int32
	topics     int
}

// Balance assigns the topics. The group's leader calls it. Members are sorted by instance.
func (c collectors) Balance(b *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	plan := b.NewPlan()
	members := len(b.Members())
	if members == 0 {
		return plan
	}
	byCollector := map[string][]string{}
	for topic := range topics {
		byCollector[c.of(topic)] = append(byCollector[c.of(topic)], topic)
	}
	owner := share(slices.Sorted(maps.Keys(byCollector)), c.claims(b), members)
	for name, list := range byCollector {
		m, _ := b.MemberAt(owner[name])
		for _, topic := range list {
			for p := range topics[topic] {
				plan.AddPartition(m, topic, p)
			}
		}
	}
	plan.AdjustCooperative(b)
	return plan
}

// claims finds the present owner of each collector. The claim of the newest generation wins, then
// the largest claim.
func (c collectors) claims(b *kgo.ConsumerBalancer) map[string]claim {
	best := map[string]claim{}
	for i := range b.Members() {
		_, meta := b.MemberAt(i)
		mine := map[string]int{}
		for _, o := range meta.OwnedPartitions {
			mine[c.of(o.Topic)]++
		}
		for name, n := range mine {
			x := claim{member: i, generation: max(0, meta.Generation), topics: n}
			if old, ok := best[name]; !ok || cmp.Or(
				cmp.Compare(x.generation, old.generation), cmp.Compare(x.topics, old.topics)) > 0 {
				best[name] = x
			}
		}
	}
	return best
}

// share assigns a member, given by its index, to each collector. names is sorted.
func share(names []string, claims map[string]claim, members int) map[string]int {
	owner, load := map[string]int{}, make([]int, members)
	// extra members get one collector more than the others: first those that have that many
	// already.
	floor, extra := len(names)/members, len(names)%members
	for _, name := range names {
		if cl, ok := claims[name]; ok && load[cl.member] < floor {
			owner[name] = cl.member
			load[cl.member]++
		}
	}
	for _, name := range names {
		if _, given := owner[name]; given || extra == 0 {
			continue
		}
		if cl, ok := claims[name]; ok && load[cl.member] == floor {
			owner[name] = cl.member
			load[cl.member]++
			extra--
		}
	}
	for _, name := range names {
		if _, given := owner[name]; given {
			continue
		}
		least := 0
		for i := range load {
			if load[i] < load[least] {
				least = i
			}
		}
		owner[name] = least
		load[least]++
	}
	return owner
}
