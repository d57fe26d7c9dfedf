package target

import (
	"log/slog"
	"time"
)

// Deps are the dependencies of a target, beside its configuration.
type Deps struct {
	// Name is the target's name in the configuration; metrics and logs show it.
	Name string
	// Version is darkmap's; targets tell it as User-Agent.
	Version string
	// PublicURL is notify.public_url without a slash at its end; empty where none is configured.
	PublicURL string
	// Now is the clock.
	Now func() time.Time
	// Logger gets events that the result of Send cannot carry, such as one of several servers being down.
	Logger *slog.Logger
}
