package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/darkmap/darkmap/schemas"
)

// Remove deletes the topics and groups of a dataset and waits until they are deleted. It rejects
// the live dataset. It removes members that a group still has, so no process of the dataset may be
// running.
func Remove(ctx context.Context, cfg Config, log *slog.Logger, registry []schemas.Topic) error {
	if cfg.dataset == "" {
		return errors.New("removing a dataset: the live dataset is not removed")
	}
	adm, err := NewAdmin(cfg, log)
	if err != nil {
		return err
	}
	defer adm.Close()
	if err := cfg.removeGroups(ctx, adm); err != nil {
		return err
	}
	names := make([]string, len(registry))
	for i, t := range registry {
		names[i] = cfg.Topic(t.Name)
	}
	tick := time.NewTicker(topicInterval)
	defer tick.Stop()
	for {
		have, err := adm.ListTopics(ctx, names...)
		if err != nil {
			return fmt.Errorf("removing dataset %s: listing topics: %w", cfg.dataset, err)
		}
		var left []string
		for n, d := range have {
			if !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
				left = append(left, n)
			}
		}
		if len(left) == 0 {
			return nil
		}
		resp, err := adm.DeleteTopics(ctx, left...)
		if err == nil {
			for _, r := range resp {
				if !errors.Is(r.Err, kerr.UnknownTopicOrPartition) {
					err = errors.Join(err, r.Err)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("removing dataset %s: deleting topics: %w", cfg.dataset, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("removing dataset %s: %w", cfg.dataset, ctx.Err())
		case <-tick.C:
		}
	}
}

// groups lists the groups of the dataset: its prefix, then the name of a stage, which has no dot.
func (c Config) groups(ctx context.Context, adm *kadm.Client) ([]string, error) {
	listed, err := adm.ListGroups(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing groups: %w", err)
	}
	var out []string
	for _, name := range listed.Groups() {
		if stage, ok := strings.CutPrefix(name, c.Group("")); ok && !strings.Contains(stage, ".") {
			out = append(out, name)
		}
	}
	return out, nil
}

func (c Config) removeGroups(ctx context.Context, adm *kadm.Client) error {
	groups, err := c.groups(ctx, adm)
	if err != nil || len(groups) == 0 {
		return err
	}
	described, err := adm.DescribeGroups(ctx, groups...)
	if err != nil {
		return fmt.Errorf("removing dataset %s: describing groups: %w", c.dataset, err)
	}
	for _, g := range described {
		for _, m := range g.Members {
			if m.InstanceID == nil {
				continue
			}
			if _, err := adm.LeaveGroup(ctx, kadm.LeaveGroup(g.Group).InstanceIDs(*m.InstanceID)); err != nil {
				return fmt.Errorf("removing dataset %s: leaving group %s: %w", c.dataset, g.Group, err)
			}
		}
	}
	resp, err := adm.DeleteGroups(ctx, groups...)
	if err == nil {
		for _, r := range resp {
			if !errors.Is(r.Err, kerr.GroupIDNotFound) {
				err = errors.Join(err, r.Err)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("removing dataset %s: deleting groups: %w", c.dataset, err)
	}
	return nil
}
