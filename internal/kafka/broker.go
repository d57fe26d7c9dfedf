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
	// retentionInterval is the interval at which the embedded broker drops records that exceed the
	// retention by time or size.
	retentionInterval = 30 * time.Second
	// segmentBytes is small, because retention drops whole segments and the broker reads whole
	// segments at its start.
	segmentBytes = 16 << 20
	clusterID    = "darkmap"
)

// BrokerConfig configures the embedded broker.
type BrokerConfig struct {
	// Dir holds the data of the broker. StartBroker creates it if needed. Empty means in memory
	// only.
	Dir string
	// Port is the port on loopback; 0 selects a free one.
	Port int
	// MinRoomBytes is the free space on Dir's disk that the broker needs to accept data. 0 is 16
	// MiB.
	MinRoomBytes int64
	// Open admits every client that reaches the port, for tests that use the broker as an external
	// cluster. Without it clients need the password that Use gives them. The password changes at
	// every start.
	Open bool
	// Network replaces loopback by an in-memory network: for tests in virtual time.
	Network *kfake.VirtualNetwork
	// Log receives the broker's warnings; nil is no log.
	Log *slog.Logger
}

// Broker is the embedded broker. A folder belongs to one process at a time.
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
		opts = append(opts, kfake.EnableSASL(),
			kfake.Superuser(strings.ToUpper(mechanismSCRAM256), brokerUser, b.credentials.Password))
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

// listener returns the broker's listen function. It listens on loopback or in the in-memory
// network, behind a gate if the broker requires a password.
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

// Addrs returns the addresses on which the broker listens, as host:port.
func (b *Broker) Addrs() []string { return b.cluster.ListenAddrs() }

// Use returns cfg for this broker.
func (b *Broker) Use(cfg Config) Config {
	cfg = cfg.Through(b.Addrs(), b.credentials)
	cfg.embedded = true
	if b.network != nil {
		cfg.dial = b.network.DialContext
	}
	return cfg
}

// Close writes the broker's state to disk and ends the broker. Close the clients first.
func (b *Broker) Close() error {
	b.cluster.Close()
	if b.dir == "" {
		return nil
	}
	return copyTopics(b.dir)
}

// brokerLog forwards the broker's errors and its failures to write. kfake only warns of such a
// failure, and returns UNKNOWN_SERVER_ERROR to its clients. Other warnings of kfake (such as a
// transaction that took some milliseconds) serve its developers, so brokerLog logs them at level
// debug, like the rest of kfake's messages.
type brokerLog struct {
	log    *slog.Logger
	dir    string
	unkept *telemetry.Limited // for batches that cannot be stored
}

func newBrokerLog(log *slog.Logger, dir string) brokerLog {
	return brokerLog{log: log, dir: dir, unkept: telemetry.NewLimited(log, unkeptEvery, 1)}
}

// Logf implements kfake.Logger.
func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	m := message{format, args}
	switch {
	case full(args):
		l.unkept.Warn("the disk is full: the embedded broker cannot write its data",
			"dir", l.dir, "message", m)
	case level <= kfake.LogLevelWarn && strings.Contains(format, "persist "):
		l.unkept.Warn("the embedded broker cannot write its data", "dir", l.dir, "message", m)
	case level == kfake.LogLevelError:
		l.log.Error("embedded broker", "message", m)
	default:
		l.log.Debug("embedded broker", "message", m)
	}
}

// full reports whether one of the arguments is an error for a full disk or an exhausted quota.
func full(args []any) bool {
	return slices.ContainsFunc(args, func(a any) bool {
		err, ok := a.(error)
		return ok && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT))
	})
}

// message is a log message that is formatted only if it is logged.
type message struct {
	format string
	args   []any
}

// LogValue implements slog.LogValuer.
func (m message) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf(m.format, m.args...)) }
