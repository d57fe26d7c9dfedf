package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

const (
	// MaxQueries is how many statements run at a time.
	MaxQueries = 4
	// QueueFor is how long a question waits for one of them.
	QueueFor = time.Second
	// askWithin bounds a statement, from its start to its last row.
	askWithin = 8 * time.Second
)

// The reasons why there is no answer. Callers answer 503 to each.
var (
	// ErrNoStore: this process has no store to ask. The error's text says why.
	ErrNoStore = errors.New("there is no store to ask")
	// ErrBusy: as many questions as may are being answered.
	ErrBusy = errors.New("too many questions are being answered: ask again in a second")
	// ErrAway: the store does not answer.
	ErrAway = errors.New("the store does not answer")
)

// ErrNotFound says that the store has nothing of the name. Callers answer 404.
var ErrNotFound = errors.New("not found")

// Connect finds the store for one statement, and returns it with what releases it.
type Connect func(context.Context) (server clickhouse.Server, release func() error, err error)

// Config says which store is asked.
type Config struct {
	// Connect finds the store; nil where there is none. WhyNone then says why, in a sentence.
	Connect Connect
	WhyNone string
	Log     *slog.Logger
	// Registerer takes the metrics; nil: none.
	Registerer prometheus.Registerer
}

// Scope says of what is asked, and who asks.
type Scope struct {
	Dataset string
	// Private: the answer may hold what only people who are logged in may see.
	Private bool
	// Window names the state that the answer belongs to: the id of the newest minute (live.Window.ID), or the end of a dataset of the past.
	// For another one the store is asked again.
	Window string
}

// Store asks the store.
type Store struct {
	cfg     Config
	slots   *semaphore.Weighted
	flights singleflight.Group
	cache   *cache
	metrics *metrics

	awaySince atomic.Pointer[time.Time] // nil while the store answers; Watch writes it
	doubt     chan struct{}             // wakes Watch
}

// New returns a Store. It asks nothing yet.
func New(cfg Config) *Store {
	return &Store{cfg: cfg, slots: semaphore.NewWeighted(MaxQueries), cache: newCache(), metrics: newMetrics(cfg.Registerer), doubt: make(chan struct{}, 1)}
}

// Known reports whether there is a store to ask; the error says why not.
func (s *Store) Known() error {
	if s.cfg.Connect == nil {
		return fmt.Errorf("%w: %s", ErrNoStore, s.cfg.WhyNone)
	}
	return nil
}
