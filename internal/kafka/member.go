package kafka

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Timeouts of groups: architecture.md, State and exactly once.
const (
	sessionTimeout = 6 * time.Second
	heartbeat      = 2 * time.Second
	// promptly bounds how long a group waits for members that have nothing to finish before they join again; by default it
	// waits for a minute. It is shorter than a session: the embedded broker forgets who waits for longer than that, and leaves
	// it without an answer (doc.go).
	promptly = sessionTimeout - time.Second
)

// Member are the options of a static member of a group: restarted within the session's timeout it keeps what it has, and
// one that dies loses it after that time. Two processes must not share an instance.
func Member(group, instance string) []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.InstanceID(instance),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeat),
	}
}

// PromptMember are the options of a Member that lets go of what is taken from it at once.
func PromptMember(group, instance string) []kgo.Opt {
	return append(Member(group, instance), kgo.RebalanceTimeout(promptly))
}
