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
	// MaxQueries bounds the questions that run at a time.
	MaxQueries = 4
	// QueueFor is the time that a question waits for a slot. When a new minute comes, all questions
	// are asked at the same time, and the last ones wait for the others.
	QueueFor = 2 * time.Second
	// askWithin bounds a question, from its start to its last row.
	askWithin = 8 * time.Second
)

// The reasons why a question has no answer. Callers answer 503 to each.
var (
	// ErrNoStore means that this process has no store to ask. The text of the error has the reason.
	ErrNoStore = errors.New("there is no store to ask")
	// ErrBusy means that MaxQueries questions are running.
	ErrBusy = errors.New("too many questions are being answered: ask again in a second")
	// ErrAway means that the store does not answer.
	ErrAway = errors.New("the store does not answer")
)

// ErrNotFound means that the store has nothing with that name. Callers answer 404.
var ErrNotFound = errors.New("not found")

// Connect finds the store for one question. It returns the store, and a function that releases it.
type Connect func(context.Context) (server clickhouse.Server, release func() error, err error)

// Config names the store.
type Config struct {
	// Connect finds the store. It is nil if there is none; WhyNone is then the reason, in a
	// sentence.
	Connect Connect
	WhyNone string
	Log     *slog.Logger
	// Registerer takes the metrics. nil means none.
	Registerer prometheus.Registerer
}

// Scope holds the dataset of a question and the rights of the viewer.
type Scope struct {
	Dataset string
	// Private means that the answer may contain private data, for logged-in viewers.
	Private bool
	// Window names the state to which the answer belongs: the id of the newest minute
	// (live.Window.ID), or the end of a dataset of the past. A new Window makes the store ask
	// again.
	Window string
}

// Store asks the store.
type Store struct {
	cfg     Config
	slots   *semaphore.Weighted
	flights singleflight.Group
	cache   *cache
	metrics *metrics

	awaySince atomic.Pointer[time.Time] // nil while the store answers; only Watch writes it
	doubt     chan struct{}             // wakes Watch
}

// New returns a Store. It sends no statement.
func New(cfg Config) *Store {
	return &Store{
		cfg: cfg, slots: semaphore.NewWeighted(MaxQueries), cache: newCache(),
		metrics: newMetrics(cfg.Registerer), doubt: make(chan struct{}, 1),
	}
}

// Known reports whether there is a store to ask. Otherwise the error has the reason.
func (s *Store) Known() error {
	if s.cfg.Connect == nil {
		return fmt.Errorf("%w: %s", ErrNoStore, s.cfg.WhyNone)
	}
	return nil
}
