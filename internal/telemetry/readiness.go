package telemetry

import "sync/atomic"

// Readiness holds the reason for which something is not ready. The zero value is ready. It is safe
// for concurrent use.
type Readiness struct{ reason atomic.Pointer[error] }

// Set sets the reason; nil is ready.
func (r *Readiness) Set(reason error) { r.reason.Store(&reason) }

// Ready returns the reason, nil if ready.
func (r *Readiness) Ready() error {
	if reason := r.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}
