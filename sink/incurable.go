package sink

import (
	"errors"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// complainEvery is how often the stage repeats that ClickHouse does not take what it sends.
const complainEvery = time.Minute

// explain says what to do about an error that waiting does not cure; others stay as they are.
func explain(err error) error {
	if _, explained := errors.AsType[incurableError](err); explained || !clickhouse.Hopeless(err) {
		return err
	}
	return incurableError{err}
}

// incurableError is an error that waiting does not cure, with what to do about it.
type incurableError struct{ err error }

func (e incurableError) Error() string {
	return e.err.Error() +
		" (waiting does not cure that: `darkmap migrate` says what is missing or different in the schema, and mends it)"
}

func (e incurableError) Unwrap() error { return e.err }

// complaints is the log for err. What has to be mended does not wait behind failures that pass.
func (s *Stage) complaints(err error) *telemetry.Limited {
	if _, ok := errors.AsType[incurableError](err); ok {
		return s.incurable
	}
	return s.complain
}

// hopeless reports whether the stage ends with err: waiting does not cure it, and nobody is expected to while the stage runs.
func (s *Stage) hopeless(err error) bool {
	return !s.deps.Persist && clickhouse.Hopeless(err)
}
