package kafka

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"

	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// dialFailed is the prefix of franz-go's message that a broker cannot be reached. franz-go logs
	// it several times a second.
	dialFailed = "unable to open connection to broker"
	// dialGrace is the duration of failures after which the log reports them. If the owner gives
	// the client up sooner, it has received the error.
	dialGrace = 30 * time.Second
	// dialQuiet is the time without a failure that ends a series of failures. franz-go tries again
	// after seconds.
	dialQuiet = time.Minute
	// dialEvery is the interval of these log lines for one client.
	dialEvery = 10 * time.Minute
)

// dialLog is the log of a client. It limits the lines about an unreachable broker, or a broker that
// rejects the client, to one in a while.
type dialLog struct {
	kgo.Logger
	cfg     Config
	log     *slog.Logger
	said    *telemetry.Limited
	refused *telemetry.Limited

	mu          sync.Mutex // guards first and last
	first, last time.Time  // bounds of a series of failures without dialQuiet in between
}

func newDialLog(cfg Config, log *slog.Logger) *dialLog {
	return &dialLog{
		Logger: kslog.New(log), cfg: cfg, log: log,
		said:    telemetry.NewLimited(log, dialEvery, 1),
		refused: telemetry.NewLimited(log, dialEvery, 1),
	}
}

// Log implements kgo.Logger.
func (l *dialLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	refused := l.refusal(keyvals)
	switch {
	case refused != nil:
		l.refused.Warn("Kafka refuses this client; it goes on trying", "err", refused)
	case !strings.HasPrefix(msg, dialFailed):
		l.Logger.Log(level, msg, keyvals...)
	case l.lasts(time.Now()):
		l.said.Warn(msg, keyvals...)
	default:
		l.log.Debug(msg, keyvals...) //nolint:sloglint // the client's message is constant
	}
}

// refusal returns the RefusedError among the values of a message, or nil.
func (l *dialLog) refusal(keyvals []any) *RefusedError {
	for _, v := range keyvals {
		err, ok := v.(error)
		if !ok {
			continue
		}
		if r, ok := errors.AsType[*RefusedError](l.cfg.refusedLogin(err, l.cfg.Brokers)); ok {
			return r
		}
	}
	return nil
}

// lasts records a failure and reports whether the client has failed for dialGrace.
func (l *dialLog) lasts(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.last) > dialQuiet {
		l.first = now
	}
	l.last = now
	return now.Sub(l.first) >= dialGrace
}
