package kafka

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Timeouts of groups (architecture.md, State and exactly once).
const (
	sessionTimeout = 6 * time.Second
	heartbeat      = 2 * time.Second
	// promptly caps the time for which a group waits for its members to join again, if the members
	// have nothing to finish. The default is a minute. It is shorter than a session: the embedded
	// broker drops a member that waits for longer than that, without an answer (doc.go).
	promptly = sessionTimeout - time.Second
)

// Member returns the options of a static member of a group. A member that restarts within the
// session timeout keeps its partitions; one that dies loses them after that time. Two processes
// must not share an instance.
func Member(group, instance string) []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.InstanceID(instance),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeat),
	}
}

// PromptMember returns the options of a Member that releases revoked partitions at once.
func PromptMember(group, instance string) []kgo.Opt {
	return append(Member(group, instance), kgo.RebalanceTimeout(promptly))
}
