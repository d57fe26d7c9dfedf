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
	// dialFailed begins what franz-go says each time, several times a second, that a broker cannot be reached.
	dialFailed = "unable to open connection to broker"
	// dialGrace is for how long a client fails before that is said: one that its owner gives up sooner has told its owner.
	dialGrace = 30 * time.Second
	// dialQuiet without a failure is the end of failing; franz-go tries again after seconds.
	dialQuiet = time.Minute
	// dialEvery is how often it is said of one client.
	dialEvery = 10 * time.Minute
)

// dialLog is a client's log in which a broker that cannot be reached, or that refuses the client, takes one line in a while.
type dialLog struct {
	kgo.Logger
	cfg     Config
	log     *slog.Logger
	said    *telemetry.Limited
	refused *telemetry.Limited

	mu          sync.Mutex // both times
	first, last time.Time  // failures without dialQuiet in between
}

func newDialLog(cfg Config, log *slog.Logger) *dialLog {
	return &dialLog{Logger: kslog.New(log), cfg: cfg, log: log, said: telemetry.NewLimited(log, dialEvery, 1), refused: telemetry.NewLimited(log, dialEvery, 1)}
}

// Log is kgo's.
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

// refusal is the RefusedError among the values of a message; nil where there is none.
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

// lasts notes a failure and reports whether the client has failed for dialGrace.
func (l *dialLog) lasts(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.last) > dialQuiet {
		l.first = now
	}
	l.last = now
	return now.Sub(l.first) >= dialGrace
}
