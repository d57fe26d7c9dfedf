package clickhouse

import (
	"errors"
	"fmt"
	"net"
	"regexp"

	"github.com/darkmap/darkmap/internal/config"
)

// DefaultDatabase is the database of darkmap's tables.
const DefaultDatabase = "darkmap"

// Config says which ClickHouse to use.
type Config struct {
	// Addresses of a ClickHouse's native protocol, host:port; the first that answers is used. None is the embedded engine.
	Addresses []string `yaml:"addresses"`
	// HTTPAddress is its HTTP interface, host:port, which only `darkmap sql` uses; default: port 8123 (8443 with TLS) of the first address.
	HTTPAddress string `yaml:"http_address"`
	// Database that holds the tables; default darkmap.
	Database string `yaml:"database"`
	// User; default default. The embedded engine has its own.
	User string `yaml:"user"`
	// Password of the user; none by default.
	Password config.Secret `yaml:"password"`
	// Reader is the user of those who only read (`darkmap sql`); default: the user above with readonly = 2. The embedded engine has its own.
	Reader ReaderConfig `yaml:"reader"`
	// Door is a fixed address of the embedded engine for other programs, which can only read; default none.
	Door DoorConfig `yaml:"door"`
	// TLS, checked against the system's authorities; off by default.
	TLS bool `yaml:"tls"`
	// Cluster names the cluster (one shard, any number of replicas) that migrations run ON CLUSTER of, with Replicated
	// engines; default none: plain engines on one server.
	Cluster string `yaml:"cluster"`
	// EngineMemoryBytes bounds what the embedded engine may allocate; default 1.5 GB. 0 is the default.
	EngineMemoryBytes int64 `yaml:"engine_memory_bytes"`
}

// ReaderConfig is a user who may only read.
type ReaderConfig struct {
	// User; none by default.
	User string `yaml:"user"`
	// Password of the user; none by default.
	Password config.Secret `yaml:"password"`
}

// DefaultConfig is the embedded engine.
func DefaultConfig() Config { return Config{Database: DefaultDatabase} }

// Embedded reports whether c means the embedded engine.
func (c Config) Embedded() bool { return len(c.Addresses) == 0 }

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate reports all faults at once.
func (c Config) Validate() error {
	var faults []error
	for _, a := range c.Addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			faults = append(faults, fmt.Errorf("clickhouse.addresses: %w", err))
		}
	}
	if c.HTTPAddress != "" {
		if _, _, err := net.SplitHostPort(c.HTTPAddress); err != nil {
			faults = append(faults, fmt.Errorf("clickhouse.http_address: %w", err))
		}
	}
	if !identifier.MatchString(c.Database) {
		faults = append(faults, fmt.Errorf("clickhouse.database: %q is not a name of letters, digits and _", c.Database))
	}
	if c.Database == "default" || c.Database == "system" {
		faults = append(faults, fmt.Errorf("clickhouse.database: %s belongs to ClickHouse", c.Database))
	}
	if c.Cluster != "" && !identifier.MatchString(c.Cluster) {
		faults = append(faults, fmt.Errorf("clickhouse.cluster: %q is not a name of letters, digits and _", c.Cluster))
	}
	if c.Cluster != "" && c.Embedded() {
		faults = append(faults, errors.New("clickhouse.cluster: the embedded engine has no cluster; configure clickhouse.addresses"))
	}
	if c.Reader.User != "" && c.Embedded() {
		faults = append(faults, errors.New("clickhouse.reader: the embedded engine has its own reader; configure clickhouse.addresses"))
	}
	faults = append(faults, c.Door.validate(c.Embedded())...)
	if c.EngineMemoryBytes != 0 && c.EngineMemoryBytes < 256<<20 {
		faults = append(faults, fmt.Errorf("clickhouse.engine_memory_bytes: %d is below 256 MiB", c.EngineMemoryBytes))
	}
	return errors.Join(faults...)
}
