package clickhouse

import (
	"regexp"

	"github.com/darkmap/darkmap/internal/config"
)

// DefaultDatabase is the database of darkmap's tables.
const DefaultDatabase = "darkmap"

// Config is the section clickhouse of the configuration. It selects the ClickHouse to use.
type Config struct {
	// Addresses of a ClickHouse's native protocol; the first that answers is used. Empty is the
	// embedded engine: of the other keys it uses database, door, retention and engine_memory_bytes,
	// and refuses the rest.
	Addresses []string `yaml:"addresses" form:"host:port"`
	// The address of its HTTP interface, which only `darkmap sql` uses. Empty: port 8123 (8443 with
	// TLS) of the first address.
	HTTPAddress string `yaml:"http_address" form:"host:port"`
	// The database that holds the tables.
	Database string `yaml:"database" want:"a name of letters, digits and _ other than default and system"`
	// The user who writes. Empty: default.
	User string `yaml:"user"`
	// The user's password.
	Password config.Secret `yaml:"password"`
	// A user who only reads (`darkmap sql`).
	Reader ReaderConfig `yaml:"reader"`
	// A fixed address of the embedded engine for other programs, which can only read.
	Door DoorConfig `yaml:"door"`
	// Whether connections are encrypted. Certificates are checked against the system's authorities.
	TLS bool `yaml:"tls"`
	// The cluster, of one shard and any number of replicas, ON which migrations run, with
	// Replicated engines. Empty: plain engines on one server.
	Cluster string `yaml:"cluster" want:"a name of letters, digits and _"`
	// For how long the tables keep rows, from their arrival; forever (or 0) keeps them. migrate,
	// and every start of what writes, changes the tables that keep rows for another time.
	Retention RetentionConfig `yaml:"retention"`
	// The most memory that the embedded engine may allocate, octets. It has no place beside
	// addresses.
	EngineMemoryBytes int64 `yaml:"engine_memory_bytes" min:"268435456"`
}

// ReaderConfig is a user with read access only.
type ReaderConfig struct {
	// Empty: the user above, with readonly = 2.
	User string `yaml:"user"`
	// The reader's password.
	Password config.Secret `yaml:"password"`
}

// DefaultConfig returns the configuration of the embedded engine.
func DefaultConfig() Config {
	return Config{
		Database: DefaultDatabase, Retention: DefaultRetention(), EngineMemoryBytes: defaultEngineMemory,
	}
}

// Embedded reports whether c selects the embedded engine.
func (c Config) Embedded() bool { return len(c.Addresses) == 0 }

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Faults returns the faults that tags of the fields cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	if !identifier.MatchString(c.Database) || c.Database == "default" || c.Database == "system" {
		faults = append(faults, config.Fault{Key: "database", Value: c.Database})
	}
	if c.Cluster != "" && !identifier.MatchString(c.Cluster) {
		faults = append(faults, config.Fault{Key: "cluster", Value: c.Cluster})
	}
	if !c.Embedded() && c.Door != (DoorConfig{}) {
		return append(faults, config.Fault{
			Key: "door.listen", Value: c.Door.Listen,
			Want: "no door beside clickhouse.addresses: it is for the embedded engine",
		})
	}
	if !c.Embedded() {
		if c.EngineMemoryBytes != defaultEngineMemory {
			faults = append(faults, config.Fault{
				Key: "engine_memory_bytes", Value: c.EngineMemoryBytes,
				Want: "no limit beside clickhouse.addresses: it is for the embedded engine",
			})
		}
		return faults
	}
	for _, f := range []struct {
		key   string
		value any
		set   bool
	}{
		{"http_address", c.HTTPAddress, c.HTTPAddress != ""},
		{"user", c.User, c.User != ""},
		{"password.file", c.Password.File, c.Password.File != ""},
		{"password.env", c.Password.Env, c.Password.Env != ""},
		{"reader.user", c.Reader.User, c.Reader.User != ""},
		{"reader.password.file", c.Reader.Password.File, c.Reader.Password.File != ""},
		{"reader.password.env", c.Reader.Password.Env, c.Reader.Password.Env != ""},
		{"tls", c.TLS, c.TLS},
		{"cluster", c.Cluster, c.Cluster != ""},
	} {
		if f.set {
			faults = append(faults, config.Fault{
				Key: f.key, Value: f.value,
				Want: "it only beside clickhouse.addresses: the embedded engine has no use for it",
			})
		}
	}
	return faults
}
