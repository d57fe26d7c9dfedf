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

// EngineState says how an embedded engine is.
type EngineState struct {
	// Up is set while it serves.
	Up bool `json:"up"`
	// Since is when it began or ceased to serve.
	Since time.Time `json:"since"`
	// Why it ended the last time and, while it is down, why it could not be started again; empty if
	// it never ended.
	Why string `json:"why,omitempty"`
	// Restarts counts the times that it serves again after an end.
	Restarts int `json:"restarts"`
}

const stateFile = "state.json"

// ReadEngineState reads the state of the engine that runs, or ran last, in the folder dir. ok is
// false where none did.
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

// downError explains why the socket of an engine does not answer, as far as the engine's state
// says.
func downError(socket string, err error) error {
	err = fmt.Errorf("connecting to the embedded ClickHouse: %w", err)
	if s, ok, stateErr := ReadEngineState(filepath.Dir(socket)); stateErr == nil && ok && !s.Up && s.Why != "" {
		return fmt.Errorf("%w (down since %s: %s)", err, s.Since.UTC().Format("15:04:05"), s.Why)
	}
	return err
}

// The waits between an engine's end and the next start.
const (
	shortestRestart = 200 * time.Millisecond
	longestRestart  = 30 * time.Second
	// healthyAfter is how long an engine has to serve so that its end counts as the first one
	// again.
	healthyAfter = time.Minute
)

// restarts counts the ends of an engine that follow one another, and spaces the starts.
type restarts struct {
	ends    int
	backoff retry.Backoff
}

func newRestarts() *restarts {
	return &restarts{backoff: retry.Backoff{Min: shortestRestart, Max: longestRestart}}
}

// next returns how long to wait after an engine has ended that had served for so long; 0 for one
// that did not start.
func (r *restarts) next(served time.Duration) time.Duration {
	if served >= healthyAfter {
		r.ends = 0
		r.backoff.Reset()
	}
	r.ends++
	return r.backoff.Next()
}
