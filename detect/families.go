package detect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/darkmap/darkmap/detect/checkpoint"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
)

// published is the last window published in each family, in the order of bgp.Families; -1: none.
type published [len(bgp.Families)]int64

// least returns the last window that was published in all families of a detector.
func (p published) least(of core.Families) int64 {
	least := int64(math.MaxInt64)
	for i, f := range bgp.Families {
		if of.Has(f) {
			least = min(least, p[i])
		}
	}
	return least
}

// alone returns an error while another detector decides on a family of this one.
func (x *session) alone(ctx context.Context) error {
	for _, group := range x.cfg.Families.Others() {
		names, err := checkpoint.Store{Kafka: x.d.Kafka, Log: x.d.Log, Detector: group}.Members(ctx)
		switch {
		case errors.Is(err, kerr.GroupAuthorizationFailed): // its members would need the same rights
		case err != nil:
			return err
		case len(names) > 0:
			return fmt.Errorf("the group %s has %s, %s: it decides on the same family, so this detector waits",
				x.d.Kafka.Group(group), bgp.Count(len(names), "member"), strings.Join(names, ", "))
		}
	}
	return nil
}

// position is the position of a group: the offset of each partition, and the last window published.
type position struct {
	offsets map[int32]int64
	window  int64
}

// of returns the offset of a partition; -1: none was committed.
func (p position) of(partition int32) int64 {
	if at, ok := p.offsets[partition]; ok {
		return at
	}
	return -1
}

// reached returns the position of the group, or that of the groups before it if that is further.
// Two groups before it have reached what both of them have.
func (x *session) reached(ctx context.Context, adm *kadm.Client) (progress, error) {
	own, err := x.positionOf(ctx, adm, x.cfg.Families.Group())
	if err != nil {
		return progress{}, err
	}
	var others []position
	for _, group := range x.cfg.Families.Others() {
		o, err := x.positionOf(ctx, adm, group)
		if err != nil && !errors.Is(err, kerr.GroupAuthorizationFailed) {
			return progress{}, err
		}
		others = append(others, o)
	}
	p := progress{committed: maps.Clone(own.offsets)}
	for i := range p.published {
		p.published[i] = max(own.window, others[min(i, len(others)-1)].window)
	}
	for part := range p.committed {
		before := others[0].of(part)
		for _, o := range others[1:] {
			before = min(before, o.of(part))
		}
		p.committed[part] = max(own.of(part), before)
	}
	return p, nil
}

// positionOf reads the position of a group.
func (x *session) positionOf(ctx context.Context, adm *kadm.Client, group string) (position, error) {
	p := position{offsets: map[int32]int64{}, window: -1}
	resp, err := adm.FetchOffsetsForTopics(kadm.RequireStable(ctx), x.d.Kafka.Group(group), x.topic)
	if err == nil {
		err = resp.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("reading the offsets of the group %s: %w", x.d.Kafka.Group(group), err)
	}
	for part, o := range resp[x.topic] {
		p.offsets[part] = o.At
		w, err := kafka.ParseWindow(o.Metadata)
		if err != nil {
			return p, fmt.Errorf("reading the committed window of partition %d: %w", part, err)
		}
		p.window = max(p.window, w)
	}
	return p, nil
}
