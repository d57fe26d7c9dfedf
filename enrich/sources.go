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

// Sources are the files that enrich looks things up in. They are safe for concurrent use.
type Sources struct {
	geo *geo.DB
	asn *asn.DB
	log *slog.Logger
	// choose says, at each Reload, which files are read from now on; nil: those of the beginning. Reload's caller owns cfg.
	choose func() (Config, error)
	cfg    Config
}

// OpenSources reads the files. A missing one is a warning, one that cannot be understood an error.
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

// registrations are the AS data with the countries of AS numbers that the location files have.
func registrations(cfg Config) asn.Config {
	a := cfg.ASN
	for _, f := range cfg.Geo.Files {
		a.Registrations = append(a.Registrations, f.Path)
	}
	return a
}

// Follow has each Reload ask choose which files are read from then on, as where newer snapshots come. It is called before Watch.
func (s *Sources) Follow(choose func() (Config, error)) { s.choose = choose }

// follow takes up other files. An error leaves the files as they are.
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

// Fingerprint names the content of all files: the same content in the same order has the same one.
func (s *Sources) Fingerprint() string {
	sum := sha256.Sum256([]byte(s.geo.Fingerprint() + "\n" + s.asn.Fingerprint()))
	return hex.EncodeToString(sum[:16])
}

// Snapshots returns the present state of both.
func (s *Sources) Snapshots() (*geo.Snapshot, *asn.Snapshot) {
	return s.geo.Snapshot(), s.asn.Snapshot()
}

// Reload reads what changed since the last call and reports whether anything did. What cannot be read keeps its old state.
func (s *Sources) Reload() (changed bool, err error) {
	chosen := s.follow()
	asnChanged, asnErr := s.asn.Reload()
	geoChanged, geoErr := s.geo.Reload()
	return asnChanged || geoChanged, errors.Join(chosen, asnErr, geoErr)
}

// Watch calls Reload at every interval until ctx ends and gives each outcome that is one to report; report must not be nil.
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

// String is for logs.
func (s *Sources) String() string {
	ases, origins := s.asn.Snapshot().Size()
	return fmt.Sprintf("%d prefixes in %d places, %d ASes, %d origins", s.geo.Snapshot().Prefixes(),
		s.geo.Snapshot().Places(), ases, origins)
}
