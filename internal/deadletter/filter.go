package deadletter

import (
	"strings"
	"time"
)

// Filter selects dead letters. The zero value selects all.
type Filter struct {
	// Stage and Collector are names that must be equal. Topic is a full name or a name in the
	// registry.
	Stage, Collector, Topic string
	// Reason is a part of the reason, in upper or lower case.
	Reason string
	// From and To bound the time at which Kafka received the letter; To is excluded. Zero is no
	// bound.
	From, To time.Time
	// IDs are the ids of letters; nil selects all.
	IDs map[ID]bool
}

// Empty reports whether the filter selects all.
func (f Filter) Empty() bool {
	return f.Stage == "" && f.Collector == "" && f.Topic == "" && f.Reason == "" &&
		f.From.IsZero() && f.To.IsZero() && f.IDs == nil
}

func (f Filter) chooses(l *Letter) bool {
	return !l.note &&
		(f.IDs == nil || f.IDs[l.ID]) &&
		(f.Stage == "" || f.Stage == l.Stage) &&
		(f.Topic == "" || f.Topic == l.Topic || f.Topic == l.named) &&
		(f.Collector == "" || f.Collector == l.Collector()) &&
		(f.Reason == "" || strings.Contains(strings.ToLower(l.Reason), strings.ToLower(f.Reason))) &&
		(f.From.IsZero() || !l.Time.Before(f.From)) &&
		(f.To.IsZero() || l.Time.Before(f.To))
}
