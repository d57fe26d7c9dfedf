package enrich

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
)

// Sources holds the content of the files with geography and owners. It is safe for concurrent use.
type Sources struct {
	geo *geo.DB
	asn *asn.DB
	log *slog.Logger
	// choose returns at each Reload the files to read from then on; nil keeps the initial files.
	// The caller of Reload owns cfg.
	choose func() (Config, error)
	cfg    Config
}

// OpenSources reads the files that cfg names. If a file is missing, it logs a warning. If a file
// cannot be parsed, it returns an error.
func OpenSources(cfg Config, log *slog.Logger) (*Sources, error) {
	s := &Sources{log: log, cfg: cfg}
	var err error
	if s.asn, err = asn.Open(registrations(cfg), log); err != nil {
		return nil, err
	}
	origins := s.asn
	if cfg.OriginsApart {
		origins = nil
	}
	if s.geo, err = geo.Open(cfg.Geo, origins, log); err != nil {
		return nil, err
	}
	return s, nil
}

// registrations returns the AS data, with the location files added as registrations: they have
// countries of AS numbers.
func registrations(cfg Config) asn.Config {
	a := cfg.ASN
	for _, f := range cfg.Geo.Files {
		a.Registrations = append(a.Registrations, f.Path)
	}
	return a
}

// Follow sets the function choose. Each Reload calls it and then reads the files that choose
// returns, for example because newer snapshots have arrived. Follow must be called before Watch.
func (s *Sources) Follow(choose func() (Config, error)) { s.choose = choose }

// follow switches to other files. After an error the files stay.
func (s *Sources) follow() error {
	if s.choose == nil {
		return nil
	}
	cfg, err := s.choose()
	if err != nil {
		return err
	}
	if slices.Equal(cfg.Geo.Files, s.cfg.Geo.Files) && slices.Equal(cfg.ASN.Files, s.cfg.ASN.Files) {
		return nil
	}
	s.cfg = cfg
	s.asn.Use(registrations(cfg))
	s.geo.Use(cfg.Geo)
	return nil
}

// Fingerprint returns a hash of the content of all files. The same content in the same order gives
// the same fingerprint.
func (s *Sources) Fingerprint() string {
	sum := sha256.Sum256([]byte(s.geo.Fingerprint() + "\n" + s.asn.Fingerprint()))
	return hex.EncodeToString(sum[:16])
}

// Snapshots returns the current geography and the current owners.
func (s *Sources) Snapshots() (*geo.Snapshot, *asn.Snapshot) {
	return s.geo.Snapshot(), s.asn.Snapshot()
}

// Reload reads the files that changed since the last call. It reports whether the geography or the
// owners changed. If a file cannot be read, its former content stays in use.
func (s *Sources) Reload() (changed bool, err error) {
	chosen := s.follow()
	asnChanged, asnErr := s.asn.Reload()
	geoChanged, geoErr := s.geo.Reload()
	return asnChanged || geoChanged, errors.Join(chosen, asnErr, geoErr)
}

// Watch calls Reload at every interval until ctx ends. It calls report after each change and each
// error; report must not be nil.
func (s *Sources) Watch(ctx context.Context, interval time.Duration, report func(changed bool, err error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := s.Reload()
		if !changed && err == nil {
			continue
		}
		if err != nil {
			s.log.Warn("a changed file of locations or AS data cannot be used: the old content stays", "err", err)
		}
		if changed {
			s.log.Info("locations or AS data changed", "snapshot", s.Fingerprint())
		}
		report(changed, err)
	}
}

// String describes the sizes of geography and owners, for logs.
func (s *Sources) String() string {
	ases, origins := s.asn.Snapshot().Size()
	return fmt.Sprintf("%d prefixes in %d places, %d ASes, %d origins", s.geo.Snapshot().Prefixes(),
		s.geo.Snapshot().Places(), ases, origins)
}
