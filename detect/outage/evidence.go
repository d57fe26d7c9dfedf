package outage

import "github.com/darkmap/darkmap/internal/bgp"

const (
	onTheHourSeconds = 2 * minute
	sameTimeSeconds  = 30 * minute
)

// describeStart fills in the evidence from the time before an event's start.
func (e *Engine) describeStart(ent *entity, ev *event) {
	churn := e.view.Churn(ent.key, ev.start)
	ev.churn = &churn
	ev.flaps = ent.flaps.count(ev.start, e.started)
	ev.sameTime, ev.outages = 0, 0
	days := [8]bool{}
	for _, t := range ent.starts {
		before := ev.start - t
		if before <= 0 || before > week+sameTimeSeconds {
			continue
		}
		if before <= week {
			ev.outages++
		}
		n := (before + day/2) / day
		if off := before - n*day; n >= 1 && n <= 7 &&
			off >= -sameTimeSeconds && off <= sameTimeSeconds && !days[n] {
			days[n] = true
			ev.sameTime++
		}
	}
}

// onTheHour reports whether t lies within two minutes of a full hour.
func onTheHour(t int64) bool { return t%hour <= onTheHourSeconds || t%hour >= hour-onTheHourSeconds }

// evidence returns the evidence of an event for its record.
func (e *Engine) evidence(ev *event) bgp.Evidence {
	x := bgp.Evidence{
		ChurnBefore:       ev.churn,
		SameTimeLast7Days: ev.sameTime,
		OutagesLast7Days:  ev.outages,
		OnTheHour:         onTheHour(ev.start),
		Neighbours:        append([]string(nil), ev.neighbours...),
		LossesInEvent:     ev.losses,
		AnnouncedMinutes:  ev.announced,
	}
	if d := ev.digest; d != nil {
		x.WithdrawalSpreadSeconds = d.spread
		x.UpstreamsLostTogether = d.together
		x.Shape = d.shape
		x.ReroutedVia = d.rerouted
		x.Covered = d.covered
		x.Deaggregated = d.deaggregated
		x.OriginOrder = d.originOrder
		if d.table.Origin != 0 {
			x.CoveredByTable = &bgp.Aggregate{Prefix: d.table.Prefix.String(), Origin: d.table.Origin}
		}
	}
	if ev.kind == bgp.KindIntermittent {
		end := ev.end
		if end == 0 {
			end = e.window + minute
		}
		duty := bgp.Hundredths(uint64(ev.lostMinutes), uint64(max(1, (end-ev.first)/minute)), 100)
		x.DutyCyclePercent = &duty
	}
	for _, a := range ev.movedTo {
		x.MovedTo = append(x.MovedTo, e.as(a))
	}
	return x
}

func (e *Engine) as(a bgp.ASN) bgp.AS { return bgp.AS{ASN: a, Name: e.view.OwnerName(a)} }
