package clickhouse

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/darkmap/darkmap/internal/atomicfile"
	"github.com/darkmap/darkmap/internal/retry"
)

// EngineState is the state of an embedded engine.
type EngineState struct {
	// Up reports whether the engine serves.
	Up bool `json:"up"`
	// Since is the time at which it began or stopped to serve.
	Since time.Time `json:"since"`
	// Why is the reason of its last end and, while it is down, of the failure to restart it. It is
	// empty if the engine never ended.
	Why string `json:"why,omitempty"`
	// Restarts counts the successful restarts.
	Restarts int `json:"restarts"`
}

const stateFile = "state.json"

// ReadEngineState reads the state of the engine that runs, or ran last, in the folder dir. ok is
// false if none did.
func ReadEngineState(dir string) (s EngineState, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, stateFile)) //nolint:gosec // below the data directory
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, false, fmt.Errorf("reading the engine's state: %w", err)
	}
	return s, true, nil
}

// write replaces the state in the folder dir.
func (s EngineState) write(dir string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("writing the engine's state: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, stateFile), append(b, '\n')); err != nil {
		return fmt.Errorf("writing the engine's state: %w", err)
	}
	return nil
}

// downError adds to err the reason why the socket of an engine does not answer, if the engine's
// state has one.
func downError(socket string, err error) error {
	err = fmt.Errorf("connecting to the embedded ClickHouse: %w", err)
	if s, ok, stateErr := ReadEngineState(filepath.Dir(socket)); stateErr == nil && ok && !s.Up && s.Why != "" {
		return fmt.Errorf("%w (down since %s: %s)", err, s.Since.UTC().Format("15:04:05"), s.Why)
	}
	return err
}

// Waits between an engine's end and the next start.
const (
	shortestRestart = 200 * time.Millisecond
	longestRestart  = 30 * time.Second
	// healthyAfter is the time of service after which an end counts as the first one again.
	healthyAfter = time.Minute
)

// restarts counts consecutive ends of an engine, and spaces its starts.
type restarts struct {
	ends    int
	backoff retry.Backoff
}

func newRestarts() *restarts {
	return &restarts{backoff: retry.Backoff{Min: shortestRestart, Max: longestRestart}}
}

// next returns the wait after the end of an engine. served is its time of service, or 0 if it did
// not start.
func (r *restarts) next(served time.Duration) time.Duration {
	if served >= healthyAfter {
		r.ends = 0
		r.backoff.Reset()
	}
	r.ends++
	return r.backoff.Next()
}
