package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/fetch"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/sink"
)

// configuration is the one YAML file. It has one section for each part of darkmap.
type configuration struct {
	// How long a stage that is told to end may take to write what it has read. After twice that
	// time it is given up.
	Drain time.Duration `yaml:"drain" min:"1s" max:"1h"`
	// Where the topics are.
	Kafka kafka.Config `yaml:"kafka"`
	// Where the store is.
	ClickHouse clickhouse.Config `yaml:"clickhouse"`
	// Which sources are read, and how.
	Ingest ingest.Config `yaml:"ingest"`
	// The data on geography and owners.
	Enrich enrich.Config `yaml:"enrich"`
	// What is an outage, and how the stage runs that finds them.
	Detect detect.Config `yaml:"detect"`
	// How rows are written.
	Sink sink.Config `yaml:"sink"`
	// Watch lists: what is yours, so that you are told when it goes dark. Only ingest and up read
	// them; a change needs no restart.
	Watch watch.Section `yaml:"watch"`
	// Where the addresses of the hosts of watch lists are asked for.
	WatchDNS hosts.Config `yaml:"watch_dns"`
	// Who is told of which outages.
	Notify notify.Config `yaml:"notify"`
	// Pages and the API: where they are, and who may read them.
	Serve serve.Config `yaml:"serve"`
}

// Faults returns the faults between sections: routes of notify that name an unknown watch list.
// Without a section watch every name is accepted, because notify may run with a file that lacks the
// section.
func (c configuration) Faults() []config.Fault {
	if len(c.Watch) == 0 {
		return nil
	}
	faults := c.Notify.FaultsOfLists(c.lists())
	for i := range faults {
		faults[i].Key = "notify." + faults[i].Key
	}
	return faults
}

// lists returns the names of the watch lists.
func (c configuration) lists() []string {
	names := make([]string, len(c.Watch))
	for i, l := range c.Watch {
		names[i] = l.Name
	}
	return names
}

func defaultConfiguration() *configuration {
	return &configuration{
		Drain: kafka.DefaultDrain, Kafka: kafka.DefaultConfig(), ClickHouse: clickhouse.DefaultConfig(),
		Ingest: ingest.DefaultConfig(), Enrich: enrich.DefaultConfig(), Detect: detect.DefaultConfig(),
		Sink: sink.DefaultConfig(), Notify: notify.DefaultConfig(), Serve: serve.DefaultConfig(),
	}
}

// stageDrain returns how long the runner waits for a stage to end: the time to drain, and the same
// time again for the work of the stage before and after that.
func (c *configuration) stageDrain() time.Duration { return 2 * c.Drain }

// configuration reads the configuration file and the values set over it.
func (g *globals) configuration() (*configuration, error) {
	c := defaultConfiguration()
	if err := c.load(g.Config, g.Set); err != nil {
		return nil, usageError(err)
	}
	return c, nil
}

// load reads the file at path over c, then the values in sets. It makes relative paths absolute:
// relative to the file's folder, or to the current folder if path is empty.
func (c *configuration) load(path string, sets []string) error {
	err := config.Load(c, path, sets)
	dir := ""
	if path != "" {
		dir = filepath.Dir(path)
	}
	for i := range c.Enrich.Geo.Files {
		c.Enrich.Geo.Files[i].Path = absolute(dir, c.Enrich.Geo.Files[i].Path)
	}
	for i := range c.Enrich.ASN.Files {
		c.Enrich.ASN.Files[i] = absolute(dir, c.Enrich.ASN.Files[i])
	}
	if c.Enrich.Snapshots.Directory != "" {
		c.Enrich.Snapshots.Directory = absolute(dir, c.Enrich.Snapshots.Directory)
	}
	if a := &c.Ingest.Archive; a.Directory != "" {
		a.Directory = absolute(dir, a.Directory)
	}
	c.Watch.Below(dir)
	if m := &c.Serve.MapFile; *m != "" {
		*m = absolute(dir, *m)
	}
	for _, path := range c.Notify.Paths() {
		*path = absolute(dir, *path)
	}
	return err
}

// prepareLive prepares the configuration of a command that follows live sources or, with follow,
// archives. It fails if a source cannot be followed. If no cache folder for archives is configured,
// it sets the default one.
func (g *globals) prepareLive(c *configuration, follow bool) error {
	if err := c.Ingest.CheckLive(follow); err != nil {
		return usageError(err)
	}
	return g.nameArchiveCache(c)
}

// nameArchiveCache sets the default folder of fetched archives, unless one is configured.
func (g *globals) nameArchiveCache(c *configuration) error {
	if c.Ingest.Archive.Cache != "" {
		return nil
	}
	dir, err := g.cacheDir()
	if err != nil {
		return err
	}
	c.Ingest.Archive.Cache = filepath.Join(dir, "archive")
	return nil
}

// cacheDir returns the folder of fetched data.
func (g *globals) cacheDir() (string, error) {
	if g.CacheDir != "" {
		return g.CacheDir, nil
	}
	return fetch.DefaultCacheDir()
}

// absolute makes path absolute, relative to dir.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	abs, err := filepath.Abs(filepath.Join(dir, path))
	// There is no current folder.
	if err != nil {
		return path
	}
	return abs
}

// configCmd groups the commands on the configuration.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check the configuration; say all faults at once."`
	Print configPrintCmd `cmd:"" help:"Print the configuration with its defaults and the meaning of each key."`
}

type configCheckCmd struct{}

// Run checks the configuration.
func (configCheckCmd) Run(ctx context.Context, g *globals) error {
	c, _, err := g.watching()
	if err != nil {
		return err
	}
	if err := errors.Join(c.Ingest.CheckLive(false), config.Reach(ctx, c, defaultConfiguration())); err != nil {
		return usageError(err)
	}
	_, err = fmt.Fprintln(g.stdout, "the configuration is sound")
	return err
}

type configPrintCmd struct {
	Plain bool `help:"Without comments."`
}

// configurationKeysJSON holds the meaning of each key, by name, as in docs/configuration.md. `make
// gen` writes the file.
//
//go:embed configuration_keys.json
var configurationKeysJSON []byte

// keyComments returns the comment that `config print` writes above each key: the meaning, the
// default and the allowed values.
func keyComments() (map[string]string, error) {
	var comments map[string]string
	if err := json.Unmarshal(configurationKeysJSON, &comments); err != nil {
		return nil, fmt.Errorf("reading the meanings of the keys: %w", err)
	}
	for _, k := range config.Keys(defaultConfiguration()) {
		var facts []string
		if d := k.Default(); d != "" && !strings.Contains(k.Name, "[]") {
			facts = append(facts, "default "+d)
		}
		if l := k.Limits.String(); l != "" {
			facts = append(facts, "allowed: "+l)
		}
		if len(facts) > 0 {
			comments[k.Name] += " (" + strings.Join(facts, "; ") + ")"
		}
	}
	return comments, nil
}

// Run prints the configuration.
func (p configPrintCmd) Run(g *globals) error {
	c, err := g.configuration()
	if err != nil {
		return err
	}
	var comments map[string]string
	if !p.Plain {
		if comments, err = keyComments(); err != nil {
			return err
		}
	}
	return config.Print(g.stdout, c, comments)
}

// version is set by the linker.
var version = "unknown"

// versionCmd prints the version or, with --credits, the sources of the data.
type versionCmd struct {
	Credits bool `help:"Name the sources of the data."`
}

// acknowledgements name the sources of the data that darkmap reads. NOTICE holds the long form.
const acknowledgements = `Routes, live and from archives:
  RIPE NCC Routing Information Service (RIS): https://ris.ripe.net/
  University of Oregon Route Views Project, CC BY 4.0: https://www.routeviews.org/
  their files are found through the BGPKIT Broker: https://bgpkit.com/broker
Countries and owners, by default (darkmap fetch):
  IPtoASN, PDDL 1.0: https://iptoasn.com/
  the five RIRs' statistics by the NRO, CC BY 4.0: https://www.nro.net/
  Route Views, DB-IP (IP Geolocation by DB-IP: https://db-ip.com/) and the NRO, CC BY 4.0
  all through ip-location-db: https://github.com/sapics/ip-location-db
Names of regions, in the program:
  Unicode CLDR, Unicode License v3: https://cldr.unicode.org/
World map, in the program:
  made with Natural Earth, public domain: https://www.naturalearthdata.com/
  through world-atlas: https://github.com/topojson/world-atlas
Embedded ClickHouse, by default (darkmap fetch):
  ClickHouse, Apache-2.0: https://clickhouse.com/
  through chDB, Apache-2.0: https://github.com/chdb-io/chdb
Terms and changes: NOTICE`

// Run prints version and commit.
func (v versionCmd) Run(g *globals) error {
	if v.Credits {
		_, err := fmt.Fprintln(g.stdout, acknowledgements)
		return err
	}
	_, err := fmt.Fprintln(g.stdout, versionText())
	return err
}
