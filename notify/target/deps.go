package target

import (
	"log/slog"
	"time"
)

// Deps is what a target is given beside its configuration.
type Deps struct {
	// Name is the target's name in the configuration; metrics and logs show it.
	Name string
	// Version is darkmap's; targets tell it as User-Agent.
	Version string
	// PublicURL is notify.public_url without a slash at its end; empty where none is configured.
	PublicURL string
	// Now is the clock.
	Now func() time.Time
	// Logger is told what no answer of Send can say, such as that one of several servers is down.
	Logger *slog.Logger
}
