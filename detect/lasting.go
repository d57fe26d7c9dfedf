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

// lasting holds the outages of a family that were published as suspected or open and have not
// ended.
type lasting struct {
	family  bgp.Family
	outages []bgp.Outage
	// until is the time up to which earlier detectors decided and published, seconds since 1970.
	until int64
}

// readLasting reads the lasting outages from bgp.outages, for each family of the detector that has
// any or in which something was published before. It holds at most outagelog.MaxOutages of a
// family. No transaction of an earlier owner is pending: session.progress has waited for it.
func (x *session) readLasting(ctx context.Context) ([]lasting, error) {
	var open [len(bgp.Families)]*outagelog.Log
	for i := range open {
		open[i] = outagelog.NewLasting()
	}
	undecodable := 0
	err := kafka.ReadToEnd(ctx, x.d.Kafka, x.d.Log, schemas.TopicOutages, func(rec *kgo.Record) error {
		e, decided, err := outagelog.Decode(rec)
		if err != nil {
			undecodable++
			return nil //nolint:nilerr // counted
		}
		for i, f := range bgp.Families {
			if e.Outage.Family == f.String() {
				open[i].Put(e, decided)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading which outages last: %w", err)
	}
	var out []lasting
	for i, f := range bgp.Families {
		if !x.cfg.Families.Has(f) {
			continue
		}
		if undecodable > 0 || open[i].Dropped() {
			x.d.Log.Warn("not all published outages are known: the end of some will not be published",
				"family", f, "undecodable", undecodable, "too_many", open[i].Dropped())
		}
		l := lasting{
			family: f, until: open[i].Decided().Unix(),
			outages: outagelog.Outages(open[i].Select(outagelog.Filter{All: true})),
		}
		if x.a.published[i] >= 0 {
			l.until = max(l.until, x.a.published[i]+60)
		}
		if len(l.outages) > 0 || x.a.published[i] >= 0 {
			out = append(out, l)
		}
	}
	return out, nil
}
