package page

import (
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// evidence lists the evidence of an outage from the routes, each figure with the statement that
// returns it. It leaves out unknown figures.
func (d *outageView) evidence(a *asked) []fact {
	o, e := d.Outage, d.Outage.Evidence
	var out []fact
	add := func(term, value, path string) {
		out = append(out, fact{term, plaintext.Clean(value), fieldSQL(a.Dataset, o.ID, path)})
	}
	beginEvidence(&o, add)
	routeEvidence(&e, add)
	if e.LossesInEvent > 0 {
		add("Losses in this event", number(e.LossesInEvent), "evidence.losses_in_event")
	}
	if e.DutyCyclePercent != nil {
		add("Share of the time that was lost", percent(*e.DutyCyclePercent), "evidence.duty_cycle_percent")
	}
	if e.AnnouncedMinutes > 0 {
		add("Minutes in which it came back and went again", number(e.AnnouncedMinutes),
			"evidence.announced_minutes")
	}
	if len(o.Gaps) > 0 {
		add("Pauses in which the loss did not hold", bgp.Count(len(o.Gaps), "pause"), "gaps")
	}
	return out
}

// beginEvidence adds the evidence of how an outage began, and of the time before.
func beginEvidence(o *bgp.Outage, add func(term, value, path string)) {
	e := &o.Evidence
	if s := e.WithdrawalSpreadSeconds; s != nil {
		add("Withdrawals",
			fmt.Sprintf("10 %% came within %s of the first one, half within %s, 90 %% within %s",
				seconds(s.P10), seconds(s.P50), seconds(s.P90)),
			"evidence.withdrawal_spread_seconds")
	}
	if e.Shape != "" {
		add("Shape", shapeMeaning(e.Shape), "evidence.shape")
	}
	if t := e.UpstreamsLostTogether; t != nil {
		add("Upstreams", map[bool]string{
			true:  "all of them were lost within 2 minutes",
			false: "they were not all lost within 2 minutes",
		}[*t], "evidence.upstreams_lost_together")
	}
	add("Flaps before", flapsText(o.Flaps), "flaps")
	if c := e.ChurnBefore; c != nil {
		add("Route changes before",
			fmt.Sprintf("%s in the hour before, %s in the day before", number(c.Hour), number(c.Day)),
			"evidence.churn_before")
	}
	add("Outages in the 7 days before", number(e.OutagesLast7Days), "evidence.outages_last_7_days")
	add("Of these at the same time of day", number(e.SameTimeLast7Days), "evidence.same_time_last_7_days")
	add("Began at a full hour",
		map[bool]string{true: "yes, within 2 minutes of one", false: "no"}[e.OnTheHour],
		"evidence.on_the_hour")
}

// routeEvidence adds the evidence of the routes that went, and of those that are left.
func routeEvidence(e *bgp.Evidence, add func(term, value, path string)) {
	if len(e.ReroutedVia) > 0 {
		add("Heard after the first withdrawal through", asnList(e.ReroutedVia), "evidence.rerouted_via")
	}
	if len(e.OriginOrder) > 1 {
		add("Networks in the order in which they went", asnList(e.OriginOrder), "evidence.origin_order")
	}
	if len(e.MovedTo) > 0 {
		var names []string
		for _, x := range e.MovedTo {
			names = append(names, asText(x))
		}
		add("Originated now by", listed(names), "evidence.moved_to")
	}
	if len(e.Covered) > 0 {
		var all []string
		for _, c := range e.Covered {
			all = append(all, c.Prefix+" by "+c.By.String())
		}
		add("Still covered by routes of others", listed(all), "evidence.covered")
	}
	if len(e.Deaggregated) > 0 {
		add("More-specifics that went under a visible route", listed(e.Deaggregated), "evidence.deaggregated")
	}
	if c := e.CoveredByTable; c != nil {
		add("A route above it may still be there", c.Prefix+" of "+c.Origin.String(), "evidence.covered_by_table")
	}
}

func seconds(n int64) string { return fmt.Sprintf("%s s", number(n)) }

func shapeMeaning(shape string) string {
	switch shape {
	case "abrupt":
		return "abrupt: most prefixes went within 2 minutes"
	case "stepped":
		return "stepped: prefixes went in a few steps"
	case "gradual":
		return "gradual: prefixes went one after the other"
	}
	return shape
}

func flapsText(f bgp.Flaps) string {
	text := fmt.Sprintf("%s in the hour before, %d in the day before", bgp.Count(f.Hour, "loss"), f.Day)
	if f.UsualDay != nil {
		text += fmt.Sprintf("; usual is %d a day", *f.UsualDay)
	}
	return text
}

func asnList(all []bgp.ASN) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}
