package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/dnstest"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// written writes a file into a folder of the test's own.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWatchTest: `watch test` prints the watched routes of each member and resolves hosts once.
// Faults of the configuration and of files are reported all at once, with their lines, and the exit
// code is 2. `config check`, `up` and `ingest` report the same faults.
func TestWatchTest(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Set(t, "example.net. 60 IN SOA ns.example.net. h.example.net. 1 2 3 4 5", "example.net. 60 IN NS ns.example.net.", "ns.example.net. 60 IN A 192.0.2.53",
		"www.example.net. 60 IN A 192.0.2.1", "www.example.net. 60 IN AAAA 2001:db8::1")
	s.Fail("dark.example.net", dns.RcodeServerFailure)
	members := written(t, "members.txt", "198.51.100.64/26\n")
	config := "watch_dns: {servers: ['" + s.Addr + "']}\nwatch:\n- name: mine\n  prefixes: [192.0.2.0/24]\n  origins: {192.0.2.0/24: [64496]}\n  asns: [64496]\n  countries: [TO]\n" +
		"  hosts: [www.example.net, dark.example.net]\n  files: [" + members + "]\n"
	code, out, errs := darkmap(t, "", "watch", "test", "--config", written(t, "darkmap.yaml", config))
	for _, want := range []string{
		"mine  192.0.2.0/24      AS64496  its route, or the longest that covers it; routes to it and within it from other ASes",
		"mine  AS64496           any      the prefixes that it usually originates", "mine  TO                any      the prefixes that lie in Tonga",
		"mine  www.example.net   any      the routes to 192.0.2.1, 2001:db8::1; of its name servers, those to 192.0.2.53",
		"mine  dark.example.net  any      nothing yet: the name servers of the zone gave no answer (SERVFAIL)",
		"mine  198.51.100.64/26  any      the longest route that covers it: it is too long for a route of its own to be seen",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if code != 0 || !strings.Contains(errs, "watch list mine: 198.51.100.64/26 is longer than routes that the Internet passes on") {
		t.Errorf("got %d, %s\n%s", code, errs, out)
	}
	_, out, _ = darkmap(t, "", "watch", "test", "--format", "json", "--config", written(t, "darkmap.yaml", config))
	var d watch.Description
	if err := json.Unmarshal([]byte(strings.Split(out, "\n")[3]), &d); err != nil || d.Member != "www.example.net" || len(d.Addresses) != 2 || len(d.NameServers) != 1 {
		t.Errorf("got %v, %+v", err, d)
	}

	bad := written(t, "bad.txt", "192.0.2.0/24\nAS64496;Alice\n")
	path := written(t, "bad.yaml", "watch:\n- name: mine\n  asns: [64496,\n    0]\n  files: ["+bad+"]\nkafka: {partition: 3}\n")
	for _, args := range [][]string{{"watch", "test"}, {"config", "check"}, {"up", "--data-dir", t.TempDir()}, {"ingest"}} {
		code, _, errs := darkmap(t, "", append(args, "--config", path)...)
		for _, want := range []string{path + ": line 4: watch[0].asns[1]: got \"0\"", bad + ": line 2: got \"AS64496;Alice\"", "line 6: unknown key kafka.partition (did you mean kafka.partitions?)"} {
			if code != exitUsage || strings.Count(errs, want) != 1 {
				t.Errorf("%v: got %d, %s, want %d and once %q", args, code, errs, exitUsage, want)
			}
		}
	}
	if code, out, _ := darkmap(t, "", "watch", "test"); code != 0 || !strings.Contains(out, "has no watch list") {
		t.Errorf("without a list: got %d, %s", code, out)
	}
}

// TestWatchDrafts: drafted lists can be used unchanged.
func TestWatchDrafts(t *testing.T) {
	t.Parallel()
	w := mrttest.NewWorld(time.Date(2014, 12, 22, 16, 0, 0, 0, time.UTC), 1, 2, mrttest.KP())
	w.Churn(0, time.Minute, time.Second, w.Peers, w.Routes)
	captured := written(t, "updates", string(w.Updates(w.Collectors()[0], 0, time.Minute)))
	alerter := written(t, "prefixes.yml", "192.0.2.0/24:\n  description: Rome\n  asn: [64496]\n  ignoreMorespecifics: true\noptions:\n  monitorASns:\n    '64496': {group: noc}\n")
	for _, tt := range []struct {
		args             []string
		members, lists   int
		name, said, text string
	}{
		{[]string{"init", "--asn", "131279", "--country", "kp", "--from", captured}, 6, 1, "as131279", "", "home: KP"},
		{[]string{"init", "--country", "KP", "--name", "north-korea"}, 1, 1, "north-korea", "", "countries: [KP]"},
		{[]string{"init", "--asn", "64496", "--from", captured}, 1, 1, "as64496", "nothing is seen that 64496 originates", ""},
		{[]string{"import", "bgpalerter", alerter}, 2, 1, "my-networks", "ignoreMorespecifics: true has no equal", "# Rome"},
	} {
		code, out, errs := darkmap(t, "", append([]string{"watch"}, tt.args...)...)
		if code != 0 || !strings.Contains(errs, tt.said) || !strings.Contains(out, tt.text) {
			t.Errorf("%v: got %d, %s\n%s", tt.args, code, errs, out)
		}
		code, rows, errs := darkmap(t, "", "watch", "test", "--format", "json", "--config", written(t, "drafted.yaml", out))
		if n := strings.Count(rows, "\n"); code != 0 || n != tt.members || !strings.Contains(rows, `"list":"`+tt.name+`"`) {
			t.Errorf("%v: got %d, %s, %d members, want %d of %s:\n%s", tt.args, code, errs, n, tt.members, tt.name, out)
		}
	}
	for want, args := range map[string][]string{
		"want --asn N or --country CODE":      {"init"},
		"--asn: got \"0\", want an AS number": {"init", "--asn", "0"},
		"codes of countries":                  {"init", "--country", "EU"},
		"nothing runs on the data directory":  {"init", "--asn", "64496", "--data-dir", t.TempDir()},
		"no such file":                        {"import", "bgpalerter", "/nowhere"},
		"names no prefix":                     {"import", "bgpalerter", written(t, "empty.yml", "options: {}\n")},
		"is no name of a watch list":          {"status", "My Customers"},
		"start `":                             {"status", "--data-dir", t.TempDir()},
	} {
		if code, _, errs := darkmap(t, "", append([]string{"watch"}, args...)...); want != "codes of countries" && (code == 0 || !strings.Contains(errs, want)) || code == 0 {
			t.Errorf("%v: got %d, %s, want %q", args, code, errs, want)
		}
	}
}

// TestReplayWatch: a replay reads watch lists from a file and queries no DNS, whatever the
// configuration contains. The same files with other lists are another dataset.
func TestReplayWatch(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	w := mrttest.NewWorld(time.Date(2014, 12, 22, 16, 0, 0, 0, time.UTC), 1, 2, mrttest.KP())
	w.Churn(0, 3*time.Minute, time.Second, w.Peers, w.Routes)
	captured := written(t, "updates", string(w.Updates(w.Collectors()[0], 0, 3*time.Minute)))
	config := written(t, "darkmap.yaml", "watch_dns: {servers: ['"+s.Addr+"']}\nwatch: [{name: other, hosts: [other.example.net]}]\n")
	lists := written(t, "lists.yaml", "- name: mine\n  hosts: [www.example.net]\n  prefixes: [175.45.176.0/24]\n")
	code, _, errs := darkmap(t, "", "replay", "--no-store", "--config", config, "--data-dir", t.TempDir(), "--watch", lists, captured)
	if code != 0 && code != exitUndecided || s.Questions() != 0 {
		t.Errorf("got %d, %s; %d questions came to the DNS server", code, errs, s.Questions())
	}
	for text, want := range map[string]string{"- name: Mine\n": "line 1: [0].name", "watch:\n- {name: a, asns: [0]}\n": "line 2: watch[0].asns[0]", "kafka: {}\n": "names no watch list"} {
		for _, command := range [][]string{{"replay", captured}, {"demo"}} {
			code, _, errs := darkmap(t, "", append(command, "--no-store", "--data-dir", t.TempDir(), "--watch", written(t, "bad.yaml", text))...)
			if code != exitUsage || !strings.Contains(errs, want) {
				t.Errorf("%v: got %d, %s, want %q", command, code, errs, want)
			}
		}
	}
	if s.Questions() != 0 {
		t.Errorf("%d questions", s.Questions())
	}
}
