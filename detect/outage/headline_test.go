package outage

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

var (
	kinds   = []bgp.Kind{bgp.KindOutage, bgp.KindPartial, bgp.KindIntermittent, bgp.KindMoved, bgp.KindOrigin}
	states  = []bgp.State{bgp.StateSuspected, bgp.StateOpen, bgp.StateClosed, bgp.StateRetracted}
	types   = []bgp.EntityType{bgp.EntityPrefix, bgp.EntityAS, bgp.EntityCountry, bgp.EntityRegion, bgp.EntityWorld, bgp.EntityWatch}
	reasons = []bgp.EndReason{
		bgp.EndRecovered, bgp.EndSuperseded, bgp.EndNewNormal, bgp.EndLeftTable, bgp.EndCovered, bgp.EndRemoved, bgp.EndLostSight,
	}
	// outageID matches the id of an event, which texts for people must not contain.
	outageID = regexp.MustCompile(`-ipv[46]-\d{8}T\d{4}Z`)
)

// longest is the longest name of a country.
const longest = "South Georgia and the South Sandwich Islands"

// written is an outage with texts, of any kind, state and reason.
func written(kind, state, typ, reason uint8, blip, v6 bool, name, owner, label string, figures uint32) bgp.Outage {
	o := bgp.Outage{
		ID: "as-AS64500-ipv4-20140930T1615Z", Kind: kinds[int(kind)%len(kinds)], State: states[int(state)%len(states)], Family: "ipv4", Blip: blip,
		Entity: bgp.Entity{Type: types[int(typ)%len(types)], Name: name}, Start: time.Date(2014, 9, 30, 16, 15, 0, 0, time.UTC),
		Panel: bgp.Panel{Voters: int(figures % 500), Collectors: int(figures % 60), Table: bgp.TablesLearned},
		Peak:  bgp.Loss{LossPercent: bgp.Decimal(figures % 10001), LostSpace: bgp.Decimal(figures)},
	}
	o.Entity.Code = map[bgp.EntityType]string{
		bgp.EntityPrefix: "198.51.100.128/25", bgp.EntityAS: "AS4294967295", bgp.EntityCountry: "GS", bgp.EntityRegion: "GS-01", bgp.EntityWorld: "world",
		bgp.EntityWatch: name,
	}[o.Entity.Type]
	if v6 {
		o.Family = "ipv6"
		if o.Entity.Type == bgp.EntityPrefix {
			o.Entity.Code = "2001:db8:ffff::/48"
		}
	}
	ev := &event{
		kind: o.Kind, peak: loss{prefixes: int(figures % 12), space: uint64(figures)}, base: baseline{prefixes: int(figures % 15), space: uint64(figures)},
		losses: int(figures), pauses: int(figures % 3), digest: &digest{voters: 40, collectors: 12, total: 1},
	}
	as := bgp.AS{ASN: 4294967295, Name: owner}
	o.Origins, o.Evidence.MovedTo = []bgp.AS{as}, []bgp.AS{as, as, as, as}
	o.DurationSeconds = int64(figures)
	if ev.pauses > 0 {
		o.Gaps = []bgp.Interval{{Start: o.Start, End: o.Start.Add(time.Hour)}}
	}
	if o.State == bgp.StateClosed || o.State == bgp.StateRetracted {
		end := o.Start.Add(time.Duration(figures) * time.Second)
		o.End, o.EndReason = &end, reasons[int(reason)%len(reasons)]
		ev.settled = o.EndReason == bgp.EndNewNormal
	}
	zero := bgp.Decimal(0)
	o.Evidence.DutyCyclePercent = &zero
	w := wording{o: &o, ev: ev}
	w.write(label)
	return o
}

// checkTexts returns the faults of an outage's texts.
func checkTexts(t *testing.T, o *bgp.Outage, label string) {
	t.Helper()
	for what, z := range map[string]plaintext.Size{"headline": headlineSize, "post": postSize} {
		s := map[string]string{"headline": o.Headline, "post": o.Post}[what]
		if n := uniseg.GraphemeClusterCount(s); n > z.Graphemes || len(s) > z.Octets || s == "" || !utf8.ValidString(s) {
			t.Errorf("%s: got %d graphemes, %d octets: %q", what, n, len(s), s)
		}
		if strings.ContainsFunc(s, func(r rune) bool {
			return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
		}) {
			t.Errorf("%s: has a character that cannot be seen: %q", what, s)
		}
		if outageID.MatchString(s) || forbidden.MatchString(strings.ReplaceAll(s, shortName(o.Entity.Name), "")) && o.Entity.Name == longest {
			t.Errorf("%s: names an id or a cause: %q", what, s)
		}
		if back := strings.Contains(s, "outes were back") || strings.Contains(s, "routes back"); back && o.EndReason != bgp.EndRecovered && o.Entity.Name == longest {
			t.Errorf("%s: says that the routes are back, and it ended as %q: %q", what, o.EndReason, s)
		}
	}
	for what, s := range map[string]string{"headline": o.Headline, "post": o.Post, "summary": o.Summary} {
		if label != "" && !strings.HasPrefix(s, label+": ") {
			t.Errorf("%s: does not begin with %q: %q", what, label, s)
		}
	}
	if strings.HasSuffix(o.Headline, "…") && !strings.HasSuffix(o.Headline, " "+shortName(o.Entity.Name)) {
		t.Errorf("headline: is cut: %q", o.Headline)
	}
	if !strings.HasSuffix(o.Post, shortCaveat) {
		t.Errorf("post: has no caveat: %q", o.Post)
	}
}

// TestTexts writes every kind, state, reason and type with the longest names, and with names that
// a malicious AS may have chosen.
func TestTexts(t *testing.T) {
	t.Parallel()
	names := []string{
		longest, "", "Example", strings.Repeat("e\u0301", 100), "Z" + strings.Repeat("\u0300", 3000), strings.Repeat("国", 60), strings.Repeat("👩🏽", 90),
		"\u202egnihtyna\u202c\u200b\u2066x\u2069\ufeff\x00\x1b[31m\r\nred\u00ad", strings.Repeat("\u0301", 50), "\xff\xfe", strings.Repeat("🇰🇵", 70), strings.Repeat("\u1100\u1161\u11a8", 60),
		strings.Repeat("word ", 30), strings.Repeat("\U000e0041", 9),
	}
	labels := []string{"", "Reconstruction", strings.Repeat("W", 24), strings.Repeat("é", 24)}
	for i := range uint32(len(kinds) * len(states) * len(types) * len(reasons)) {
		kind, rest := i%4, i/4
		state, rest := rest%4, rest/4
		typ, reason := rest%6, rest/6
		if reason > 0 && state < 2 {
			continue // it has not ended
		}
		for j, name := range names {
			if j > 0 && (i+uint32(j))%7 > 0 {
				continue // every name meets some of the others
			}
			figures := []uint32{0, 34260, 4294967295}[(i+uint32(j))%3]
			label := labels[(i/7+uint32(j))%4]
			o := written(uint8(kind), uint8(state), uint8(typ), uint8(reason), i%5 == 0, i%3 > 0, name, name, label, figures)
			if checkTexts(t, &o, label); t.Failed() {
				t.Fatalf("name %q, %s %s %s %s, figures %d", name, o.Kind, o.State, o.Entity.Type, o.EndReason, figures)
			}
		}
	}
}

func FuzzTexts(f *testing.F) {
	for i, name := range []string{longest, strings.Repeat("a\u0301\u0323", 60), "\u202eabc\u2069", "AS\x00\x7f", strings.Repeat("👨‍👩‍👧", 20)} {
		for kind := range uint8(len(kinds)) {
			for reason := range uint8(len(reasons)) {
				f.Add(kind, uint8(i), uint8(i)+kind, reason, i%2 == 0, kind%2 == 0, name, name, "Simulation", uint32(i)*7919)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind, state, typ, reason uint8, blip, v6 bool, name, owner, label string, figures uint32) {
		label = labelSize.Cut(plaintext.Clean(label))
		o := written(kind, state, typ, reason, blip, v6, name, owner, label, figures)
		checkTexts(t, &o, label)
	})
}

func TestShortName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Star Joint Venture":                "Star Joint Venture",
		longest:                             "South Georgia and the South Sandwich Is…",
		"  a\tb\r\nc\u2028d ":               "a b c d",
		"\u202eevil\u202c \u200bname":       "evil name",
		"a\u0301\u0301":                     "á\u0301",
		"\u0301\u0301a":                     "a",
		"\xffa\xfe":                         "a",
		strings.Repeat("x", 40):             strings.Repeat("x", 40),
		strings.Repeat("x", 41):             strings.Repeat("x", 39) + "…",
		"Z" + strings.Repeat("\u0300", 9e3): "",
		"❤\ufe0f":                           "❤",
	} {
		if got := shortName(in); got != want {
			t.Errorf("shortName(%.40q): got %q, want %q", in, got, want)
		}
	}
}
