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
	// Names of ASes, prefixes and their origins, or RIR delegations: the first file that knows
	// something counts. Empty: the data that `darkmap fetch` brings.
	Files []string `yaml:"files" max:"64"`
	// Registrations lists further files. Only the RIR delegations among them are read, for the
	// countries of AS numbers.
	Registrations []string `yaml:"-"`
}

// Owner holds the holder of an AS number. An empty field is unknown.
type Owner struct {
	// Name is the short name if the files have one, else the organisation's name.
	Name         string
	Organisation string
	// Country is the country in which the number is registered, ISO 3166-1 alpha-2.
	Country string
}

// DB looks up owners and origins in the last good state of the files. It is safe for concurrent
// use.
type DB struct {
	cfg     Config
	log     *slog.Logger
	current atomic.Pointer[Snapshot]

	// mu allows one reload at a time and guards cfg and stamps.
	mu     sync.Mutex
	stamps []source.Stamp
}

// Snapshot is one state of the files. It is immutable.
type Snapshot struct {
	owners      map[bgp.ASN]Owner
	origins     *bart.Table[bgp.ASN]
	registered  bool
	fingerprint string
}

// Open reads the files. It warns about a missing file. A file that it cannot parse is an error.
func Open(cfg Config, log *slog.Logger) (*DB, error) {
	db := &DB{cfg: cfg, log: log}
	if _, err := db.Reload(); err != nil {
		return nil, err
	}
	return db, nil
}

// Fingerprint identifies the content of the files: the same files in the same order give the same
// fingerprint.
func (db *DB) Fingerprint() string { return db.Snapshot().fingerprint }

// Snapshot returns the current state.
func (db *DB) Snapshot() *Snapshot { return db.current.Load() }

// Lookup returns the owner of a. ok is false if no file knows a.
func (s *Snapshot) Lookup(a bgp.ASN) (Owner, bool) {
	o, ok := s.owners[a]
	return o, ok
}

// Owners returns all ASes of the files, in no order.
func (s *Snapshot) Owners() iter.Seq2[bgp.ASN, Owner] { return maps.All(s.owners) }

// Registered reports whether at least one AS has a country.
func (s *Snapshot) Registered() bool { return s.registered }

// Origins returns the table of prefixes and the ASes that originate them. The caller must not
// modify it.
func (s *Snapshot) Origins() *bart.Table[bgp.ASN] { return s.origins }

// Cover returns the longest less-specific prefix of p with the same origin as p, and that origin.
// If the files have no origin for p, Cover takes the longest less-specific prefix with any origin.
// ok is false if there is no such prefix. If a file lists address ranges, the returned prefix is a
// part of a range and need not be a route.
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

// Fingerprint returns the fingerprint of this state, as DB.Fingerprint does.
func (s *Snapshot) Fingerprint() string { return s.fingerprint }

// Size returns the numbers of known ASes and prefixes.
func (s *Snapshot) Size() (ases, prefixes int) { return len(s.owners), s.origins.Size() }

// Reload reads the files again if one of them changed since the last call. It reports whether the
// state is new. After an error the old state stays until the files change again.
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

// Use makes the next Reload read the files of cfg.
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
