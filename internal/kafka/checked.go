package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/schemas"
)

// stage is the part of runner.Stage that Checked wraps.
type stage interface {
	Run(ctx context.Context) error
	Ready() error
}

// Checked is a stage that first asks the brokers whether it has the rights that it needs
// (CheckAccess). If they reject it, Run fails with the reasons, and the stage does not begin.
type Checked struct {
	inner    stage
	cfg      Config
	access   schemas.Access
	instance string
	ready    telemetry.Readiness // used until inner runs
}

// NewChecked returns an inert stage. name is a row of schemas.Accesses. If inner is nil, Run only
// asks.
func NewChecked(cfg Config, name, instance string, inner stage) (*Checked, error) {
	a, ok := schemas.AccessOf(name)
	if !ok {
		return nil, fmt.Errorf("building %s: the table of rights does not have it", name)
	}
	c := &Checked{inner: inner, cfg: cfg, access: a, instance: instance}
	c.ready.Set(errors.New("waiting for Kafka"))
	return c, nil
}

// Ready returns nil when the brokers have confirmed the rights and the stage is ready.
func (c *Checked) Ready() error {
	if err := c.ready.Ready(); err != nil {
		return err
	}
	if c.inner == nil {
		return nil
	}
	return c.inner.Ready()
}

// Run blocks until ctx or the stage ends.
func (c *Checked) Run(ctx context.Context) error {
	if err := CheckAccess(ctx, c.cfg, c.access, c.instance); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	c.ready.Set(nil)
	if c.inner == nil {
		return nil
	}
	return c.inner.Run(ctx)
}
