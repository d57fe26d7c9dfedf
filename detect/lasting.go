package detect

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/schemas"
)

// lasting holds the outages that were published as suspected or open and have not ended.
type lasting struct {
	outages []bgp.Outage
	// until is the time up to which the group's earlier members decided and published, seconds
	// since 1970.
	until int64
}

// readLasting reads the lasting outages from bgp.outages. It returns nil if there is none and
// nothing was published before. It holds at most outagelog.MaxOutages. No transaction of an earlier
// owner is pending: session.progress has waited for it.
func (x *session) readLasting(ctx context.Context) (*lasting, error) {
	open, undecodable := outagelog.NewLasting(), 0
	err := kafka.ReadToEnd(ctx, x.d.Kafka, x.d.Log, schemas.TopicOutages, func(rec *kgo.Record) error {
		if _, err := open.Add(rec); err != nil {
			undecodable++
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading which outages last: %w", err)
	}
	if undecodable > 0 || open.Dropped() {
		x.d.Log.Warn("not all published outages are known: the end of some will not be published",
			"undecodable", undecodable, "too_many", open.Dropped())
	}
	l := &lasting{
		outages: outagelog.Outages(open.Select(outagelog.Filter{All: true})), until: open.Decided().Unix(),
	}
	if len(l.outages) == 0 && x.a.published < 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	if x.a.published >= 0 {
		l.until = max(l.until, x.a.published+60)
	}
	return l, nil
}
