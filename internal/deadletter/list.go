package deadletter

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"time"
)

const (
	// maxGroups bounds the groups of a list: reasons contain values of records from outside.
	maxGroups = 500
	// shownReason bounds the reason of a group, in octets.
	shownReason = 200
)

// Group is the dead letters of one stage, topic, collector and kind of reason.
type Group struct {
	Stage, Topic, Collector string
	// Reason is the reason of the first letter.
	Reason string
	// Count is the number of letters, SentBack the number of those that were sent back.
	Count, SentBack int
	// First and Last are the times at which Kafka received the first and the last, FirstID and
	// LastID their ids.
	First, Last     time.Time
	FirstID, LastID ID
}

// List is a summary of the letters that a filter selects.
type List struct {
	// Groups holds the groups, the largest first, at most maxGroups.
	Groups []Group
	// Further is the number of letters in groups beyond those.
	Further int
	// Letters is the number of letters.
	Letters int
	// Each holds the newest letters without key and value, in order, at most the requested number.
	Each []One
}

// numbers matches the parts that differ between reasons of one kind.
var numbers = regexp.MustCompile(`[0-9]+`)

type groupKey struct{ stage, topic, collector, reason string }

// List counts the letters that a filter selects, and keeps the newest each of them.
func (b Box) List(ctx context.Context, f Filter, each int) (List, error) {
	sent, err := b.sentBack(ctx, f.From)
	if err != nil {
		return List{}, err
	}
	var out List
	groups := map[groupKey]*Group{}
	err = b.read(ctx, f, func(l *Letter) error {
		out.Letters++
		when := sent[l.ID]
		key := groupKey{l.Stage, l.Topic, l.Collector(), numbers.ReplaceAllString(l.Reason, "#")}
		g, ok := groups[key]
		switch {
		case !ok && len(groups) == maxGroups:
			out.Further++
		case !ok:
			g = &Group{
				Stage: l.Stage, Topic: l.Topic, Collector: key.collector,
				Reason: l.Reason[:min(len(l.Reason), shownReason)], First: l.Time, FirstID: l.ID,
			}
			groups[key] = g
			g.add(l, when)
		default:
			g.add(l, when)
		}
		if each > 0 {
			one := One{*l, when}
			one.Key, one.Value = nil, nil
			if len(out.Each) == each {
				out.Each = slices.Delete(out.Each, 0, 1)
			}
			out.Each = append(out.Each, one)
		}
		return nil
	})
	for _, g := range groups {
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(x, y Group) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count),
			cmp.Compare(x.FirstID.Partition, y.FirstID.Partition),
			cmp.Compare(x.FirstID.Offset, y.FirstID.Offset))
	})
	return out, err
}

func (g *Group) add(l *Letter, sent time.Time) {
	g.Count++
	g.Last, g.LastID = l.Time, l.ID
	if !sent.IsZero() {
		g.SentBack++
	}
}

// WriteJSON writes one object a line: the letters if they were requested, else the groups.
func (l List) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	for _, o := range l.Each {
		if err := out.Encode(o); err != nil {
			return err
		}
	}
	if l.Each != nil {
		return nil
	}
	for _, g := range l.Groups {
		if err := out.Encode(map[string]any{
			"count": g.Count, "sent_back": g.SentBack, "stage": g.Stage, "topic": g.Topic,
			"collector": g.Collector, "reason": g.Reason,
			"first": g.First, "last": g.Last, "first_id": g.FirstID.String(), "last_id": g.LastID.String(),
		}); err != nil {
			return err
		}
	}
	if l.Further > 0 {
		return out.Encode(map[string]any{"further": l.Further})
	}
	return nil
}
