package target

import (
	"log/slog"
	"time"
)

// Deps are the dependencies of a target, in addition to its configuration.
type Deps struct {
	// Name is the target's name in the configuration, for metrics and logs.
	Name string
	// Version is the version of darkmap. Targets send it as User-Agent.
	Version string
	// PublicURL is notify.public_url without a slash at its end; empty if it is not configured.
	PublicURL string
	// Now is the clock.
	Now func() time.Time
	// Logger takes events that the result of Send cannot report, such as a failure of one of
	// several servers.
	Logger *slog.Logger
}
