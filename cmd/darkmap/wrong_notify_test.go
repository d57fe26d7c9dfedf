package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/config"
)

// soundTargets are the sections of a target of each kind. A test makes one key wrong.
var soundTargets = map[string]string{
	"webhook":           "{url: 'https://a.example', secrets: [{env: A}]}",
	"cloudevents":       "{url: 'https://a.example'}",
	"cloudevents_topic": "{topic: a, brokers: ['a.example:9092'], tls: {enabled: true}}",
	"alertmanager":      "{instances: [{url: 'https://a.example'}]}",
	"pagerduty":         "{routing_key: {env: A}}",
	"slack":             "{token: {env: A}, channel: C0123456789}",
	"matrix":            "{server: 'https://a.example', token: {env: A}, room: '!a:b'}",
	"mastodon":          "{server: 'https://a.example', token: {env: A}}",
	"shoutrrr":          "{url: {env: A}}",
	"mail":              "{host: a.example, from: a@a.example, to: [b@a.example]}",
	"cap":               "{folder: a, sender: a@a.example}",
	"atom":              "{file: a, id: 'tag:a.example,2026:a'}",
}

// ofTarget matches a key of a target's section.
var ofTarget = regexp.MustCompile(`^notify\.targets\.` + regexp.QuoteMeta(config.AnyName) + `\.(\w+)\.(.+)$`)

// TestWrongTargets sets every key with a limit of a target, of a route and of the heartbeat to each
// value that breaks the limit, in an entry that is valid otherwise. The error names that key.
func TestWrongTargets(t *testing.T) {
	t.Parallel()
	const route = "notify.targets={a: {slack: {url: {env: A}}}}\nnotify.routes=[{name: a, to: [a]}]"
	tried := map[string]int{}
	for _, k := range config.Keys(defaultConfiguration()) {
		if !notTried.MatchString(k.Name) {
			continue
		}
		key, kind := k.Name, "other"
		var base string
		m := ofTarget.FindStringSubmatch(k.Name)
		switch {
		case m != nil && strings.Contains(m[2], "[]"): // the tests of the kind break them
			continue
		case m != nil:
			kind = m[1]
			base, key = "notify.targets={a: {"+m[1]+": "+soundTargets[m[1]]+"}}", "notify.targets.a."+m[1]+"."+m[2]
		case strings.HasPrefix(k.Name, "notify.heartbeat."):
			base = "notify.heartbeat={url: 'https://a.example'}"
		case strings.HasPrefix(k.Name, "notify.routes[]."):
			continue
		default:
			base, key = "notify.targets={a: {slack: {url: {env: A}}}}", strings.Replace(k.Name, config.AnyName, "a", 1)
		}
		for _, v := range wrong(t, k) {
			tried[kind]++
			names(t, base+"\n"+key+"="+v, key)
		}
	}
	for kind := range soundTargets {
		if err := config.Load(defaultConfiguration(), "", []string{"notify.targets={a: {" + kind + ": " + soundTargets[kind] + "}}"}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for set, key := range map[string]string{
		"match: {severity: [dire]}": "match.severity", "match: {types: [city]}": "match.types", "match: {kinds: [storm]}": "match.kinds", "match: {families: [ipv5]}": "match.families",
		"match: {countries: [Tonga]}": "match.countries", "match: {min_minutes: -1}": "match.min_minutes",
		"match: {min_prefixes: -1}": "match.min_prefixes", "match: {states: [gone]}": "match.states", "updates: some": "updates", "group_wait: soon": "group_wait",
		"digest: hourly": "digest", "template: '{{.None}}'": "template", "quiet_hours: {from: '25:00', to: '06:00'}": "quiet_hours.from", "to: [b]": "to", "name: 'A b'": "name",
	} {
		entry := "name: a, to: [a], " + set
		switch key {
		case "to":
			entry = "name: a, " + set
		case "name":
			entry = "to: [a], " + set
		}
		first, _, _ := strings.Cut(route, "\n")
		names(t, first+"\nnotify.routes=[{"+entry+"}]", "notify.routes[0]."+key)
	}
	for _, channel := range []string{"'#outages'", "outages", "c0123456789", "X0123456789", "C01"} { // chat.update accepts ids alone
		names(t, "notify.targets={a: {slack: {token: {env: A}, channel: "+channel+"}}}", "notify.targets.a.slack.channel")
	}
	t.Logf("tried: %v", tried)
}
