package outage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// sentence is one form of a sentence of a summary, with a check of its figures against the record.
// m holds the submatches.
type sentence struct {
	form string
	true func(o *bgp.Outage, m []string) bool
}

const (
	clockForm = `(\d\d:\d\d UTC on \d+ \w+ \d{4})`
	partForm  = `(?:, with ([\d.]+) % of its address space \(([\d.]+) of ([\d.]+) /\d\ds?\))?`
	thenForm  = `(\d\d:\d\d UTC(?: on \d+ \w+ \d{4})?)`
	spanForm  = `(\d+ s|\d+ min|\d+ h(?: \d+ min)?|\d+ d(?: \d+ h)?)`
)

// lossForms are the sentences about the greatest loss.
var lossForms = []sentence{
	{`The prefix \S+(?: of AS.+)? (?:lost|seems to have lost|seemed to have lost) its routes` + partForm, func(o *bgp.Outage, m []string) bool {
		return o.Entity.Type == bgp.EntityPrefix && o.Peak.LossPercent > 0 && isPart(o, m)
	}},
	{`The prefix \S+(?: of AS.+)? lost its own routes`, func(o *bgp.Outage, _ []string) bool {
		return o.Entity.Type == bgp.EntityPrefix && o.Peak.LossPercent == 0 && o.EndReason == bgp.EndCovered && o.Severity == bgp.SeverityMinor
	}},
	{`The only \S+ prefix of .+ (?:lost|seems to have lost|seem to have lost|seemed to have lost) its routes` + partForm, func(o *bgp.Outage, m []string) bool {
		return o.Baseline.Prefixes == 1 && o.Peak.LostPrefixes >= 1 && isPart(o, m)
	}},
	{`All (\d+) \S+ prefixes of .+ (?:lost|seem to have lost|seemed to have lost) their routes`, func(o *bgp.Outage, m []string) bool {
		return is(m[0], o.Baseline.Prefixes) && o.Peak.LostPrefixes >= o.Baseline.Prefixes && o.Peak.LostSpace >= o.Baseline.Space
	}},
	{`(\d+) of (\d+) \S+ prefix(?:es)? of .+ (?:lost|seems? to have lost|seemed to have lost) (?:its|their) routes` + partForm, func(o *bgp.Outage, m []string) bool {
		return (m[2] == "" || isPart(o, m[2:])) && is(m[0], min(o.Peak.LostPrefixes, o.Baseline.Prefixes)) && is(m[1], o.Baseline.Prefixes)
	}},
	{`.+ (?:lost|seems to have lost|seemed to have lost) the routes to ([\d.]+) % of its \S+ address space \(([\d.]+) of ([\d.]+) /\d\ds?\)`, func(o *bgp.Outage, m []string) bool {
		return m[0] == o.Peak.LossPercent.String() && m[1] == o.Peak.LostSpace.String() && m[2] == o.Baseline.Space.String()
	}},
}

// whenForms follow lossForms.
var whenForms = []sentence{
	{` at ` + clockForm, func(o *bgp.Outage, m []string) bool { return m[0] == clock(o.Start) }},
	{` at ` + clockForm + `, for ` + spanForm + ` only`, func(o *bgp.Outage, m []string) bool {
		return o.Blip && m[0] == clock(o.Start) && m[1] == bgp.DurationText(seconds(o.DurationSeconds))
	}},
	{` again and again from ` + clockForm + `: (\d+) loss(?:es)?, ([\d.]+) % of the time in all, counted in whole minutes`, func(o *bgp.Outage, m []string) bool {
		return m[0] == clock(o.Start) && is(m[1], o.Evidence.LossesInEvent) && m[2] == o.Evidence.DutyCyclePercent.String()
	}},
}

// strangeForm is the sentence about an event of kind origin. strangeBy follows it.
const strangeForm = `(?:The prefix \S+(?: of AS.+)?|\S+, a part of the prefix .+,|\d+ prefixes within the prefix .+) (?:has been|have been|was|were) announced by (?:AS.+|another network) (?:since|from) ` + clockForm + `(?: on)?`

var otherForms = []sentence{
	{strangeForm, func(o *bgp.Outage, m []string) bool { return o.Kind == bgp.KindOrigin && m[0] == clock(o.Start) }},
	{`The watch list does not name (?:this network|these networks)`, func(o *bgp.Outage, _ []string) bool { return o.Kind == bgp.KindOrigin }},
	{`At most ([\d.]+) % of the networks that watch held such a route`, func(o *bgp.Outage, m []string) bool {
		return o.Kind == bgp.KindOrigin && m[0] == o.Peak.LossPercent.String()
	}},
	{`(?:The watch list was removed from the configuration|No watch list names the origins of the prefix any more)`, func(o *bgp.Outage, _ []string) bool {
		return o.EndReason == bgp.EndRemoved
	}},
	{`Fewer networks than usual held the prefix .+ from ` + clockForm + `: at worst (none|[\d.]+ %) of those that usually hold it`, func(o *bgp.Outage, m []string) bool {
		share := (10000 - o.Peak.LossPercent).String() + " %"
		if o.Peak.LossPercent == 10000 {
			share = "none"
		}
		return m[0] == clock(o.Start) && m[1] == share && o.Severity != bgp.SeverityTotal
	}},
	{`Some networks lost their routes to it, others kept theirs`, func(o *bgp.Outage, _ []string) bool {
		return o.Kind == bgp.KindPartial && (o.Entity.Type != bgp.EntityPrefix || o.Peak.LossPercent < 10000)
	}},
	{`([\d.]+) % of the \S+ address space of .+ \(([\d.]+) of ([\d.]+) /\d\ds?\) was held by fewer than half of the networks that usually hold it, from ` + clockForm, func(o *bgp.Outage, m []string) bool {
		return m[0] == o.Peak.LossPercent.String() && m[1] == o.Peak.LostSpace.String() && m[2] == o.Baseline.Space.String() && m[3] == clock(o.Start) && o.Severity != bgp.SeverityTotal
	}},
	{`(?:([\d.]+) % of the \S+ address space of )?.+ (?:has been|was) originated by .+ (?:since|from) ` + clockForm + `(?: on)?, not by its usual origin`, func(o *bgp.Outage, m []string) bool {
		return o.Kind == bgp.KindMoved && m[1] == clock(o.Start) && (m[0] == "" || m[0] == o.Peak.LossPercent.String())
	}},
	{`That is no loss of routes`, func(o *bgp.Outage, _ []string) bool { return o.Kind == bgp.KindMoved }},
	{`This is an early sign, not yet confirmed`, func(o *bgp.Outage, _ []string) bool { return o.State == bgp.StateSuspected }},
	{`It is one of the losses of an intermittent event`, func(o *bgp.Outage, _ []string) bool {
		return o.State == bgp.StateRetracted && o.Successor != ""
	}},
	{`The early sign is taken back`, func(o *bgp.Outage, _ []string) bool { return o.State == bgp.StateRetracted }},
	{`In (\d+) minutes? at least half of the networks announced the routes, and lost them again before the minute ended`, func(o *bgp.Outage, m []string) bool {
		return is(m[0], o.Evidence.AnnouncedMinutes)
	}},
	{`At ` + thenForm + ` it had lasted ` + spanForm + `(, and routes were coming back)?(?:, and ([\d.]+) % was still lost)?`, func(o *bgp.Outage, m []string) bool {
		return o.End == nil && m[0] == then(o, o.Start.Add(seconds(o.DurationSeconds))) && m[1] == bgp.DurationText(seconds(o.DurationSeconds)) && (m[3] == "" || m[3] == o.Now.LossPercent.String())
	}},
	{`It was interrupted by (\d+) recover(?:y|ies), (?:the last )?from ` + thenForm + ` to ` + thenForm, func(o *bgp.Outage, m []string) bool {
		last := o.Gaps[len(o.Gaps)-1]
		n, _ := strconv.Atoi(m[0])
		return n >= len(o.Gaps) && m[1] == then(o, last.Start) && m[2] == then(o, last.End)
	}},
	{`(The routes were back|It ended|It was lost from sight) at ` + thenForm + `, after ` + spanForm + `(?:[;:] .+)?`, func(o *bgp.Outage, m []string) bool {
		back := m[0] != "The routes were back" || o.EndReason == bgp.EndRecovered && o.Kind == bgp.KindOutage
		return back && m[1] == then(o, *o.End) && m[2] == bgp.DurationText(seconds(o.DurationSeconds))
	}},
	{`It lasted more than ` + spanForm, func(o *bgp.Outage, m []string) bool { return m[0] == bgp.DurationText(seconds(o.DurationSeconds)) }},
	{`Seen by (\d+) of (\d+) independent networks? on (\d+) collectors?`, func(o *bgp.Outage, m []string) bool {
		n, _ := strconv.Atoi(m[0])
		c, _ := strconv.Atoi(m[2])
		return n > 0 && n <= o.Panel.Voters && is(m[1], o.Panel.Voters) && c > 0 && c <= o.Panel.Collectors
	}},
	{`Watched by (\d+) independent networks? on (\d+) collectors?`, func(o *bgp.Outage, m []string) bool {
		return is(m[0], o.Panel.Voters) && is(m[1], o.Panel.Collectors)
	}},
	{`(It|(?:All )?(\d+) prefix(?:es)?) (was|were) lost( in steps| one after the other)?(.*)`, isWayOut},
	{`Four fifths of the withdrawals came within ` + spanForm, func(o *bgp.Outage, m []string) bool {
		w := o.Evidence.WithdrawalSpreadSeconds
		return m[0] == within(w.P90-w.P10)
	}},
	{`It came after (\d+) short loss(?:es)? in (?:24 hours|(an hour))(?:, (\d+) of them in the last hour)?(?:; usually there (?:is|are) (\d+) a day)?`, func(o *bgp.Outage, m []string) bool {
		return is(m[0], o.Flaps.Day) && (m[1] == "" || is(m[0], o.Flaps.Hour)) && (m[2] == "" || is(m[2], o.Flaps.Hour)) && (m[3] == "" || is(m[3], *o.Flaps.UsualDay))
	}},
	{`Outages of it began at about the same time of day on (\d+) of the last 7 days`, func(o *bgp.Outage, m []string) bool {
		return is(m[0], o.Evidence.SameTimeLast7Days)
	}},
	{`It began within two minutes of a full hour`, func(o *bgp.Outage, _ []string) bool { return o.Evidence.OnTheHour }},
	{`Lost in the same minute, of the same origin: (.+)`, func(o *bgp.Outage, m []string) bool {
		return strings.Contains(m[0], o.Evidence.Neighbours[0])
	}},
	{`Routes were also lost, at about the same time or behind the same upstream, by (.+)`, func(o *bgp.Outage, m []string) bool {
		first := o.Evidence.Neighbours[0]
		return strings.Contains(m[0], cmp.Or(bgp.CountryName(first), first))
	}},
	{`The (?:upstream was|upstreams were) (.+)`, func(o *bgp.Outage, m []string) bool {
		return strings.Contains(m[0], o.Upstreams[0].ASN.String())
	}},
	{`After the first withdrawals, routes through (.+) were heard for a time`, func(o *bgp.Outage, m []string) bool {
		return strings.Contains(m[0], o.Evidence.ReroutedVia[0].String())
	}},
	{`How many networks watched is not known`, func(o *bgp.Outage, _ []string) bool { return o.Panel.Voters == 0 || o.Panel.Collectors == 0 }},
	{`This is consistent with (.+), and less typical of (.+)`, func(o *bgp.Outage, m []string) bool {
		return m[0] == o.Evidence.ConsistentWith && m[1] == o.Evidence.LessTypicalOf
	}},
	{`BGP cannot tell these apart`, func(o *bgp.Outage, _ []string) bool { return o.Evidence.ConsistentWith != "" }},
}

// isPart compares the lost space with the record. A sentence names it if it is not the whole
// space.
func isPart(o *bgp.Outage, m []string) bool {
	if m[0] == "" {
		return o.Peak.LostSpace >= o.Baseline.Space || o.Kind == bgp.KindPartial
	}
	return m[0] == o.Peak.LossPercent.String() && m[1] == o.Peak.LostSpace.String() && m[2] == o.Baseline.Space.String()
}

// isWayOut compares the sentence on the course of the loss with the record.
func isWayOut(o *bgp.Outage, m []string) bool {
	e, rest := &o.Evidence, m[4]
	shape := map[string]string{"": shapeAbrupt, " in steps": shapeStepped, " one after the other": shapeGradual}[m[3]]
	one := o.LostPrefixesTotal == 1
	only, together := strings.Contains(rest, "only upstream"), strings.Contains(rest, "all upstreams at once")
	return e.Shape == shape && one == (m[2] == "was") && (m[0] == "It" || is(m[1], o.LostPrefixesTotal)) &&
		(m[0] == "It") == (o.Entity.Type == bgp.EntityPrefix) &&
		(!only || len(o.Upstreams) == 1 && len(e.ReroutedVia) == 0) && (!together || *e.UpstreamsLostTogether)
}

// then is a time of the outage as its sentences write it: without the date on the day of the start.
func then(o *bgp.Outage, t time.Time) string { return (&wording{o: o}).then(t) }

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

func asJSON(o *bgp.Outage) string {
	b, err := json.Marshal(o)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// is reports whether the digits are n.
func is(digits string, n int) bool { return digits == strconv.Itoa(n) }

// forms are the compiled sentences.
var forms = func() map[*regexp.Regexp]func(*bgp.Outage, []string) bool {
	all := map[*regexp.Regexp]func(*bgp.Outage, []string) bool{}
	for _, l := range lossForms {
		for _, w := range whenForms {
			n := regexp.MustCompile(l.form).NumSubexp()
			all[regexp.MustCompile("^"+l.form+w.form+"$")] = func(o *bgp.Outage, m []string) bool { return l.true(o, m[:n]) && w.true(o, m[n:]) }
		}
	}
	for _, s := range otherForms {
		all[regexp.MustCompile("^"+s.form+"$")] = s.true
	}
	return all
}()

// checkSentences returns the sentences of a record's summary that have other figures than the
// record or no known form.
func checkSentences(o *bgp.Outage) error {
	for s := range strings.SplitSeq(strings.TrimSuffix(o.Summary, "."), ". ") {
		if s+"." == caveat || slices.ContainsFunc(o.Notes, func(n string) bool { return strings.Contains(n, s) }) {
			continue
		}
		known, right := false, false
		for form, ok := range forms {
			if m := form.FindStringSubmatch(s); m != nil {
				known, right = true, right || ok(o, m[1:])
			}
		}
		switch {
		case !known:
			return fmt.Errorf("a sentence of no known form: %q", s)
		case !right:
			return fmt.Errorf("the figures are others: %q; %s", s, asJSON(o))
		}
	}
	if o.Entity.Type != bgp.EntityPrefix && o.Kind != bgp.KindMoved && o.LostPrefixesTotal != o.Peak.LostPrefixes {
		return fmt.Errorf("lost_prefixes_total %d, and %d lost prefixes: %s", o.LostPrefixesTotal, o.Peak.LostPrefixes, asJSON(o))
	}
	return nil
}
