package sink

import (
	"errors"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// retryLogEvery is the interval at which the stage repeats that ClickHouse rejects its inserts.
const retryLogEvery = time.Minute

// explain adds advice to an error that retries do not fix. It returns other errors unchanged.
func explain(err error) error {
	if _, explained := errors.AsType[incurableError](err); explained || !clickhouse.Hopeless(err) {
		return err
	}
	return incurableError{err}
}

// incurableError is an error that retries do not fix, with advice for the operator.
type incurableError struct{ err error }

func (e incurableError) Error() string {
	return e.err.Error() +
		" (retries do not fix this; `darkmap migrate` reports and repairs the schema)"
}

func (e incurableError) Unwrap() error { return e.err }

// logFor returns the rate-limited log for err. Errors that an operator must fix have a log of
// their own, so that temporary failures do not suppress them.
func (s *Stage) logFor(err error) *telemetry.Limited {
	if _, ok := errors.AsType[incurableError](err); ok {
		return s.incurableLog
	}
	return s.retryLog
}

// endsStage reports whether the stage ends with err: retries do not fix it, and Persist is off, so
// the stage expects no fix while it runs.
func (s *Stage) endsStage(err error) bool {
	return !s.deps.Persist && clickhouse.Hopeless(err)
}
