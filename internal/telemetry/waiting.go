package telemetry

// WaitingError is a reason of Ready without a fault of this process: it can do its work and waits
// for others. /readyz shows the reason but answers 200, because 503 would keep those others away.
type WaitingError struct{ Err error }

func (w WaitingError) Error() string { return w.Err.Error() }

func (w WaitingError) Unwrap() error { return w.Err }

// onlyWaiting reports whether all errors that err joins are WaitingErrors.
func onlyWaiting(err error) bool {
	switch x := err.(type) { //nolint:errorlint // looks at each of a tree
	case WaitingError:
		return true
	case interface{ Unwrap() []error }:
		for _, e := range x.Unwrap() {
			if !onlyWaiting(e) {
				return false
			}
		}
		return true
	case interface{ Unwrap() error }:
		return x.Unwrap() != nil && onlyWaiting(x.Unwrap())
	}
	return false
}
