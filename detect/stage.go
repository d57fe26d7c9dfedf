package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Name names the stage's group and its members.
const Name = core.Name

// outTopics are those that a detector publishes to.
var outTopics = []string{schemas.TopicVisibility, schemas.TopicPrefixes, schemas.TopicPanel, schemas.TopicOutages, schemas.TopicOutagesJSON, schemas.TopicFeeds}

// Detector is the pure core that the stage drives, *core.Detector or a test's. Errors that wrap codec.ErrInvalid are about the
// record: it goes to the dead-letter topic and the next one follows.
type Detector interface {
	// Apply takes a record of the open window. effective is its effective time, microseconds since 1970.
	Apply(rec *pb.RouteRecord, effective int64) error
	// CloseWindow ends the minute that began at start, seconds since 1970, and returns what to publish.
	CloseWindow(start int64) ([]core.Out, error)
	// TakeOver is called once, before the first window that was not published before is closed, where anything was published: with the outages that
	// were suspected or open up to a time (seconds since 1970). What the detector does not know of them it ends with that window.
	TakeOver(published []bgp.Outage, until int64)
	// RecordsMissing is called before any record where the log does not begin with its first, and where records are lost.
	RecordsMissing()
	// RequestTables is called after RecordsMissing, once the state has caught up with the log, at the end of the window that
	// began at start. It returns a request for each table that the state lacks, which is published with that window.
	RequestTables(start int64) []core.Out
	// NoVerdict says, a sentence each, in which families no verdict is possible at present, and why.
	NoVerdict() []string
	// Verdicts tells of each family in how many minutes a verdict was possible.
	Verdicts() []core.Verdicts
	// WatchNotes says, a sentence each, what was wrong with watch lists in the windows that closed since the last call.
	WatchNotes() []string
	// Answer tells what is known at present of what a question is about, with limit entries a list at most. It changes nothing.
	Answer(q query.Question, limit int) query.Answer
}

// NoVerdictError is a reason of Ready: the stage does its work, and too little is known for a verdict.
type NoVerdictError struct{ Text string }

func (e *NoVerdictError) Error() string { return e.Text }

// Deps is what the stage works with.
type Deps struct {
	Kafka kafka.Config
	Log   *slog.Logger
	// Instance is this process among those of the stage; it stays over restarts, and no two share one.
	Instance string
	// Drain bounds the last transaction when the stage is told to end. 0 is kafka.DefaultDrain.
	Drain time.Duration
	// Settings are what decides results, as text: a checkpoint of others is not used.
	Settings string
	// Now is the time that checkpoints go by; nil is time.Now.
	Now func() time.Time
	// Registerer of metrics; nil is none.
	Registerer prometheus.Registerer
	// NewDetector returns a core that knows nothing yet. It is called for every (re)start of the state. Checkpoints are written of one that is
	// a checkpoint.State.
	NewDetector func() (Detector, error)
}

// Stage reads all of bgp.routes, in one active process, and publishes what its detector finds, each window once: the
// metadata of its commits name the last window published. When it starts, and whenever its partitions were taken away or
// a transaction cannot be brought to an end, it throws its state away and builds it again from the newest checkpoint that it
// may use, else from the beginning of the log, without publishing what was published.
type Stage struct {
	cfg   Config
	d     Deps
	m     *metrics
	ready telemetry.Readiness
	// asking is nil while questions can be answered.
	asking    telemetry.Readiness
	questions questions
	// verdicts is what the detector of the last session tells; it is stored when a session ends.
	verdicts atomic.Pointer[[]core.Verdicts]
}

// New is inert.
func New(cfg Config, d Deps) (*Stage, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	if d.NewDetector == nil || d.Log == nil || d.Instance == "" {
		return nil, errors.New("building detect: no detector, no logger or no name of the instance")
	}
	d.Drain = cmp.Or(d.Drain, kafka.DefaultDrain)
	s := &Stage{cfg: cfg, d: d, m: newMetrics(d.Registerer)}
	s.unready(errors.New("not started"))
	return s, nil
}

// Verdicts tells of each family in how many minutes a verdict was possible; nil before the first session has ended.
func (s *Stage) Verdicts() []core.Verdicts {
	if v := s.verdicts.Load(); v != nil {
		return *v
	}
	return nil
}

// Ready is nil while the stage follows the log, or stands by; while it rebuilds its state it is not ready. Where no verdict is possible in a
// family, or no minute ends, it says so, as telemetry.WaitingError around NoVerdictError or HeldError.
func (s *Stage) Ready() error {
	return s.ready.Ready()
}

// unready says why there is no state.
func (s *Stage) unready(reason error) {
	s.ready.Set(reason)
	s.asking.Set(reason)
}

// Run blocks until ctx ends. It fails where another process took the instance's place, or where the detector fails for
// another reason than a record's.
func (s *Stage) Run(ctx context.Context) error {
	var wait retry.Backoff
	for {
		s.unready(errors.New("joining the group"))
		err := s.session(ctx, &wait)
		switch {
		case kafka.Fenced(err):
			return fmt.Errorf("running detect: instance %q is running elsewhere: %w", s.d.Instance, err)
		case errors.Is(err, errDetector):
			return fmt.Errorf("running detect: %w", err)
		case ctx.Err() != nil:
			if errors.Is(err, errPublish) {
				s.d.Log.Warn("the last transaction failed; its records will be read again", "err", err)
			}
			return nil
		}
		s.m.rebuilds.Inc()
		s.d.Log.Warn("state thrown away, building it again", "err", err)
		s.unready(err)
		if wait.Wait(ctx) != nil {
			return nil
		}
	}
}
