package kafka

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// retentionInterval is how often the embedded broker drops what is too old or too much.
	retentionInterval = 30 * time.Second
	// segmentBytes is small, because segments go as a whole and are read as a whole when the broker starts.
	segmentBytes = 16 << 20
	clusterID    = "darkmap"
)

// BrokerConfig says how the embedded broker runs.
type BrokerConfig struct {
	// Dir holds its data; created if needed. Empty keeps everything in memory.
	Dir string
	// Port on loopback; 0 takes a free one.
	Port int
	// MinRoomBytes is what has to be free on Dir's disk for the broker to take anything. 0 is 16 MiB.
	MinRoomBytes int64
	// Open lets everybody in who reaches the port: for tests in which it stands in for a cluster of others. Otherwise clients need the
	// password that Use gives them; it is another one after every start.
	Open bool
	// Network replaces loopback by an in-memory network: for tests in virtual time.
	Network *kfake.VirtualNetwork
	// Log gets its warnings; nil is none.
	Log *slog.Logger
}

// Broker is the embedded broker. It is for one process: two must not share a folder.
type Broker struct {
	cluster     *kfake.Cluster
	network     *kfake.VirtualNetwork
	credentials Credentials
	dir         string
}

// brokerUser is the embedded broker's only user.
const brokerUser = "darkmap"

// StartBroker starts the embedded broker on loopback. ctx bounds only the start.
func StartBroker(ctx context.Context, bc BrokerConfig) (*Broker, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID(clusterID),
		kfake.BrokerConfigs(map[string]string{
			"log.cleaner.backoff.ms": strconv.FormatInt(retentionInterval.Milliseconds(), 10),
			"log.segment.bytes":      strconv.Itoa(segmentBytes),
		}),
	}
	if bc.Port != 0 {
		opts = append(opts, kfake.Ports(bc.Port))
	}
	if bc.Network != nil && bc.Port == 0 {
		opts = append(opts, kfake.Ports(9092))
	}
	log := bc.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	opts = append(opts, kfake.WithLogger(newBrokerLog(log, bc.Dir)), kfake.ListenFn(bc.listener(log)))
	if bc.Dir != "" {
		if err := os.MkdirAll(bc.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("starting the embedded broker: %w", err)
		}
		if err := checkFolder(ctx, bc.Dir, log); err != nil {
			return nil, fmt.Errorf("starting the embedded broker: %w", err)
		}
		opts = append(opts, kfake.DataDir(bc.Dir))
	}
	b := &Broker{network: bc.Network, dir: bc.Dir}
	if !bc.Open {
		b.credentials = Credentials{Mechanism: mechanismSCRAM256, User: brokerUser, Password: rand.Text()}
		opts = append(opts, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanismSCRAM256), brokerUser, b.credentials.Password))
	}
	var err error
	if b.cluster, err = kfake.NewCluster(opts...); err != nil {
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	if bc.Dir != "" {
		if err := retireSnapshots(bc.Dir); err != nil {
			b.cluster.Close()
			return nil, fmt.Errorf("starting the embedded broker: %w", err)
		}
		b.cluster.Fault(newDiskSpace(bc.Dir, cmp.Or(bc.MinRoomBytes, minFree), log).faults()...)
	}
	return b, nil
}

// listener returns how the broker listens: on loopback or in the in-memory network, behind a gate where it asks for a password.
func (bc BrokerConfig) listener(log *slog.Logger) func(network, address string) (net.Listener, error) {
	listen := net.Listen
	if bc.Network != nil {
		listen = bc.Network.Listen
	}
	if bc.Open {
		return listen
	}
	refused := telemetry.NewLimited(log, unkeptEvery, 3)
	return func(network, address string) (net.Listener, error) {
		ln, err := listen(network, address)
		if err != nil {
			return nil, err
		}
		return newGate(ln, refused), nil
	}
}

// Addrs are the addresses it listens on, host:port.
func (b *Broker) Addrs() []string { return b.cluster.ListenAddrs() }

// Use returns cfg pointing at this broker.
func (b *Broker) Use(cfg Config) Config {
	cfg = cfg.Through(b.Addrs(), b.credentials)
	cfg.embedded = true
	if b.network != nil {
		cfg.dial = b.network.DialContext
	}
	return cfg
}

// Close writes what it holds and ends the broker. Clients should be closed before.
func (b *Broker) Close() error {
	b.cluster.Close()
	if b.dir == "" {
		return nil
	}
	return copyTopics(b.dir)
}

// brokerLog passes on the broker's errors, and that it cannot write, which it only warns of and which its clients are told as
// UNKNOWN_SERVER_ERROR. What else it warns of (a transaction that took some milliseconds) is for those who work on it: debug, as
// its chatter.
type brokerLog struct {
	log    *slog.Logger
	dir    string
	unkept *telemetry.Limited // each batch that cannot be kept
}

func newBrokerLog(log *slog.Logger, dir string) brokerLog {
	return brokerLog{log: log, dir: dir, unkept: telemetry.NewLimited(log, unkeptEvery, 1)}
}

// Logf is kfake's Logger.
func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	m := message{format, args}
	switch {
	case full(args):
		l.unkept.Warn("the disk is full: the embedded broker cannot keep what it is sent", "dir", l.dir, "message", m)
	case level <= kfake.LogLevelWarn && strings.Contains(format, "persist "):
		l.unkept.Warn("the embedded broker cannot keep what it is sent", "dir", l.dir, "message", m)
	case level == kfake.LogLevelError:
		l.log.Error("embedded broker", "message", m)
	default:
		l.log.Debug("embedded broker", "message", m)
	}
}

// full reports whether one of the arguments says that there is no room.
func full(args []any) bool {
	return slices.ContainsFunc(args, func(a any) bool {
		err, ok := a.(error)
		return ok && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT))
	})
}

// message is formatted only where it is logged.
type message struct {
	format string
	args   []any
}

// LogValue is slog's.
func (m message) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf(m.format, m.args...)) }
