package telemetry

import "sync/atomic"

// Readiness holds why something is not ready. The zero value is ready. It is safe for concurrent use.
type Readiness struct{ reason atomic.Pointer[error] }

// Set replaces the reason; nil makes it ready.
func (r *Readiness) Set(reason error) { r.reason.Store(&reason) }

// Ready returns the reason, nil when it is ready.
func (r *Readiness) Ready() error {
	if reason := r.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}
