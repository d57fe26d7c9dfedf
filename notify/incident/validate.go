package incident

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/notify/target"
)

// maxRoutes bounds the routes.
const maxRoutes = 1000

// nameForm matches the allowed names of routes, targets and watch lists.
var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

// Faults returns the faults of the section that the struct tags do not find.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	seen := map[string]bool{}
	for i, r := range c.Routes {
		key := "routes[" + strconv.Itoa(i) + "]."
		if !nameForm.MatchString(r.Name) || seen[r.Name] {
			faults = append(faults, config.Fault{Key: key + "name", Value: r.Name})
		}
		seen[r.Name] = true
		faults = append(faults, r.faults(key)...)
	}
	if len(c.Routes) > maxRoutes {
		faults = append(faults,
			config.Fault{Key: "routes", Value: c.Routes, Want: fmt.Sprintf("at most %d", maxRoutes)})
	}
	return faults
}

// faults returns the faults of a route, each with the prefix key.
func (r Route) faults(key string) []config.Fault {
	var faults []config.Fault
	add := func(name string, value any, want string) {
		faults = append(faults, config.Fault{Key: key + name, Value: value, Want: want})
	}
	if len(r.To) == 0 {
		add("to", r.To, "")
	}
	if q := r.QuietHours; q.From != "" || q.To != "" {
		from, err := parseClock(q.From)
		if err != nil {
			add("quiet_hours.from", q.From, "")
		}
		if to, err2 := parseClock(q.To); err2 != nil || err == nil && from == to {
			add("quiet_hours.to", q.To, "")
		}
	}
	if _, err := parseZone(r.QuietHours.TimeZone); err != nil {
		add("quiet_hours.time_zone", r.QuietHours.TimeZone, "")
	}
	if _, err := parseSchedule(r.Digest); err != nil {
		add("digest", r.Digest, "daily HH:MM ZONE or weekly mon HH:MM ZONE: "+err.Error())
	}
	if _, err := parseTemplate(r.Template); err != nil {
		add("template", r.Template,
			"a template of text/template that runs: "+strings.TrimPrefix(err.Error(), "template: "))
	}
	if r.GroupWait != "" {
		if d, err := parseWait(r.GroupWait); err != nil || d < 0 || d > time.Hour {
			add("group_wait", r.GroupWait, "")
		}
	}
	return append(faults, r.Match.faults(key+"match.")...)
}

// faults returns the entries that no outage can match, and the conditions that exclude each other.
func (m Match) faults(key string) []config.Fault {
	var faults []config.Fault
	add := func(name string, value any, want string) {
		faults = append(faults, config.Fault{Key: key + name, Value: value, Want: want})
	}
	each := func(name string, list []string, known []string, want string) {
		for i, s := range list {
			if !slices.Contains(known, s) {
				add(name+"["+strconv.Itoa(i)+"]", s, want)
			}
		}
	}
	each("types", m.Types, []string{"prefix", "as", "country", "region", "world", "watch"},
		"prefix, as, country, region, world or watch")
	each("families", m.Families, []string{"ipv4", "ipv6"}, "ipv4 or ipv6")
	each("kinds", m.Kinds, []string{"outage", "partial", "intermittent", "moved", "origin"},
		"outage, partial, intermittent, moved or origin")
	each("severity", m.Severity, []string{"minor", "moderate", "major", "total"},
		"minor, moderate, major or total")
	each("states", m.States, []string{"suspected", "open", "closed"}, "suspected, open or closed")
	for i, c := range m.Countries {
		if bgp.CountryName(strings.ToUpper(c)) == "" {
			add("countries["+strconv.Itoa(i)+"]", c, "the ISO 3166-1 code of a country, such as TO")
		}
	}
	for i, c := range m.Codes {
		if codeType(c) == 0 {
			add("codes["+strconv.Itoa(i)+"]", c, "a code such as KP, KP-01, AS131279, 175.45.176.0/24 or world")
		}
	}
	if len(m.States) > 0 && !slices.Contains(m.States, "open") && !slices.Contains(m.States, "suspected") {
		add("states", m.States, "open or suspected among them: what was never told as open is not told as closed")
	}
	return append(faults, m.never(key)...)
}

// never returns the conditions that no outage can meet together.
func (m Match) never(key string) []config.Fault {
	var faults []config.Fault
	add := func(name string, value any, want string) {
		faults = append(faults, config.Fault{Key: key + name, Value: value, Want: want})
	}
	for i, c := range m.Codes {
		if t := codeType(c); t != 0 && t != bgp.EntityWatch && len(m.Types) > 0 &&
			!slices.Contains(m.Types, t.String()) && !slices.Contains(m.Types, bgp.EntityWatch.String()) {
			add("codes["+strconv.Itoa(i)+"]", c, "a code of one of match.types: this one never matches")
		}
	}
	only := func(types ...string) bool {
		return len(m.Types) > 0 &&
			!slices.ContainsFunc(m.Types, func(t string) bool { return !slices.Contains(types, t) })
	}
	if len(m.ASNs) > 0 && only("country", "region", "world", "watch") {
		add("asns", m.ASNs, "as or prefix among match.types: other entities have no AS")
	}
	if len(m.Countries) > 0 && only("world", "watch") {
		add("countries", m.Countries, "a type among match.types that lies in a country")
	}
	if len(m.Kinds) > 0 && !slices.ContainsFunc(m.Kinds, func(k string) bool { return k != "origin" }) {
		if len(m.Severity) > 0 && !slices.Contains(m.Severity, "major") && !slices.Contains(m.Severity, "total") {
			add("severity", m.Severity, "major or total among them: events of the kind origin are at least major")
		}
		if m.MinPrefixes > 0 {
			add("min_prefixes", m.MinPrefixes, "0: events of the kind origin lose no prefixes")
		}
	}
	return faults
}

// codeType returns the entity type of a code; 0 if it is no code.
func codeType(code string) bgp.EntityType {
	upper := strings.ToUpper(code)
	country, region, isRegion := strings.Cut(upper, "-")
	switch _, err := bgp.ParseASN(strings.TrimPrefix(upper, "AS")); {
	case upper == "WORLD":
		return bgp.EntityWorld
	case strings.HasPrefix(upper, "AS") && err == nil:
		return bgp.EntityAS
	case strings.Contains(code, "/"):
		if p, err := bgp.ParsePrefixMatch(code, bgp.PrefixExact); err == nil {
			_ = p
			return bgp.EntityPrefix
		}
		return 0
	case bgp.CountryName(upper) != "":
		return bgp.EntityCountry
	case isRegion && bgp.CountryName(country) != "" && region != "" && len(region) <= 3:
		return bgp.EntityRegion
	case nameForm.MatchString(code):
		return bgp.EntityWatch
	}
	return 0
}

// Known holds the names in other parts of the configuration to which routes may refer.
type Known struct {
	// Targets holds the targets by name.
	Targets map[string]TargetInfo
	// WatchLists holds the names of the watch lists. If it is nil, the lists are unknown and any
	// name is accepted.
	WatchLists []string
}

// FaultsWith returns the faults of references to other parts of the configuration: targets and
// watch lists.
func (c Config) FaultsWith(known Known) []config.Fault {
	var faults []config.Fault
	for i, r := range c.Routes {
		key := "routes[" + strconv.Itoa(i) + "]."
		for j, name := range r.To {
			at := key + "to[" + strconv.Itoa(j) + "]"
			t, ok := known.Targets[name]
			switch {
			case !ok:
				faults = append(faults, config.Fault{Key: at, Value: name, Want: "a target of notify.targets"})
			case r.Digest != "" && (t.Traits.Style == target.Pager || t.Traits.Style == target.Records):
				faults = append(faults,
					config.Fault{Key: at, Value: name, Want: "a chat, mail or feed: a target of this type takes no digests"})
			case r.Template != "" && t.Traits.Style == target.Records:
				faults = append(faults, config.Fault{
					Key: at, Value: name,
					Want: "a target that is sent texts: this one is sent records, which the template does not change",
				})
			case slices.Index(r.To, name) != j:
				faults = append(faults, config.Fault{Key: at, Value: name, Want: "each target once"})
			}
		}
		if known.WatchLists == nil {
			continue
		}
		for j, list := range r.Match.Watch {
			if !slices.Contains(known.WatchLists, list) {
				faults = append(faults, config.Fault{
					Key: key + "match.watch[" + strconv.Itoa(j) + "]", Value: list,
					Want: "the name of a watch list of the section watch",
				})
			}
		}
	}
	return faults
}
