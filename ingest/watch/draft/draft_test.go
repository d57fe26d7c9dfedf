package draft_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/ingest/watch/draft"
	"github.com/darkmap/darkmap/internal/config"
)

// prefixesYAML has the form of `bgpalerter generate`, with an operator's edits.
const prefixesYAML = `192.0.2.0/24:
  description: "Rome peering\u001b[31m # not ours\nsecond line"
  asn:
    - 64496
    - 64497
  ignoreMorespecifics: false
  ignore: false
  group: noc
198.51.100.0/24:
  description: No description provided
  asn: 64496
  ignoreMorespecifics: true
  excludeMonitors:
    - withdrawal-detection
  path:
    match: ".*64500$"
  group: Customers & Friends
2001:db8::/32:
  description: v6
  asn: [64496]
  ignoreMorespecifics: true
  group: [noc, Customers & Friends]
198.51.100.128/25:
  description: anycast
  asn: [64496]
  ignoreMorespecifics: false
  ignore: true
203.0.113.7/24:
  asn: [64496]
  colour: blue
options:
  monitorASns:
    '64496':
      group: noc
      upstreams: [64510]
  generate:
    asnList: [64496]
  persistStatus: true
`

// read checks that lists can be pasted, and returns them.
func read(t *testing.T, lists []draft.List) (string, []watch.List) {
	t.Helper()
	var b strings.Builder
	if err := draft.Write(&b, lists); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "darkmap.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var c struct {
		Watch watch.Section `yaml:"watch"`
	}
	if err := config.Load(&c, path, nil); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	out, notes, err := watch.Read(c.Watch)
	if err != nil || len(notes) > 0 {
		t.Fatalf("%v, %v in\n%s", err, notes, b.String())
	}
	return b.String(), out
}

// TestBGPalerter checks that a file becomes lists that can be pasted. Options without an equivalent
// are named.
func TestBGPalerter(t *testing.T) {
	t.Parallel()
	drafts, lacks, err := draft.BGPalerter([]byte(prefixesYAML), "my-networks")
	if err != nil {
		t.Fatal(err)
	}
	text, lists := read(t, drafts)
	const want = `watch:
  - name: customers---friends
    title: "Customers & Friends"
    prefixes:
      - 198.51.100.0/24 # No description provided
      - 2001:db8::/32 # v6
    origins: # who may originate a prefix and what is more specific
      198.51.100.0/24: [64496]
      2001:db8::/32: [64496]
  - name: my-networks
    prefixes:
      - 192.0.2.0/24 # Rome peering`
	if !strings.HasPrefix(text, want) || strings.Contains(text, "\x1b") || strings.Contains(text, "\nsecond") {
		t.Errorf("got\n%s\nwant it to begin with\n%s", text, want)
	}
	var members []string
	for _, l := range lists {
		for _, m := range l.Members {
			members = append(members, fmt.Sprint(l.Name, " ", m.String(), m.Origins))
		}
	}
	wantMembers := []string{
		"customers---friends 198.51.100.0/24[AS64496]", "customers---friends 2001:db8::/32[AS64496]",
		"my-networks 192.0.2.0/24[AS64496 AS64497]", "my-networks 203.0.113.0/24[AS64496]", "my-networks 2001:db8::/32[AS64496]", "my-networks AS64496[]",
	}
	if diff := cmp.Diff(wantMembers, members); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	for _, w := range []string{
		"ignoreMorespecifics: true has no equal: the kind origin looks at more-specific routes too (198.51.100.0/24, 2001:db8::/32)",
		"includeMonitors and excludeMonitors have no equal: routes of notify choose by kind (match.kinds) (198.51.100.0/24)",
		"path has no equal: nothing is told of AS paths (198.51.100.0/24)",
		"ignore: true: they are left out; what covers them still watches their routes as more-specific ones (198.51.100.128/25)",
		"the prefixes have bits set beyond their length, which were cleared (203.0.113.7/24)",
		"the attribute colour is not known (203.0.113.0/24)",
		"upstreams and downstreams of monitorASns have no equal: nothing is told of new neighbours (AS64496)",
		"monitorRPKI",
	} {
		if !strings.Contains(strings.Join(lacks, "\n"), w) {
			t.Errorf("it does not say %q:\n%s", w, strings.Join(lacks, "\n"))
		}
	}
}

// TestBGPalerterFaults checks that a file that is not BGPalerter's is refused, with lines.
func TestBGPalerterFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":         "want a map of prefixes",
		"- a\n":    "want a map of prefixes",
		"a: [":     "reading BGPalerter's prefixes",
		"options:": "names no prefix",
		"192.0.2.0/24:\n  asn: [64496]\nwww.example.net:\n  asn: 1\n": `line 3: got "www.example.net", want a prefix`,
		"192.0.2.0/24:\n  asn: [64496,\n    AS-SET]\n":                `line 3: 192.0.2.0/24: got "AS-SET", want an AS number`,
		"192.0.2.0/24: yes\n":                           "line 1: the entry of 192.0.2.0/24 is none of BGPalerter's",
		"options:\n  monitorASns:\n    x: {group: a}\n": `line 3: monitorASns: got "x", want an AS number`,
	} {
		if _, _, err := draft.BGPalerter([]byte(text), "a"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	many := strings.Repeat("x", 10)
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "%s%d:\n", many, i)
	}
	if _, _, err := draft.BGPalerter([]byte(b.String()), "a"); err == nil || strings.Count(err.Error(), "\n") != 20 || !strings.HasSuffix(err.Error(), "and 30 more faults") {
		t.Errorf("got %v", err)
	}
}

// TestSeen checks that collected prefixes are written with all their origins.
func TestSeen(t *testing.T) {
	t.Parallel()
	s := draft.Seen{}
	s.Add(netip.MustParsePrefix("198.51.100.0/24"), 64496)
	s.Add(netip.MustParsePrefix("192.0.2.0/24"), 64497, 64496, 0)
	text, _ := read(t, []draft.List{{Name: draft.ListName("AS64496", "x"), Home: "TO", Prefixes: s.Prefixes(), ASNs: []draft.AS{{ASN: 64496, Note: "Example\r\n- name: x"}}, Countries: []string{"TO"}}})
	const want = `watch:
  - name: as64496
    home: TO
    prefixes:
      - 192.0.2.0/24
      - 198.51.100.0/24
    asns:
      - 64496 # Example - name: x
    countries: [TO]
    origins: # who may originate a prefix and what is more specific
      192.0.2.0/24: [64496, 64497]
      198.51.100.0/24: [64496]
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// FuzzBGPalerter checks that the lists drafted from any file can be read.
func FuzzBGPalerter(f *testing.F) {
	f.Add([]byte(prefixesYAML))
	f.Add([]byte("192.0.2.0/24: {description: \"\\u2028# \\x85\", group: '- name'}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lists, _, err := draft.BGPalerter(b, "other")
		if err != nil || len(lists) > 50 || len(b) > 4096 {
			return
		}
		var out strings.Builder
		if err := draft.Write(&out, lists); err != nil {
			t.Fatal(err)
		}
		var c struct {
			Watch watch.Section `yaml:"watch"`
		}
		if err := config.Decode(&c, []byte(out.String())); err != nil || len(c.Watch) != len(lists) {
			t.Errorf("%v: %d lists of %d in\n%s", err, len(c.Watch), len(lists), out.String())
		}
	})
}
