package telemetry

// WaitingError is a reason of Ready that is nobody's fault here: the process could do its work, and others have not come. /readyz says it, and
// answers 200 all the same, or those others would be kept away.
type WaitingError struct{ Err error }

func (w WaitingError) Error() string { return w.Err.Error() }

func (w WaitingError) Unwrap() error { return w.Err }

// onlyWaiting reports whether all that err joins is WaitingError.
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
