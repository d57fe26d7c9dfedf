package notify

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// Config is the section notify.
type Config struct {
	incident.Config `yaml:",inline"`
	// A URL that is asked for again and again while windows are decided: what does not hear it for
	// long enough raises the alarm.
	Heartbeat *HeartbeatConfig `yaml:"heartbeat"`
	// Who can be told, by name. Each names one kind of target.
	Targets map[string]*Target `yaml:"targets" want:"names of a-z, 0-9 and -, at most 64 characters"`
}

// HeartbeatConfig is the section notify.heartbeat.
type HeartbeatConfig struct {
	httpclient.Endpoint `yaml:",inline"`
	// The time between two heartbeats. 0 is 1m.
	Interval time.Duration `yaml:"interval" min:"0s" max:"1h"`
	// How the URL is asked for. Empty: GET.
	Method string `yaml:"method" oneof:"GET POST HEAD"`
	// How the server is spoken to.
	HTTP httpclient.Config `yaml:"http"`
}

// DefaultConfig returns a configuration without routes and targets.
func DefaultConfig() Config {
	return Config{Config: incident.DefaultConfig()}
}

// targetName matches the name of a target.
var targetName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	for _, name := range slices.Sorted(maps.Keys(c.Targets)) {
		if !targetName.MatchString(name) {
			faults = append(faults, config.Fault{Key: "targets", Value: name})
		}
	}
	return append(faults, c.FaultsWith(incident.Known{Targets: c.known()})...)
}

// FaultsOfLists returns the faults of routes that name missing watch lists, with keys relative to
// the section.
func (c Config) FaultsOfLists(lists []string) []config.Fault {
	all := c.FaultsWith(incident.Known{Targets: c.known(), WatchLists: lists})
	return slices.DeleteFunc(all, func(f config.Fault) bool { return !strings.Contains(f.Key, ".match.watch[") })
}

// known returns the names of the targets.
func (c Config) known() map[string]incident.TargetInfo {
	out := map[string]incident.TargetInfo{}
	for name := range c.Targets {
		out[name] = incident.TargetInfo{Name: name}
	}
	return out
}

// beats reports whether a target takes heartbeats.
func (c Config) beats() bool {
	for _, t := range c.Targets {
		if t != nil && t.Alertmanager != nil && t.Alertmanager.Heartbeat != "" {
			return true
		}
	}
	return false
}

// Enabled reports whether the stage has work: a target that a route names, or a heartbeat.
func (c Config) Enabled() bool {
	return c.Heartbeat != nil || len(c.Targets) > 0 && (len(c.Routes) > 0 || c.beats())
}
