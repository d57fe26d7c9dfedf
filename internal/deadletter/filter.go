package deadletter

import (
	"strings"
	"time"
)

// Filter chooses dead letters. The zero value chooses all.
type Filter struct {
	// Stage and Collector are names, and have to be equal. Topic is one, too: in full, or as in the registry.
	Stage, Collector, Topic string
	// Reason is a part of the reason; case does not matter.
	Reason string
	// From and To bound the time at which Kafka took the letter; To is not in it. Zero is no bound.
	From, To time.Time
	// IDs are letters by name; nil is no choice.
	IDs map[ID]bool
}

// Empty reports whether the filter chooses all.
func (f Filter) Empty() bool {
	return f.Stage == "" && f.Collector == "" && f.Topic == "" && f.Reason == "" && f.From.IsZero() && f.To.IsZero() && f.IDs == nil
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
