package notify

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/alertmanager"
	"github.com/darkmap/darkmap/notify/target/atom"
	capfeed "github.com/darkmap/darkmap/notify/target/cap"
	"github.com/darkmap/darkmap/notify/target/cloudevents"
	"github.com/darkmap/darkmap/notify/target/mail"
	"github.com/darkmap/darkmap/notify/target/mastodon"
	"github.com/darkmap/darkmap/notify/target/matrix"
	"github.com/darkmap/darkmap/notify/target/pagerduty"
	"github.com/darkmap/darkmap/notify/target/shoutrrr"
	"github.com/darkmap/darkmap/notify/target/slack"
	"github.com/darkmap/darkmap/notify/target/webhook"
)

// Target is an entry of notify.targets: exactly one of its sections is set, which gives its kind.
type Target struct {
	// After what time news is late: pagers and chats then hear less or nothing, records are given up.
	// 0 is what the kind has.
	MaxAge time.Duration `yaml:"max_age,omitempty" min:"0" max:"720h"`
	// A server that takes every record of every outage (Standard Webhooks).
	Webhook *webhook.Config `yaml:"webhook,omitempty"`
	// A server that takes every record as a CloudEvent.
	CloudEvents *cloudevents.Config `yaml:"cloudevents,omitempty"`
	// A Kafka topic that takes every record as a CloudEvent.
	CloudEventsTopic *cloudevents.TopicConfig `yaml:"cloudevents_topic,omitempty"`
	// Alertmanagers.
	Alertmanager *alertmanager.Config `yaml:"alertmanager,omitempty"`
	// PagerDuty, or another pager that takes its Events API v2.
	PagerDuty *pagerduty.Config `yaml:"pagerduty,omitempty"`
	// A Slack channel.
	Slack *slack.Config `yaml:"slack,omitempty"`
	// A Matrix room.
	Matrix *matrix.Config `yaml:"matrix,omitempty"`
	// A Mastodon account.
	Mastodon *mastodon.Config `yaml:"mastodon,omitempty"`
	// Discord, Telegram, ntfy, Gotify and others, through shoutrrr.
	Shoutrrr *shoutrrr.Config `yaml:"shoutrrr,omitempty"`
	// Mail.
	Mail *mail.Config `yaml:"mail,omitempty"`
	// A folder of alerts of CAP 1.2, with a feed.
	CAP *capfeed.Config `yaml:"cap,omitempty"`
	// An Atom file.
	Atom *atom.Config `yaml:"atom,omitempty"`
}

// kind is a kind of target: a section of Target and the package that it configures.
type kind struct {
	name    string
	present func(t *Target) bool
	// fill sets the section to its defaults.
	fill func(t *Target)
	open func(t *Target, d OpenDeps, td target.Deps) (target.Target, error)
}

// none returns the defaults of a section that has only zero values as defaults.
func none[C any]() (zero C) { return zero }

// orNil converts a package's target to target.Target; the result is nil if err is set.
func orNil[T target.Target](t T, err error) (target.Target, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

// section builds a kind from the functions of a package.
func section[C any, T target.Target](name string, at func(*Target) **C, usual func() C,
	open func(C, target.Deps) (T, error),
) kind {
	return kind{
		name:    name,
		present: func(t *Target) bool { return *at(t) != nil },
		fill:    func(t *Target) { c := usual(); *at(t) = &c },
		open: func(t *Target, _ OpenDeps, td target.Deps) (target.Target, error) {
			return orNil(open(**at(t), td))
		},
	}
}

// kinds lists all kinds of targets, in the order of the documentation.
var kinds = []kind{
	section("webhook", func(t *Target) **webhook.Config { return &t.Webhook }, webhook.DefaultConfig,
		webhook.New),
	section("cloudevents", func(t *Target) **cloudevents.Config { return &t.CloudEvents },
		cloudevents.DefaultConfig, cloudevents.New),
	{
		name:    "cloudevents_topic",
		present: func(t *Target) bool { return t.CloudEventsTopic != nil },
		fill:    func(t *Target) { t.CloudEventsTopic = new(cloudevents.DefaultTopicConfig()) },
		open: func(t *Target, d OpenDeps, td target.Deps) (target.Target, error) {
			return orNil(cloudevents.NewTopic(*t.CloudEventsTopic, d.Kafka, td))
		},
	},
	section("alertmanager", func(t *Target) **alertmanager.Config { return &t.Alertmanager },
		alertmanager.DefaultConfig, alertmanager.New),
	section("pagerduty", func(t *Target) **pagerduty.Config { return &t.PagerDuty },
		none[pagerduty.Config], pagerduty.New),
	section("slack", func(t *Target) **slack.Config { return &t.Slack }, slack.DefaultConfig, slack.New),
	section("matrix", func(t *Target) **matrix.Config { return &t.Matrix }, none[matrix.Config], matrix.New),
	section("mastodon", func(t *Target) **mastodon.Config { return &t.Mastodon }, mastodon.DefaultConfig,
		mastodon.New),
	section("shoutrrr", func(t *Target) **shoutrrr.Config { return &t.Shoutrrr }, shoutrrr.DefaultConfig,
		shoutrrr.New),
	section("mail", func(t *Target) **mail.Config { return &t.Mail }, mail.DefaultConfig, mail.New),
	section("cap", func(t *Target) **capfeed.Config { return &t.CAP }, capfeed.DefaultConfig, capfeed.New),
	section("atom", func(t *Target) **atom.Config { return &t.Atom }, atom.DefaultConfig, atom.New),
}

// Kinds returns the names of all kinds.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// kindOf returns the kind of a target, and false if the entry has no kind or several.
func kindOf(t *Target) (kind, bool) {
	var found []kind
	for _, k := range kinds {
		if k.present(t) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		return kind{}, false
	}
	return found[0], true
}

// SetDefaults fills all sections, so that the reference page shows their defaults.
func (t *Target) SetDefaults() {
	for _, k := range kinds {
		k.fill(t)
	}
}

// UnmarshalYAML reads an entry over the defaults of the sections that it has. It implements the
// older of yaml's two interfaces, because only that one rejects unknown keys inside.
func (t *Target) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Target
	var found plain
	if err := unmarshal(&found); err != nil {
		return err
	}
	for _, k := range kinds {
		if k.present((*Target)(&found)) {
			k.fill(t)
		}
	}
	return unmarshal((*plain)(t))
}

// Faults returns a fault if an entry does not name exactly one kind.
func (t *Target) Faults() []config.Fault {
	if _, ok := kindOf(t); ok {
		return nil
	}
	return []config.Fault{{Key: "", Value: nil, Want: "one of the sections " + strings.Join(Kinds(), ", ")}}
}

// Paths returns the files and folders that targets write.
func (c Config) Paths() []*string {
	var out []*string
	for _, t := range c.Targets {
		if t.CAP != nil && t.CAP.Folder != "" {
			out = append(out, &t.CAP.Folder)
		}
		if t.Atom != nil && t.Atom.File != "" {
			out = append(out, &t.Atom.File)
		}
	}
	return out
}

// OpenDeps are the dependencies of targets.
type OpenDeps struct {
	// Kafka is the configuration of the pipeline's own brokers, for targets that are a topic there.
	Kafka   kafka.Config
	Log     *slog.Logger
	Version string
	Now     func() time.Time
}

// Open opens the targets of the configuration, or only the named ones. The error joins all faults,
// each with the target's name and without secrets.
func (c Config) Open(d OpenDeps, names ...string) (map[string]*Place, error) {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(c.Targets))
	}
	places := map[string]*Place{}
	var faults []error
	for _, name := range names {
		p, err := c.open(name, d)
		if err != nil {
			faults = append(faults, fmt.Errorf("notify.targets.%s: %w", name, err))
			continue
		}
		places[name] = p
	}
	if len(faults) > 0 {
		return nil, errors.Join(append(faults, Close(places))...)
	}
	return places, nil
}

func (c Config) open(name string, d OpenDeps) (*Place, error) {
	t := c.Targets[name]
	if t == nil {
		if len(c.Targets) == 0 {
			return nil, errors.New("there is no such target: the configuration has none (notify.targets)")
		}
		return nil, fmt.Errorf("there is no such target: the configuration has %s",
			strings.Join(slices.Sorted(maps.Keys(c.Targets)), ", "))
	}
	k, ok := kindOf(t)
	if !ok {
		return nil, errors.New("it is of no kind")
	}
	revision, err := config.Fingerprint(t)
	if err != nil {
		return nil, err
	}
	opened, err := k.open(t, d, target.Deps{
		Name: name, Version: d.Version,
		PublicURL: strings.TrimRight(c.PublicURL, "/"), Now: d.Now, Logger: d.Log.With("target", name),
	})
	if err != nil {
		return nil, err
	}
	info := incident.TargetInfo{Name: name, Traits: opened.Traits(), Revision: revision}
	if t.MaxAge > 0 {
		info.Traits.MaxAge = t.MaxAge
	}
	return &Place{Target: opened, Info: info}, nil
}

// infos returns the engine's description of the targets, by name.
func infos(places map[string]*Place) []incident.TargetInfo {
	out := make([]incident.TargetInfo, 0, len(places))
	for _, name := range slices.Sorted(maps.Keys(places)) {
		out = append(out, places[name].Info)
	}
	return out
}
