package asn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gaissmai/bart"

	"github.com/darkmap/darkmap/enrich/geo/source"
	"github.com/darkmap/darkmap/internal/bgp"
)

// maxASes bounds the table of owners; some 120,000 AS numbers are registered.
const maxASes = 4 << 20

// Config is the section enrich.asn.
type Config struct {
	// Names of ASes, prefixes and their origins, or RIR delegations: the first file that knows something counts. Empty: the data that
	// `darkmap fetch` brings.
	Files []string `yaml:"files" max:"64"`
	// Registrations are more files, of which only RIR delegations are read, for the countries of AS numbers.
	Registrations []string `yaml:"-"`
}

// Owner is who an AS belongs to. Empty is unknown.
type Owner struct {
	// Name is the short one, else the organisation's.
	Name         string
	Organisation string
	// Country is where the number is registered, ISO 3166-1 alpha-2.
	Country string
}

// DB answers from the files' last good state. It is safe for concurrent use.
type DB struct {
	cfg     Config
	log     *slog.Logger
	current atomic.Pointer[Snapshot]

	mu     sync.Mutex // one reload at a time; owns cfg and stamps
	stamps []source.Stamp
}

// Snapshot is one state of the files. It never changes.
type Snapshot struct {
	owners      map[bgp.ASN]Owner
	origins     *bart.Table[bgp.ASN]
	registered  bool
	fingerprint string
}

// Open reads the files. A missing file is a warning, one that cannot be understood an error.
func Open(cfg Config, log *slog.Logger) (*DB, error) {
	db := &DB{cfg: cfg, log: log}
	if _, err := db.Reload(); err != nil {
		return nil, err
	}
	return db, nil
}

// Fingerprint names the files' content: the same files, in the same order, have the same one.
func (db *DB) Fingerprint() string { return db.Snapshot().fingerprint }

// Snapshot returns the present state.
func (db *DB) Snapshot() *Snapshot { return db.current.Load() }

// Lookup returns the owner of a; ok is false where the files have nothing.
func (s *Snapshot) Lookup(a bgp.ASN) (Owner, bool) {
	o, ok := s.owners[a]
	return o, ok
}

// Owners returns every AS that the files know, in no order.
func (s *Snapshot) Owners() iter.Seq2[bgp.ASN, Owner] { return maps.All(s.owners) }

// Registered reports whether any AS has a country.
func (s *Snapshot) Registered() bool { return s.registered }

// Origins returns the table of prefixes and the ASes that originate them. It must not be written to.
func (s *Snapshot) Origins() *bart.Table[bgp.ASN] { return s.origins }

// Cover returns the nearest less-specific prefix of p that has the same origin as p, or where p has none, any; and that origin. ok is false
// where the files have none. Of files of address ranges it is a part of a range and not of need a route.
func (s *Snapshot) Cover(p netip.Prefix) (cover netip.Prefix, origin bgp.ASN, ok bool) {
	for q, a := range s.origins.Supernets(p) {
		switch {
		case q == p:
			origin = a
		case origin == 0 || a == origin:
			return q, a, true
		}
	}
	return netip.Prefix{}, 0, false
}

// Fingerprint is DB.Fingerprint of one state of the files.
func (s *Snapshot) Fingerprint() string { return s.fingerprint }

// Size returns how many ASes and prefixes are known.
func (s *Snapshot) Size() (ases, prefixes int) { return len(s.owners), s.origins.Size() }

// Reload reads the files again if one of them changed since the last call, and reports whether the state is a new one. On
// an error the old state stays, until the files change once more.
func (db *DB) Reload() (changed bool, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	stamps := source.StampsOf(slices.Concat(db.cfg.Files, db.cfg.Registrations))
	if db.current.Load() != nil && source.SameStamps(stamps, db.stamps) {
		return false, nil
	}
	db.stamps = stamps
	next, err := db.load(stamps)
	if err != nil {
		return false, err
	}
	old := db.current.Swap(next)
	return old == nil || old.fingerprint != next.fingerprint, nil
}

// Use reads other files from the next Reload on.
func (db *DB) Use(cfg Config) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.cfg, db.stamps = cfg, nil
}

func (db *DB) load(stamps []source.Stamp) (*Snapshot, error) {
	b := builder{owners: map[bgp.ASN]*entry{}, texts: map[string]string{}, origins: &bart.Table[bgp.ASN]{}}
	var content []byte
	for i, path := range slices.Concat(db.cfg.Files, db.cfg.Registrations) {
		extra := i >= len(db.cfg.Files)
		if stamps[i].Missing() {
			if !extra {
				db.log.Warn("no file of AS data here: its names and origins stay unknown", "file", path)
				content = fmt.Appendf(content, "%d absent\n", i)
			}
			continue
		}
		if extra {
			format, err := source.Sniff(path)
			if err != nil {
				return nil, fmt.Errorf("reading AS registrations from %s: %w", path, err)
			}
			if format != source.FormatDelegated {
				continue
			}
		}
		info, err := b.read(path)
		if err != nil {
			return nil, fmt.Errorf("reading AS data from %s: %w", path, err)
		}
		content = fmt.Appendf(content, "%d %t %s\n", i, extra, info.Hash)
		db.log.Info("AS data read", "file", path, "format", info.Format.String(), "rows", info.Rows,
			"skipped", info.Skipped)
	}
	s := b.snapshot()
	sum := sha256.Sum256(content)
	s.fingerprint = hex.EncodeToString(sum[:16])
	return s, nil
}

var errTooMany = errors.New("too many AS numbers")
