package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target"
)

// Name is the name of the stage, its group and its members.
const Name = "notify"

// Place is an opened target of the configuration.
type Place struct {
	target.Target
	Info incident.TargetInfo
}

// Deps are the dependencies of the stage.
type Deps struct {
	Kafka kafka.Config
	Log   *slog.Logger
	// Instance names this process among those of the stage. It is the same after a restart. Two
	// processes must not share it.
	Instance string
	// Drain bounds the last sends and the last transaction after the stage is stopped. 0 is
	// kafka.DefaultDrain.
	Drain time.Duration
	// Registerer takes the metrics; it may be nil.
	Registerer prometheus.Registerer
	// Targets holds the targets by name. Run closes them.
	Targets map[string]*Place
	// Heart sends heartbeats; it may be nil.
	Heart *Heart
	// Now is the clock that decides when messages are due or late.
	Now func() time.Time
}

// Stage reads bgp.outages.v1 in one active process and sends messages to the targets. It writes
// decisions and answers to bgp.notify.v1, in one transaction with the offsets. It sends a message
// only after its intent was written while this process owned the partition.
type Stage struct {
	cfg   Config
	d     Deps
	m     *metrics
	ready telemetry.Readiness
	// health is the state of the routes' families at the loop's last check.
	health atomic.Pointer[health]
	// unsaved holds answers that were not written before a session ended. Run's goroutine owns it.
	unsaved []outcome
}

// New checks the configuration and allocates. It starts no goroutine and uses no network.
func New(cfg Config, d Deps) (*Stage, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	if d.Log == nil || d.Instance == "" || d.Now == nil {
		return nil, errors.New("building notify: no logger, no clock or no name of the instance")
	}
	d.Drain = cmp.Or(d.Drain, kafka.DefaultDrain)
	s := &Stage{cfg: cfg, d: d, m: newMetrics(d.Registerer, d.Targets)}
	s.ready.Set(errors.New("not started"))
	if _, err := s.newEngine(nil); err != nil {
		return nil, err
	}
	return s, nil
}

// newEngine builds an engine from saved deliveries.
func (s *Stage) newEngine(saved []incident.Delivery) (*incident.Engine, error) {
	e, err := incident.New(s.cfg.Config, s.infos(), saved, s.d.Now())
	if err != nil {
		return nil, fmt.Errorf("building notify: %w", err)
	}
	return e, nil
}

// infos returns the engine's description of the targets.
func (s *Stage) infos() []incident.TargetInfo { return infos(s.d.Targets) }

// Ready returns nil while the stage reads or is a standby. Metrics and `darkmap notify status`
// report targets that are down.
func (s *Stage) Ready() error { return s.ready.Ready() }

// Run blocks until ctx ends, and closes the targets. It fails only if another process runs under
// the same instance name.
func (s *Stage) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, Close(s.d.Targets)) }()
	var wait retry.Backoff
	for {
		s.ready.Set(errors.New("joining the group"))
		err := s.session(ctx, &wait)
		switch {
		case kafka.Fenced(err):
			return fmt.Errorf("running notify: instance %q is running elsewhere: %w", s.d.Instance, err)
		case ctx.Err() != nil:
			if err != nil {
				s.d.Log.Warn("the last answers could not be written: "+
					"targets without keys may get messages twice", "err", err)
			}
			return nil
		}
		s.d.Log.Warn("no message is sent until Kafka answers", "err", err)
		s.ready.Set(err)
		if wait.Wait(ctx) != nil {
			return nil
		}
	}
}

// Close closes targets.
func Close(places map[string]*Place) error {
	var faults []error
	for name, p := range places {
		if err := p.Close(); err != nil {
			faults = append(faults, fmt.Errorf("closing the target %s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}
