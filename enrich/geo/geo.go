package geo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gaissmai/bart"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo/source"
	"github.com/darkmap/darkmap/internal/config"
)

// rules is part of the fingerprint. Raise it if the same files start to give other places.
const rules = 1

// Place is a country, or a region within one.
type Place struct {
	// Country is ISO 3166-1 alpha-2.
	Country string
	// Region is ISO 3166-2 (KP-01); empty where the data has none.
	Region string
}

// PlaceID identifies a Place within one Snapshot.
type PlaceID uint32

// Share is the part of a prefix that lies in a place, in 1/256 of a /24 (one address) or 1/65536 of
// a /48 (one /64).
type Share struct {
	Place PlaceID
	Space uint64
}

// DB looks up places in the last good state of the files. It is safe for concurrent use.
type DB struct {
	cfg     Config
	asns    *asn.DB
	log     *slog.Logger
	current atomic.Pointer[Snapshot]

	// mu allows one reload at a time and guards cfg, stamps and origin.
	mu     sync.Mutex
	stamps []source.Stamp
	origin *asn.Snapshot
}

// Snapshot is one state of the files. It is immutable.
type Snapshot struct {
	places      []Place
	table       *bart.Table[PlaceID] // disjoint prefixes
	space       []Space              // by PlaceID
	fingerprint string
}

// Open reads the files. It warns about a missing file. A file that it cannot parse is an error.
// asns gives the origins of prefixes and the countries of ASes; it may be nil.
func Open(cfg Config, asns *asn.DB, log *slog.Logger) (*DB, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	db := &DB{cfg: cfg, asns: asns, log: log}
	if _, err := db.Reload(); err != nil {
		return nil, err
	}
	return db, nil
}

// Snapshot returns the current state.
func (db *DB) Snapshot() *Snapshot { return db.current.Load() }

// Fingerprint identifies the content of the files and the version of the rules.
func (db *DB) Fingerprint() string { return db.Snapshot().fingerprint }

// Fingerprint returns the fingerprint of this state, as DB.Fingerprint does.
func (s *Snapshot) Fingerprint() string { return s.fingerprint }

// Lookup returns the place of one address. ok is false if it is unknown.
func (s *Snapshot) Lookup(a netip.Addr) (Place, bool) {
	id, ok := s.table.Lookup(a.Unmap())
	if !ok {
		return Place{}, false
	}
	return s.places[id], true
}

// Place returns the place with the given id in this snapshot.
func (s *Snapshot) Place(id PlaceID) Place { return s.places[id] }

// Space is the size of a place: IPv4 addresses and IPv6 /64s.
type Space struct{ IPv4, IPv6 uint64 }

// Space returns the size of a place of this snapshot, by the files.
func (s *Snapshot) Space(id PlaceID) Space { return s.space[id] }

// Places returns the number of places. All ids are below it.
func (s *Snapshot) Places() int { return len(s.places) }

// Prefixes returns the number of prefixes in the table.
func (s *Snapshot) Prefixes() int { return s.table.Size() }

// Reload reads the files again if one of them, or the AS data, changed since the last call. It
// reports whether the state is new. After an error the old state stays until the files change
// again.
func (db *DB) Reload() (changed bool, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	paths := make([]string, 0, len(db.cfg.Files))
	for _, f := range db.cfg.Files {
		paths = append(paths, f.Path)
	}
	stamps := source.StampsOf(paths)
	var origin *asn.Snapshot
	if db.asns != nil {
		origin = db.asns.Snapshot()
	}
	if db.current.Load() != nil && source.SameStamps(stamps, db.stamps) && origin == db.origin {
		return false, nil
	}
	db.stamps, db.origin = stamps, origin
	next, err := db.load(stamps, origin)
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

func (db *DB) load(stamps []source.Stamp, origin *asn.Snapshot) (*Snapshot, error) {
	b := newBuilder()
	content := fmt.Appendf(nil, "rules %d\n", rules)
	for i, f := range db.cfg.Files {
		if stamps[i].Missing() {
			db.log.Warn("no location file here: places that only it knows stay unknown", "file", f.Path)
			content = fmt.Appendf(content, "%d absent\n", i)
			continue
		}
		info, kind, err := b.read(f)
		if err != nil {
			return nil, fmt.Errorf("reading locations from %s: %w", f.Path, err)
		}
		content = fmt.Appendf(content, "%d %s %s\n", i, kind, info.Hash)
		db.log.Info("locations read", "file", f.Path, "format", info.Format.String(), "kind", string(kind),
			"rows", info.Rows, "skipped", info.Skipped)
	}
	if origin != nil && origin.Registered() {
		b.origins(origin)
		content = fmt.Appendf(content, "origins %s\n", origin.Fingerprint())
	}
	s := b.snapshot()
	sum := sha256.Sum256(content)
	s.fingerprint = hex.EncodeToString(sum[:16])
	return s, nil
}

// kindOf returns the kind of a file: the configured one, else the one of its content.
func kindOf(f File, info source.Info) Kind {
	if f.Kind != "" {
		return f.Kind
	}
	if info.Format == source.FormatDelegated {
		return KindDelegation
	}
	maker := strings.ToLower(info.Kind)
	for _, measured := range []string{"geolite2", "geoip2", "dbip", "ipinfo"} {
		if info.Format == source.FormatMMDB && strings.HasPrefix(maker, measured) {
			return KindGeolocation
		}
	}
	return KindWhois
}
