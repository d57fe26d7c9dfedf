package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/config"
)

// unfit are wrong values of the keys whose limits a section's Faults check (the tag want).
var unfit = map[string]string{
	"kafka.topic_prefix":                 "a b",
	"clickhouse.database":                "system",
	"clickhouse.cluster":                 "a-b",
	"clickhouse.door.listen":             "192.0.2.1:8123",
	"clickhouse.door.user":               "a b",
	"clickhouse.retention.route_changes": "30", "clickhouse.retention.visibility": "five years", "clickhouse.retention.visibility_hours": "1.5y", "clickhouse.retention.prefixes": "a year", "clickhouse.retention.outages": "never",
	"clickhouse.retention.panel": "-1d", "clickhouse.retention.feeds": "0d", "clickhouse.retention.deadletter": "30 days",
	"ingest.rislive.collectors":    "[route-views2]",
	"ingest.routeviews.topics":     "(",
	"ingest.bmp.routers[].address": "192.0.2.1/24",
	"ingest.bmp.routers[].name":    "a/b",
	"ingest.archive.directory":     "https://192.0.2.1/",
	"ingest.follow.collectors":     "[rrc00]",
	"detect.beacons":               "[192.0.2.0/25]",
	"detect.not_address_space":     "[2002::1/16]",
	"detect.families":              "ipv5",
	"detect.outage.label":          "a label that is far too long",
	"watch[].name":                 "My Customers",
	"watch[].home":                 "EU",
	"watch[].prefixes":             "[192.0.2.1/24]",
	"watch[].asns":                 "[0]",
	"watch[].countries":            "[Tonga]",
	"watch[].hosts":                "[192.0.2.1]",
	"watch_dns.servers":            "[dns.example.net]",
	"serve.public_url":             "https://map.example.net/?a=b",
	"serve.trusted_proxies":        "[10.0.0.1/8]",
	"serve.user_header":            "X-Remote-User",
	"serve.hosts":                  "['map.example.net:443']",
	"serve.embed":                  "[https://news.example.net/page]",
	"serve.limits.exempt":          "[somebody]",
	"notify.targets":               "{A_b: {slack: {url: {env: A}}}}",

	"enrich.snapshots.sources[].urls": "['ftp://192.0.2.1/{yyyymmdd}']",

	"notify.targets.NAME.cloudevents.source":       "a b",
	"notify.targets.NAME.cloudevents_topic.source": "a b",
	"notify.targets.NAME.cloudevents_topic.topic":  "a b",
	"notify.targets.NAME.slack.channel":            "''",
	"notify.targets.NAME.matrix.room":              "'#a:b'",
	"notify.targets.NAME.alertmanager.heartbeat":   "'two words'",
	"notify.targets.NAME.mail.from":                "nobody",
	"notify.targets.NAME.mail.to":                  "[nobody]",
	"notify.targets.NAME.mail.reply_to":            "nobody",
	"notify.targets.NAME.mail.unsubscribe":         "ftp://a.example",
	"notify.targets.NAME.cap.sender":               "a b",
	"notify.targets.NAME.cap.feed_id":              "a b",
	"notify.targets.NAME.atom.id":                  "a b",
}

// needed are other keys of a list's entry, without which the entry would be wrong anyway.
var needed = map[string]string{
	"ingest.bmp.routers[].name": "address: 192.0.2.1, ", "ingest.bmp.routers[].tables": "address: 192.0.2.1, ", "enrich.geo.files[].kind": "path: a, ",
	"enrich.snapshots.sources[].name": "urls: ['http://192.0.2.1/{yyyymmdd}'], ", "enrich.snapshots.sources[].urls": "name: a, ",
	"watch[].name": "asns: [64496], ", "watch[].title": "name: a, asns: [64496], ", "watch[].visibility": "name: a, asns: [64496], ", "watch[].home": "name: a, asns: [64496], ",
	"watch[].prefixes": "name: a, ", "watch[].asns": "name: a, ", "watch[].countries": "name: a, ", "watch[].hosts": "name: a, ", "watch[].files": "name: a, ",
}

// wholeDoor is a valid door. A test makes one key wrong.
const wholeDoor = "clickhouse.door={listen: '127.0.0.1:8123', user: a, password: {env: P}}"

// notTried are keys of entries that are wrong without their other keys. TestWrongTargets tries
// them.
var notTried = regexp.MustCompile(`^notify\.(targets\.` + config.AnyName + `|routes\[\]|heartbeat)\.`)

// TestWrongValues sets every key that has a limit to each value that breaks it, one by one. The
// error names that key, and besides it only keys whose rules refer to it.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	var free []string
	for _, k := range config.Keys(defaultConfiguration()) {
		if notTried.MatchString(k.Name) {
			continue
		}
		values := wrong(t, k)
		if len(values) == 0 {
			free = append(free, k.Name)
		}
		for _, v := range values {
			set, want := k.Name+"="+v, k.Name
			if list, key, ok := strings.Cut(k.Name, "[]."); ok {
				set, want = fmt.Sprintf("%s=[{%s%s: %s}]", list, needed[k.Name], key, v), list+"[0]."+key
			}
			if strings.HasPrefix(k.Name, "clickhouse.door.") {
				set = wholeDoor + "\n" + set
			}
			names(t, set, want)
		}
	}
	t.Logf("%d keys without a limit: %s", len(free), strings.Join(free, ", "))
}

// names checks that the error of a value set names the key.
func names(t *testing.T, set, key string) {
	t.Helper()
	err := config.Load(defaultConfiguration(), "", strings.Split(set, "\n"))
	if err == nil {
		t.Errorf("%s: no error", set)
		return
	}
	found, last := false, key[strings.LastIndexByte(key, '.')+1:]
	for line := range strings.SplitSeq(err.Error(), "\n") {
		for one := range strings.SplitSeq(set, "\n") {
			line = strings.TrimPrefix(line, "--set "+one+": ")
			if key, _, ok := strings.Cut(one, "="); ok { // the value may be a secret
				line = strings.TrimPrefix(line, "--set "+key+"="+config.Mask+": ")
			}
		}
		at, words, _ := strings.Cut(line, ": ")
		switch at = entry.ReplaceAllString(at, ""); {
		case at == key:
			found = true
		case !strings.Contains(words, last):
			t.Errorf("%s: %q speaks of another key", set, line)
		}
	}
	if !found {
		t.Errorf("%s: got %v, want %s named", set, err, key)
	}
}

// entry matches the index of a list entry at the end of a key.
var entry = regexp.MustCompile(`\[\d+\]$`)

// wrong returns values, as YAML, that break each limit of a key.
func wrong(t *testing.T, k config.Key) []string {
	t.Helper()
	var values []string
	tag := func(name string) (string, bool) { return k.Field.Tag.Lookup(name) }
	kind := k.Field.Type.Kind()
	for name, step := range map[string]int64{"min": -1, "max": 1} {
		limit, ok := tag(name)
		d, err := time.ParseDuration(limit)
		switch {
		case !ok:
		case kind == reflect.String && name == "min", kind == reflect.Slice && name == "min":
			values = append(values, map[reflect.Kind]string{reflect.String: "''", reflect.Slice: "[]"}[kind])
		case kind == reflect.String:
			n, _ := strconv.Atoi(limit)
			values = append(values, strings.Repeat("x", n+1))
		case kind == reflect.Slice:
			n, _ := strconv.Atoi(limit)
			values = append(values, "["+strings.Repeat("x, ", n+1)+"]")
		case err == nil && strings.TrimLeft(limit, "0123456789") != "":
			values = append(values, (d + time.Duration(step)).String())
		default:
			n, _ := strconv.ParseInt(limit, 10, 64)
			values = append(values, strconv.FormatInt(n+step, 10))
		}
	}
	if step, ok := tag("step"); ok {
		d, _ := time.ParseDuration(step)
		values = append(values, (d + d/2).String())
	}
	_, form := tag("form")
	if _, oneOf := tag("oneof"); form || oneOf {
		values = append(values, map[bool]string{true: "[nowhere]", false: "nowhere"}[kind == reflect.Slice])
	}
	if _, want := tag("want"); want {
		if unfit[k.Name] == "" {
			t.Errorf("%s: no wrong value is known", k.Name)
		}
		values = append(values, unfit[k.Name])
	}
	if s := k.Default(); s == "off" || s == "auto" || strings.HasSuffix(k.Field.Type.Name(), "OrOff") {
		values = append(values, "0")
	}
	return values
}

// TestRules breaks the rules between keys. The error names the key that has to change.
func TestRules(t *testing.T) {
	t.Parallel()
	for set, key := range map[string]string{
		"kafka.tls.cert_file=a\nkafka.tls.enabled=true":                                             "kafka.tls.key_file",
		"kafka.tls.key_file=a\nkafka.tls.enabled=true":                                              "kafka.tls.cert_file",
		"kafka.tls.ca_file=a":                                                                       "kafka.tls.enabled",
		"kafka.sasl.user=a":                                                                         "kafka.sasl.mechanism",
		"kafka.sasl.mechanism=plain\nkafka.sasl.password.env=a":                                     "kafka.sasl.user",
		"kafka.tls.enabled=true":                                                                    "kafka.tls.enabled",
		"kafka.sasl={mechanism: plain, user: a, password: {file: a}}":                               "kafka.sasl.mechanism",
		"clickhouse.addresses=['192.0.2.1:9000']\nclickhouse.engine_memory_bytes=268435456":         "clickhouse.engine_memory_bytes",
		"clickhouse.password.file=a":                                                                "clickhouse.password.file",
		"ingest.archive.broker=''":                                                                  "ingest.archive.broker",
		"kafka.sasl.mechanism=plain\nkafka.sasl.user=a":                                             "kafka.sasl.password",
		"kafka.sasl={mechanism: plain, user: a, password: {file: a, env: b}}":                       "kafka.sasl.password.env",
		"clickhouse.user=a":                                                                         "clickhouse.user",
		"clickhouse.reader.user=a":                                                                  "clickhouse.reader.user",
		"clickhouse.addresses=['192.0.2.1:9000']\nclickhouse.door.listen=127.0.0.1:8123":            "clickhouse.door.listen",
		"clickhouse.door={listen: '127.0.0.1:8123', user: a}":                                       "clickhouse.door.password",
		"ingest.routeviews.brokers=[]":                                                              "ingest.routeviews.brokers",
		"ingest.bmp.tls.cert_file=a":                                                                "ingest.bmp.tls.key_file",
		"ingest.bmp.tls.client_ca_file=a":                                                           "ingest.bmp.tls.cert_file",
		"ingest.bmp.routers=[{address: 192.0.2.1}, {address: 192.0.2.1}]":                           "ingest.bmp.routers[1].address",
		"detect.feeds.back_within=2m":                                                               "detect.feeds.back_within",
		"detect.panel.full_feed_out_permille=800":                                                   "detect.panel.full_feed_out_permille",
		"detect.outage.partial_low_permille=900":                                                    "detect.outage.partial_low_permille",
		"watch=[{name: a, asns: [64496]}, {name: a, asns: [64496]}]":                                "watch[1].name",
		"watch=[{name: a}]":                                                                         "watch[0].name",
		"watch=[{name: a, origins: {192.0.2.0/24: [0]}}]":                                           "watch[0].origins.192.0.2.0/24[0]",
		"watch=[{name: a, title: \"a\\tb\", asns: [64496]}]":                                        "watch[0].title",
		"notify.targets={a: {}}":                                                                    "notify.targets.a: want one of the sections webhook",
		"notify.targets={a: {slack: {url: {env: A}}, atom: {file: a, id: 'tag:a.example,2026:x'}}}": "notify.targets.a: want one of the sections webhook",
		"notify.targets={a: {slack: {url: {env: A}}}}\nnotify.routes=[{name: r, to: [b]}]":          "notify.routes[0].to[0]",
		"watch=[{name: a, asns: [64496]}]\nnotify.targets={a: {slack: {url: {env: A}}}}\nnotify.routes=[{name: r, match: {watch: [b]}, to: [a]}]": "notify.routes[0].match.watch[0]",
		"notify.targets={a: {slack: {link: {env: A}}}}": "unknown key notify.targets.a.slack.link",
		"detector.panel.min_voters=5":                   "unknown key detector",
	} {
		err := config.Load(defaultConfiguration(), "", strings.Split(set, "\n"))
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v, want %s named", set, err, key)
		}
	}
}

// TestPrintLoads: the output of `config print` can be loaded, and is the same configuration.
func TestPrintLoads(t *testing.T) {
	t.Parallel()
	sets := []string{
		"detect.panel.silent_timeout=3m", "enrich.reload_interval=off", "kafka.replication_factor=3", "detect.beacons=[192.0.2.0/24]",
		"enrich.geo.files=[/a, {path: /b, kind: whois}]", "ingest.bmp.routers=[{address: 192.0.2.1, tables: [pre]}]", "detect.outage.label=Test",
		"watch=[{name: a, prefixes: [192.0.2.0/24], asns: [64496], origins: {192.0.2.0/24: [64496]}}]",
		"notify={heartbeat: {url: https://192.0.2.1/}, targets: {b: {slack: {url: {env: A}}}, c: {cap: {folder: /a, sender: a@example.net}, max_age: 2h}}, routes: [{name: r, match: {watch: [a]}, to: [b, c]}]}",
	}
	comments, err := keyComments()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range [][]string{nil, sets, nil, sets} {
		with := comments
		if i >= 2 {
			with = nil
		}
		first, second := defaultConfiguration(), defaultConfiguration()
		if err := config.Load(first, "", s); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := config.Print(&b, first, with); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := config.Load(second, path, nil); err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		var again bytes.Buffer
		if err := config.Print(&again, second, with); err != nil || cmp.Diff(b.String(), again.String()) != "" {
			t.Errorf("%v, another configuration (-first +second):\n%s", err, cmp.Diff(b.String(), again.String()))
		}
	}
}

// TestPrintComments: `config print` prints the meaning of each key, with its default and limits.
// With --plain it prints only the keys.
func TestPrintComments(t *testing.T) {
	t.Parallel()
	code, out, errs := darkmap(t, "", "config", "print", "--set", "ingest.bmp.routers=[{address: 192.0.2.1}]")
	words := strings.Join(strings.Fields(strings.ReplaceAll(out, "#", " ")), " ")
	_, meanings := reference(t)
	for _, k := range config.Keys(defaultConfiguration()) {
		if meaning := meanings[k.Name]; !strings.Contains(words, meaning) {
			t.Errorf("%s: it does not say %q", k.Name, meaning)
		}
	}
	if code != 0 || errs != "" || !strings.Contains(words, "(default 10s; allowed: 1s to 1h) drain: 10s") || !strings.Contains(words, "file: A file that holds the secret in its first line.") {
		t.Errorf("got %d, %s, %s", code, errs, out)
	}
	for line := range strings.Lines(out) {
		if comment := strings.TrimSpace(line); strings.HasPrefix(comment, "#") && len(comment) > 100 {
			t.Errorf("a comment of %d octets: %s", len(comment), comment)
		}
	}
	if code, out, errs := darkmap(t, "", "config", "print", "--plain"); code != 0 || errs != "" || strings.Contains(out, "#") {
		t.Errorf("--plain: got %d, %s, %s", code, errs, out)
	}
}
