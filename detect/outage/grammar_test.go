package outage

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/internal/bgp"
)

// faults are patterns that no text may contain.
var faults = map[string]*regexp.Regexp{
	"a double space":                   regexp.MustCompile(`  `),
	"a space before a mark":            regexp.MustCompile(` [,.;:]( |$)`),
	"two marks":                        regexp.MustCompile(`[,;:.][,;:.]`),
	"an unknown value":                 regexp.MustCompile(`<nil>|%!|\(\)|AS0\b| , |NaN`),
	"a plural with 1":                  regexp.MustCompile(`(^|[^\d.])1 ((independent|short|IPv[46]|more-specific) )?(prefixes|networks|losses|minutes|collectors|recoveries|days|hours|seconds)\b`),
	"a plural unit with 1":             regexp.MustCompile(`of 1 /\d\ds`),
	"a singular with another number":   regexp.MustCompile(`\b([02-9]|\d{2,}) ((independent|short|IPv[46]|more-specific) )?(prefix|network|loss|minute|collector|recovery)\b`),
	"a plural verb with one prefix":    regexp.MustCompile(`(^|[.:] )1 (of \d+ )?(IPv[46] )?prefix(es)?( of [^.]*)? (seem|were|are) |(^|[.:] )1 of [^.]*their`),
	"a singular verb with prefixes":    regexp.MustCompile(`(^|[.:] )(All \d+|([2-9]|\d{2,}) of \d+) [^.]* (seems|its routes|has|was) |prefixes (was|is|has|seems) `),
	"a subject without its verb":       regexp.MustCompile(`It (were|are|have|seem) |, and (was|were) heard|there are 1 |there is [02-9]`),
	"an event of which nothing is":     regexp.MustCompile(`\b0 of \d+ prefix|\b0 losses|lost its routes to 0`),
	"a kind that is no word of people": regexp.MustCompile(`lost_sight|new_normal|left_table|intermittent|entity\(`),
}

// randomOutage draws an event and its record, with combinations of values that the tests of single
// rules do not have.
func randomOutage(t *rapid.T) (bgp.Outage, *event) {
	few := rapid.SampledFrom([]int{0, 1, 2, 3, 9, 10, 61})
	names := rapid.SampledFrom([]string{"", "Example", "Two  blanks", " Lead", longest, "Example, Holding (Ltd)"})
	owners := func(what string) []bgp.AS {
		all := make([]bgp.AS, rapid.IntRange(0, 5).Draw(t, what))
		for i := range all {
			all[i] = bgp.AS{ASN: bgp.ASN(64496 + i), Name: names.Draw(t, what)}
		}
		return all
	}
	percent := rapid.SampledFrom([]bgp.Decimal{0, 1, 100, 3050, 9999, 10000})
	units := rapid.SampledFrom([]bgp.Decimal{0, 50, 100, 400, 1177600})
	o := bgp.Outage{
		ID: "as-AS64500-ipv4-20140930T1615Z", Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), State: rapid.SampledFrom(states).Draw(t, "state"),
		Family: rapid.SampledFrom([]string{"ipv4", "ipv6"}).Draw(t, "family"), Blip: rapid.Bool().Draw(t, "blip"), Dataset: "replay-0011aabb",
		Predecessor: "as-AS64500-ipv4-20140929T0000Z", Successor: "as-AS64500-ipv4-20141001T0000Z",
		Start: time.Date(2014, 9, 30, 16, 15, 0, 0, time.UTC), Origins: owners("origins"), Upstreams: owners("upstreams"),
		DurationSeconds: rapid.SampledFrom([]int64{0, 1, 59, 60, 61, 300, 3600, 34260, 172799, 172800, 604800, 1 << 31}).Draw(t, "duration"),
		Baseline:        bgp.Size{Prefixes: few.Draw(t, "base"), Space: units.Draw(t, "base space")},
		Peak:            bgp.Loss{LostPrefixes: few.Draw(t, "peak"), LostSpace: units.Draw(t, "peak space"), LossPercent: percent.Draw(t, "peak percent")},
		Now:             bgp.Loss{LossPercent: percent.Draw(t, "now")},
		Panel:           bgp.Panel{Voters: few.Draw(t, "voters"), Collectors: few.Draw(t, "collectors"), Table: bgp.TablesLearned, KnownPrefixes: few.Draw(t, "known")},
		Flaps:           bgp.Flaps{Hour: few.Draw(t, "hour"), Day: few.Draw(t, "day")},
	}
	o.Flaps.Day = max(o.Flaps.Day, o.Flaps.Hour)
	if usual := few.Draw(t, "usual"); usual != 9 {
		o.Flaps.UsualDay = &usual
	}
	typ := rapid.SampledFrom(types).Draw(t, "type")
	code := map[bgp.EntityType]string{
		bgp.EntityPrefix: "198.51.100.128/25", bgp.EntityAS: "AS64500", bgp.EntityCountry: "GS", bgp.EntityRegion: "GS-01", bgp.EntityWorld: "world", bgp.EntityWatch: "Watch",
	}[typ]
	o.Entity = bgp.Entity{Type: typ, Code: code, Name: names.Draw(t, "name")}
	if o.State == bgp.StateClosed || o.State == bgp.StateRetracted {
		end := o.Start.Add(time.Duration(o.DurationSeconds) * time.Second)
		o.End, o.EndReason = &end, rapid.SampledFrom(reasons).Draw(t, "reason")
	}
	family := bgp.Families[0]
	ev := eventOf(&o, family)
	ev.losses, ev.pauses, ev.byNumber = few.Draw(t, "losses"), few.Draw(t, "pauses"), rapid.Bool().Draw(t, "by number")
	if ev.pauses > 0 {
		o.Gaps = []bgp.Interval{{Start: o.Start.Add(time.Hour), End: o.Start.Add(26 * time.Hour)}}
	}
	together := rapid.Bool().Draw(t, "together")
	ev.digest = &digest{
		total: few.Draw(t, "lost"), allCovered: few.Draw(t, "covered"), voters: few.Draw(t, "seen by"), collectors: few.Draw(t, "seen on"),
		spread: &bgp.Spread{P90: int64(few.Draw(t, "spread"))}, onlyOne: rapid.Bool().Draw(t, "only one"), originCount: few.Draw(t, "origin count"),
		shape: rapid.SampledFrom([]string{shapeAbrupt, shapeStepped, shapeGradual}).Draw(t, "shape"),
	}
	if rapid.Bool().Draw(t, "known together") {
		ev.digest.together = &together
	}
	for i := range few.Draw(t, "rerouted") {
		ev.digest.rerouted = append(ev.digest.rerouted, bgp.ASN(64500+i))
	}
	o.Evidence.MovedTo, o.Evidence.AnnouncedMinutes, o.Evidence.SameTimeLast7Days = owners("moved to"), few.Draw(t, "announced"), few.Draw(t, "same time")
	if o.Kind == bgp.KindOrigin {
		for i, a := range owners("strangers") {
			o.Unexpected = append(o.Unexpected, bgp.UnexpectedRoute{Prefix: []string{o.Entity.Code, "198.51.100.0/25", "198.51.100.0/26"}[i%3], Origin: a, Voters: i})
		}
		if rapid.Bool().Draw(t, "parts") && len(o.Unexpected) > 0 {
			o.Unexpected = o.Unexpected[1:]
		}
	}
	o.Evidence.OnTheHour = rapid.Bool().Draw(t, "on the hour")
	for i := range few.Draw(t, "neighbours") {
		o.Evidence.Neighbours = append(o.Evidence.Neighbours, []string{"AS64501", "GB", "198.51.100.0/25"}[i%3])
	}
	if duty := percent.Draw(t, "duty"); duty != 0 {
		o.Evidence.DutyCyclePercent = &duty
	}
	if rapid.Bool().Draw(t, "earlier") {
		o.Notes = append(o.Notes, ev.earlier())
	}
	return o, ev
}

// checkGrammar returns the faults of a text that do not depend on its figures.
func checkGrammar(o *bgp.Outage, what, s string) error {
	for fault, pattern := range faults {
		if m := pattern.FindString(s); m != "" {
			return fmt.Errorf("%s: %s, %q: %q", what, fault, m, s)
		}
	}
	for _, id := range []string{o.ID, o.Predecessor, o.Successor, o.Dataset, "file/", "live/", "ipv4-2014"} {
		if strings.Contains(s, id) {
			return fmt.Errorf("%s: holds the internal name %q: %q", what, id, s)
		}
	}
	if first := s[0]; first >= 'a' && first <= 'z' {
		return fmt.Errorf("%s: begins with a small letter: %q", what, s)
	}
	if what != "headline" && !strings.HasSuffix(s, ".") {
		return fmt.Errorf("%s: does not end with a period: %q", what, s)
	}
	return nil
}

// TestGrammar writes the texts of many records of every kind, state, family and type. Each figure
// is none, one, two, many or unknown.
func TestGrammar(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		for range 10 {
			o, ev := randomOutage(rt)
			label := rapid.SampledFrom([]string{"", "Reconstruction"}).Draw(rt, "label")
			w := wording{o: &o, ev: ev}
			w.write(label)
			for what, s := range map[string]string{"headline": o.Headline, "post": o.Post, "summary": o.Summary} {
				if err := checkGrammar(&o, what, s); err != nil {
					rt.Fatal(err)
				}
			}
			if !headlineSize.Holds(o.Headline) || !postSize.Holds(o.Post) {
				rt.Fatalf("too long: %q, %q", o.Headline, o.Post)
			}
		}
	})
}
