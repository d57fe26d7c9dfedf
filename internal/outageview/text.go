package outageview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/terminal"
)

// Entity returns the entity with its name: KP North Korea, AS131279 Ryugyong-dong, 192.0.2.0/24 of
// AS64496 Example.
func Entity(o bgp.Outage) string {
	c := entityCell(o)
	return terminal.Clean(c.Head + c.Body + c.Tail)
}

// entityCell returns the entity, which is never cut. The names of a prefix's origins can be cut.
func entityCell(o bgp.Outage) terminal.Cell {
	e := o.Entity
	if e.Type == bgp.EntityPrefix && len(o.Origins) > 0 {
		c := asCell(o.Origins)
		c.Head = e.Code + " of " + c.Head
		return c
	}
	if e.Name == "" || e.Name == e.Code {
		return terminal.Text(e.Code)
	}
	return terminal.Text(e.Code + " " + e.Name)
}

// asCell returns the first AS and the number of the others. Its name can be cut.
func asCell(all []bgp.AS) (c terminal.Cell) {
	if len(all) == 0 {
		return c
	}
	c.Head = all[0].ASN.String()
	if all[0].Name != "" {
		c.Body = " " + all[0].Name
	}
	if more := len(all) - 1; more > 0 {
		c.Tail = fmt.Sprintf(" +%d", more)
	}
	return c
}

func text(c terminal.Cell) string { return terminal.Clean(c.Head + c.Body + c.Tail) }

// familyText returns IPv4 or IPv6.
func familyText(o bgp.Outage) string {
	for _, f := range bgp.Families {
		if f.String() == o.Family {
			return f.Title()
		}
	}
	return o.Family
}

// startText returns the start, to the minute.
func startText(o bgp.Outage) string { return o.Start.UTC().Format("2006-01-02 15:04") }

// endText returns the end for the table. The date is included only if it differs from the start's.
func endText(o bgp.Outage) string {
	if o.End == nil {
		return "still open"
	}
	if o.Start.UTC().Truncate(oneDay).Equal(o.End.UTC().Truncate(oneDay)) {
		return o.End.UTC().Format("15:04")
	}
	return o.End.UTC().Format("01-02 15:04")
}

func durationText(o bgp.Outage) string {
	return bgp.DurationText(time.Duration(o.DurationSeconds) * time.Second)
}

// kindCell returns outage, partial, intermittent (62 losses), moved; blip and retracted for those.
func kindCell(o bgp.Outage) terminal.Cell {
	switch {
	case o.State == bgp.StateRetracted:
		return terminal.Text("retracted")
	case o.Blip:
		return terminal.Text("blip")
	case o.Evidence.LossesInEvent > 0:
		n := o.Evidence.LossesInEvent
		return terminal.Cell{Head: string(o.Kind), Body: " (" + bgp.Count(n, "loss") + ")"}
	}
	return terminal.Text(string(o.Kind))
}

// lossCell gives a loss of few prefixes as a count, of many in percent. A partial loss of a prefix
// is given in networks that hold it, a moved prefix by its new origins.
func lossCell(o bgp.Outage) terminal.Cell {
	lost, all := o.Peak.LostPrefixes, o.Baseline.Prefixes
	switch {
	case o.EndReason == bgp.EndCovered && o.Peak.LossPercent == 0:
		return terminal.Text("none, still covered")
	case o.Kind == bgp.KindPartial && o.Entity.Type == bgp.EntityPrefix:
		return terminal.Text(fmt.Sprintf("%s %% of its networks", o.Peak.LossPercent))
	case o.Kind == bgp.KindMoved && o.Entity.Type == bgp.EntityPrefix && len(o.Evidence.MovedTo) > 0:
		return terminal.Text("to " + first(o.Evidence.MovedTo[0].ASN, len(o.Evidence.MovedTo)))
	case o.Kind == bgp.KindOrigin && len(o.Unexpected) > 0:
		return terminal.Text("none, by " + strangers(o.Unexpected))
	case o.Kind == bgp.KindOrigin:
		return terminal.Text("none")
	}
	count := fmt.Sprintf("%d of %s", lost, bgp.Count(all, "prefix"))
	if all < 10 {
		return terminal.Text(count)
	}
	return terminal.Cell{Head: o.Peak.LossPercent.String() + " %", Body: " (" + count + ")"}
}

// strangers returns the unexpected origin with the most voters, of equals the one with the lowest
// number, and the number of the others.
func strangers(all []bgp.UnexpectedRoute) string {
	voters := map[bgp.ASN]int{}
	for _, u := range all {
		voters[u.Origin.ASN] = max(voters[u.Origin.ASN], u.Voters)
	}
	order := slices.SortedFunc(maps.Keys(voters), func(a, b bgp.ASN) int {
		return cmp.Or(voters[b]-voters[a], cmp.Compare(a, b))
	})
	return first(order[0], len(order))
}

// first returns the first of n ASes and the number of the others: AS64497 +2.
func first(a bgp.ASN, n int) string {
	if n == 1 {
		return a.String()
	}
	return fmt.Sprintf("%s +%d", a, n-1)
}

// endedText returns how an outage ended. next is its successor, if known.
func endedText(o bgp.Outage, next *bgp.Outage) string {
	switch o.EndReason {
	case bgp.NotEnded:
		return ""
	case bgp.EndRecovered:
		if o.Kind == bgp.KindOrigin {
			return "no longer announced"
		}
		return "routes back"
	case bgp.EndSuperseded:
		return passedText(next)
	case bgp.EndNewNormal:
		return "now as usual"
	case bgp.EndLeftTable:
		return "left the table"
	case bgp.EndCovered:
		return "covered by other routes"
	case bgp.EndRemoved:
		return "no longer configured"
	case bgp.EndLostSight:
		return "out of view"
	}
	return string(o.EndReason)
}

// passedText names the event into which an event passed.
func passedText(next *bgp.Outage) string {
	switch {
	case next == nil:
		return "passed into another event"
	case next.Kind == bgp.KindOutage && next.Severity == bgp.SeverityTotal:
		return "passed into a total outage"
	case next.Kind == bgp.KindOutage:
		return "passed into an outage"
	case next.Kind == bgp.KindPartial:
		return "passed into a partial loss"
	case next.Kind == bgp.KindIntermittent:
		return "passed into flapping"
	case next.Kind == bgp.KindMoved:
		return "passed to another origin"
	}
	return "passed into another event"
}
