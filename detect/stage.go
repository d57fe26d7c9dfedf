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

// Name is the name of the stage, and of the group of a detector for both families.
const Name = core.Name

// outTopics are the topics to which a detector publishes.
var outTopics = []string{
	schemas.TopicVisibility, schemas.TopicPrefixes, schemas.TopicPanel,
	schemas.TopicOutages, schemas.TopicOutagesJSON, schemas.TopicFeeds,
}

// Detector is the pure core that the stage drives: *core.Detector, or a test's. An error that wraps
// codec.ErrInvalid means that the record is bad: it goes to the dead-letter topic, and the stage
// continues with the next record.
type Detector interface {
	// Apply applies a record of the open window. effective is its effective time, microseconds
	// since 1970.
	Apply(rec *pb.RouteRecord, effective int64) error
	// CloseWindow closes the minute that began at start, seconds since 1970, and returns the
	// records to publish.
	CloseWindow(start int64) ([]core.Out, error)
	// TakeOver is called once for each family, before its first unpublished window is closed, if
	// anything was published before. published are the family's outages that were suspected or open
	// at until, seconds since 1970. With that window the detector ends those that it does not know.
	TakeOver(family bgp.Family, published []bgp.Outage, until int64)
	// RecordsMissing is called before the first record if the log has lost its beginning, and
	// whenever records are lost.
	RecordsMissing()
	// RequestTables is called after RecordsMissing, once the state has caught up with the log, at
	// the end of the window that began at start. It returns a request for each table that the state
	// needs. The requests are published with that window.
	RequestTables(start int64) []core.Out
	// NoVerdict returns one sentence for each family in which no verdict is possible at present,
	// with the reason.
	NoVerdict() []string
	// Verdicts returns for each family the number of minutes in which a verdict was possible.
	Verdicts() []core.Verdicts
	// WatchNotes returns one sentence for each fault of a watch list in the windows that closed
	// since the last call.
	WatchNotes() []string
	// Answer answers a question from the present state, with at most limit entries a list. It
	// changes nothing.
	Answer(q query.Question, limit int) query.Answer
}

// NoVerdictError is a reason of Ready: the stage does its work, but too little is known for a
// verdict.
type NoVerdictError struct{ Text string }

func (e *NoVerdictError) Error() string { return e.Text }

// Deps holds the dependencies of the stage.
type Deps struct {
	Kafka kafka.Config
	Log   *slog.Logger
	// Instance names this process among the processes of the stage. It stays the same over
	// restarts, and no two processes share one.
	Instance string
	// Drain bounds the last transaction when the stage is told to end. 0 means kafka.DefaultDrain.
	Drain time.Duration
	// Settings is the text of all settings that decide results. A checkpoint with other settings is
	// not used.
	Settings string
	// Now returns the time by which checkpoints are written; nil means time.Now.
	Now func() time.Time
	// Registerer registers the metrics; nil means that they are not registered.
	Registerer prometheus.Registerer
	// NewDetector returns an empty core. It is called whenever the state is built. Checkpoints are
	// written if the core is a checkpoint.State.
	NewDetector func() (Detector, error)
}

// Stage reads all of bgp.routes, in one active process, and publishes the output of its detector,
// each window once: the metadata of its commits name the last window published. When it starts,
// when its partitions were revoked, and when a transaction cannot be finished, it throws its state
// away. It builds the state again from the newest checkpoint that it may use, else from the
// beginning of the log, and publishes no window a second time.
type Stage struct {
	cfg   Config
	d     Deps
	m     *metrics
	ready telemetry.Readiness
	// asking is nil while questions can be answered.
	asking    telemetry.Readiness
	questions questions
	// verdicts holds the verdicts of the last session's detector. It is stored when a session ends.
	verdicts atomic.Pointer[[]core.Verdicts]
}

// New checks the configuration and builds the stage. It starts no goroutine and uses no network.
func New(cfg Config, d Deps) (*Stage, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	if d.NewDetector == nil || d.Log == nil || d.Instance == "" {
		return nil, errors.New("building detect: no detector, no logger or no name of the instance")
	}
	d.Drain = cmp.Or(d.Drain, kafka.DefaultDrain)
	s := &Stage{cfg: cfg, d: d, m: newMetrics(d.Registerer, cfg.Families)}
	s.unready(errors.New("not started"))
	return s, nil
}

// Verdicts returns for each family the number of minutes in which a verdict was possible; nil
// before the first session has ended.
func (s *Stage) Verdicts() []core.Verdicts {
	if v := s.verdicts.Load(); v != nil {
		return *v
	}
	return nil
}

// Ready returns nil while the stage follows the log, or stands by. While the stage rebuilds its
// state, the error is the reason. If no verdict is possible in a family, or no minute ends, the
// error is a telemetry.WaitingError around a NoVerdictError or a HeldError.
func (s *Stage) Ready() error {
	return s.ready.Ready()
}

// unready sets the reason why the stage has no state.
func (s *Stage) unready(reason error) {
	s.ready.Set(reason)
	s.asking.Set(reason)
}

// Run blocks until ctx ends. It fails if another process took the place of this instance, or if the
// detector fails for a reason other than a bad record.
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
