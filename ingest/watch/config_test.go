package watch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/config"
)

// sectioned is a configuration with the section watch.
type sectioned struct {
	Watch watch.Section `yaml:"watch"`
}

// write writes a file into a folder of the test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFaults checks that every fault of a section is reported, with its line, and all at once.
func TestFaults(t *testing.T) {
	t.Parallel()
	lines := []struct{ yaml, want string }{
		{"watch:", ""},
		{"- name: My Customers", `watch[0].name: got "My Customers", want 1 to 64 letters a to z, digits and hyphens, that no other list has`},
		{"  title: \"a\\nb\"", `watch[0].title: got "a\nb", want a title without control characters`},
		{"  visibility: secret", `watch[0].visibility: got "secret", want private or public`},
		{"  home: EU", `watch[0].home: got "EU", want the code of a country in ISO 3166, such as TO for Tonga`},
		{"  prefixes:", ""},
		{"  - 192.0.2.1/24", `watch[0].prefixes[0]: got "192.0.2.1/24", want 192.0.2.0/24: bits are set beyond the length of the prefix`},
		{"  - 192.0.2.1", `watch[0].prefixes[1]: got "192.0.2.1", want a prefix: 192.0.2.1/32 is this address alone`},
		{"  - 2001:db8::1/32", `watch[0].prefixes[2]: got "2001:db8::1/32", want 2001:db8::/32: bits are set beyond the length of the prefix`},
		{"  - 192.0.2.0/33", `watch[0].prefixes[3]: got "192.0.2.0/33", want a prefix such as 192.0.2.0/24 or 2001:db8::/32`},
		{"  - 0.0.0.0/0", `watch[0].prefixes[4]: got "0.0.0.0/0", want a prefix, not all addresses that there are`},
		{"  - ::ffff:192.0.2.0/120", `watch[0].prefixes[5]: got "::ffff:192.0.2.0/120", want an IPv4 prefix such as 192.0.2.0/24`},
		{"  asns: [64496,", ""},
		{"    0,", `watch[0].asns[1]: got "0", want an AS number from 1 on: AS 0 originates nothing (RFC 7607)`},
		{"    AS64497, 4294967296,", `watch[0].asns[3]: got "4294967296", want an AS number from 1 to 4294967295, such as 64496`},
		{"    AS-CUSTOMERS]", `watch[0].asns[4]: got "AS-CUSTOMERS", want an AS number from 1 to 4294967295, such as 64496`},
		{"  countries: [TO,", ""},
		{"    to,", `watch[0].countries[1]: got "to", want TO, for Tonga: codes of countries are written in upper case`},
		{"    NO, UK,", `watch[0].countries[3]: got "UK", want GB, which is the code of the United Kingdom in ISO 3166`},
		{"    Tonga]", `watch[0].countries[4]: got "Tonga", want the code of a country in ISO 3166, such as TO for Tonga`},
		{"  hosts:", ""},
		{"  - https://www.example.net/", `watch[0].hosts[0]: got "https://www.example.net/", want the name of a host alone, without what stands before and behind it in a URL`},
		{"  - 192.0.2.1", `watch[0].hosts[1]: got "192.0.2.1", want the name of a host; for an address, 192.0.2.1/32 among the prefixes`},
		{"  - router1", `watch[0].hosts[2]: got "router1", want a whole name, such as router1.example.net: no domain is added`},
		{"  - my_host.example.net", `watch[0].hosts[3]: got "my_host.example.net", want the name of a host, such as www.example.net`},
		{"  - 192.0.2.256", `watch[0].hosts[4]: got "192.0.2.256", want the name of a host, such as www.example.net`},
		{"  origins:", ""},
		{"    198.51.100.1/24: [64496]", `watch[0].origins.198.51.100.1/24: got "198.51.100.1/24", want 198.51.100.0/24: bits are set beyond the length of the prefix`},
		{"    198.51.100.0/24: [64496, 0]", `watch[0].origins.198.51.100.0/24[1]: got "0", want an AS number from 1 on: AS 0 originates nothing (RFC 7607)`},
		{"    203.0.113.0/24: []", `watch[0].origins.203.0.113.0/24: is empty, want 1 to 100 AS numbers`},
		{"- {name: same, asns: [64496]}", ""},
		{"- name: same", `watch[2].name: got "same", want a name that no other list has`},
		{"  prefixes: [192.0.2.0/24]", ""},
		{"- name: nothing", `watch[3].name: got "nothing", want members: at least one of prefixes, asns, countries, hosts, origins or files`},
	}
	var text, want []string
	path := write(t, "c.yaml", "")
	for i, l := range lines {
		text = append(text, l.yaml)
		if l.want != "" {
			want = append(want, fmt.Sprintf("%s: line %d: %s", path, i+1, l.want))
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var c sectioned
	got := fmt.Sprint(config.Load(&c, path, nil))
	for _, w := range want {
		if !strings.Contains(got+"\n", w+"\n") {
			t.Errorf("not said: %s", w)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != len(want) {
		t.Errorf("%d faults, want %d:\n%s", n, len(want), got)
	}
	var bare watch.Section
	if err := config.Load(&bare, write(t, "bare.yaml", "- name: a\n  prefixes: [192.0.2.0/24]\n- name: a\n  asns: [64496]\n"), nil); err == nil || !strings.Contains(err.Error(), "line 3: [1].name") {
		t.Errorf("a list alone: got %v, want the line of the second name", err)
	}
	err := config.Load(&c, write(t, "unknown.yaml", "watch:\n- name: a\n  prefix: [192.0.2.0/24]\n"), nil)
	if err == nil || !strings.Contains(err.Error(), "line 3: unknown key watch[0].prefix (did you mean watch[0].prefixes?)") {
		t.Errorf("a misspelt key: got %v", err)
	}
}

// TestFileFaults checks that each line of a file that is not a member is reported, with file and
// line, all at once and within bounds.
func TestFileFaults(t *testing.T) {
	t.Parallel()
	path := write(t, "customers.txt", "\xef\xbb\xbf# customers\r\n192.0.2.0/24 # Alice\r\n\r\nAS64496\n64497\nwww.example.net\n"+
		"prefix,asn,customer\n198.51.100.0/24,64496,Bob\n198.51.100.0 24\n203.0.113.9/24\nAS0\nTO\n192.0.2.9\nexample\nhttps://example.net/\n\x00\x01\x02\n2001:db8::/32")
	_, _, err := watch.Read(watch.Section{{Name: "a", Files: []string{path}}, {Name: "b", Files: []string{path + "x"}}, {Name: "c", Files: []string{filepath.Dir(path)}}})
	got := strings.Split(fmt.Sprint(err), "\n")
	const one = "want one prefix, AS or host (# begins a comment)"
	want := []string{
		path + `: line 7: got "prefix,asn,customer", ` + one,
		path + `: line 8: got "198.51.100.0/24,64496,Bob", ` + one,
		path + `: line 9: got "198.51.100.0 24", ` + one,
		path + `: line 10: got "203.0.113.9/24", want 203.0.113.0/24: bits are set beyond the length of the prefix`,
		path + `: line 11: got "AS0", want an AS number from 1 on: AS 0 originates nothing (RFC 7607)`,
		path + `: line 12: got "TO", ` + one + "; countries stand in the configuration, as countries: [TO]",
		path + `: line 13: got "192.0.2.9", want a prefix: 192.0.2.9/32 is this address alone`,
		path + `: line 14: got "example", ` + one,
		path + `: line 15: got "https://example.net/", want the name of a host alone, without what stands before and behind it in a URL`,
		path + `: line 16: got "\x00\x01\x02", ` + one,
		"reading the members of a watch list: stat " + path + "x: no such file or directory",
		"reading the members of a watch list: " + filepath.Dir(path) + " is no file",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	_, _, err = watch.Read(watch.Section{{Name: "a", Files: []string{write(t, "many.csv", strings.Repeat("a;b\n", 1000))}}})
	if lines := strings.Split(fmt.Sprint(err), "\n"); len(lines) != 21 || !strings.HasSuffix(lines[20], "980 lines more that name no member") {
		t.Errorf("a file of another kind: %d lines, the last is %s", len(lines), lines[len(lines)-1])
	}
}

// TestRead checks that members are in the order of the configuration, each once, and that a likely
// mistake is noted once.
func TestRead(t *testing.T) {
	t.Parallel()
	path := write(t, "more.txt", "AS64496\n198.51.100.0/24\nWWW.Example.NET.\nmünchen.example\n")
	lists, notes, err := watch.Read(watch.Section{{
		Name: "a", Prefixes: []string{"192.0.2.0/24", "192.0.2.0/24", "192.0.2.0/24", "203.0.113.64/26", "2001:DB8::/32"}, ASNs: []string{"AS64496"},
		Countries: []string{"NO"}, Hosts: []string{"www.example.net"}, Files: []string{path},
		Origins: map[string][]string{"192.0.2.0/24": {"64497", "AS64496", "64497"}, "198.51.100.0/24": {"64496"}, "203.0.113.0/24": {"64496"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range lists[0].Members {
		got = append(got, fmt.Sprint(m.String(), m.Origins))
	}
	want := []string{
		"192.0.2.0/24[AS64496 AS64497]", "203.0.113.64/26[]", "2001:db8::/32[]", "AS64496[]", "NO[]", "www.example.net[]", "198.51.100.0/24[AS64496]",
		"203.0.113.0/24[AS64496]", "xn--mnchen-3ya.example[]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	wantNotes := []string{
		"watch list a: 192.0.2.0/24, AS64496 and www.example.net are listed more than once: each counts once",
		"watch list a: 203.0.113.64/26 is longer than routes that the Internet passes on (/24, IPv6 /48): it is judged by a route that covers it",
		"watch list a: 203.0.113.0/24 stands among the origins only: it is a member too",
	}
	if diff := cmp.Diff(wantNotes, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if l := lists[0]; l.Title != "a" || l.Public || l.Home != "" {
		t.Errorf("got %+v, want it private, with its name as title", l)
	}
}

// TestTooMany checks that lists and members are bounded, also those of files.
func TestTooMany(t *testing.T) {
	t.Parallel()
	var asns strings.Builder
	for i := range watch.MaxMembers {
		fmt.Fprintf(&asns, "AS%d\n", i+1)
	}
	path := write(t, "asns.txt", asns.String())
	if _, _, err := watch.Read(watch.Section{{Name: "a", Files: []string{path}}}); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
	_, _, err := watch.Read(watch.Section{{Name: "a", Prefixes: []string{"192.0.2.0/24"}, Files: []string{path}}})
	if err == nil || err.Error() != "watch list a has 10001 members with those of its files: want a list of at most 10000 members: make several lists of it" {
		t.Errorf("got %v", err)
	}
	c := sectioned{make(watch.Section, watch.MaxLists+1)}
	for i := range c.Watch {
		c.Watch[i] = watch.ListConfig{Name: fmt.Sprint("list-", i), ASNs: []string{"64496"}}
	}
	if err := config.Validate(&c); err == nil || err.Error() != "watch: has 1001 entries, want at most 1000 lists" {
		t.Errorf("got %v", err)
	}
	big := watch.ListConfig{Name: "big", ASNs: strings.Fields(asns.String() + "AS20000")}
	if f := big.Faults(); len(f) != 1 || f[0].Key != "name" || !strings.Contains(f[0].Want, "at most 10000 members") {
		t.Errorf("got %v", f)
	}
}
