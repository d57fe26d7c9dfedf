package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/kafka"
)

// AddUser creates a user, or sets the password of an existing one again, and allows the grants. It
// creates a password if the user has none.
func (c *Cluster) AddUser(ctx context.Context, user string, grants []kafka.Grant) error {
	file, err := c.Password(user)
	if err != nil {
		return fmt.Errorf("adding user %s: %w", user, err)
	}
	password, err := readFile(file)
	if err != nil {
		return fmt.Errorf("adding user %s: %w", user, err)
	}
	return c.administer(func(adm *kadm.Client) error {
		resp, err := adm.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{
			{User: user, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password},
		})
		for _, r := range resp {
			err = errors.Join(err, r.Err)
		}
		for _, g := range grants {
			err = errors.Join(err, allow(ctx, adm, user, g))
		}
		if err != nil {
			return fmt.Errorf("adding user %s: %w", user, err)
		}
		return nil
	})
}

// Allow adds one access rule.
func (c *Cluster) Allow(ctx context.Context, user string, g kafka.Grant) error {
	return c.administer(func(adm *kadm.Client) error { return allow(ctx, adm, user, g) })
}

// Deny removes one access rule.
func (c *Cluster) Deny(ctx context.Context, user string, g kafka.Grant) error {
	return c.administer(func(adm *kadm.Client) error {
		results, err := adm.DeleteACLs(ctx, rule(user, g))
		removed := 0
		for _, r := range results {
			err = errors.Join(err, r.Err)
			removed += len(r.Deleted)
		}
		if err == nil && removed != 1 {
			err = fmt.Errorf("%d rules were removed, want 1", removed)
		}
		if err != nil {
			return fmt.Errorf("removing %v of %s: %w", g, user, err)
		}
		return nil
	})
}

func allow(ctx context.Context, adm *kadm.Client, user string, g kafka.Grant) error {
	results, err := adm.CreateACLs(ctx, rule(user, g))
	for _, r := range results {
		err = errors.Join(err, r.Err)
	}
	if err != nil {
		return fmt.Errorf("allowing %s %v: %w", user, g, err)
	}
	return nil
}

// rule returns the access rule of a grant.
func rule(user string, g kafka.Grant) *kadm.ACLBuilder {
	b := kadm.NewACLs().Allow("User:" + user).AllowHosts("*").Operations(g.Operation).
		ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral)
	if g.Prefixed {
		b = b.ResourcePatternType(kmsg.ACLResourcePatternTypePrefixed)
	}
	switch g.Resource {
	case kmsg.ACLResourceTypeTopic:
		b = b.Topics(g.Name)
	case kmsg.ACLResourceTypeGroup:
		b = b.Groups(g.Name)
	default:
		b = b.TransactionalIDs(g.Name)
	}
	return b
}

// administer calls fn with an administrator's client.
func (c *Cluster) administer(fn func(*kadm.Client) error) error {
	adm, err := kafka.NewAdmin(c.Config(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer adm.Close()
	return fn(adm)
}
