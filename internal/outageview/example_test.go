package outageview

import (
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// at returns a time of the test's week.
func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// exampleOutages returns outages of an invented country on documentation space.
func exampleOutages(t *testing.T) []bgp.Outage {
	t.Helper()
	outage := func(kind bgp.Kind, severity bgp.Severity, start, end string) bgp.Outage {
		o := bgp.Outage{
			ID: "country-ZZ-" + start, Kind: kind, Severity: severity, State: bgp.StateOpen, Event: bgp.EventOpened, Family: "ipv4", Dataset: "demo",
			Entity:       bgp.Entity{Type: bgp.EntityCountry, Code: "ZZ", Name: "Nowhere"},
			Start:        at(t, start),
			Baseline:     bgp.Size{Prefixes: 4, Space: 400},
			Peak:         bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 10000},
			LostPrefixes: []string{"192.0.2.0/24", "198.51.100.0/24"}, LostPrefixesTotal: 2,
			Origins:   []bgp.AS{{ASN: 64496, Name: "Example Networks"}},
			Upstreams: []bgp.AS{{ASN: 64500, Name: "Example Transit"}},
		}
		if end != "" {
			e := at(t, end)
			o.End, o.State, o.Event, o.DurationSeconds, o.EndReason = &e, bgp.StateClosed, bgp.EventClosed, int64(e.Sub(o.Start)/time.Second), bgp.EndRecovered
		}
		return o
	}
	flaps := outage(bgp.KindIntermittent, bgp.SeverityTotal, "2014-12-22 00:00:00", "2014-12-22 16:15:00")
	flaps.Evidence.LossesInEvent = 62
	dark := outage(bgp.KindOutage, bgp.SeverityTotal, "2014-12-22 16:15:00", "2014-12-23 01:46:00")
	flaps.EndReason, flaps.Successor = bgp.EndSuperseded, dark.ID
	large := outage(bgp.KindOutage, bgp.SeverityModerate, "2014-12-24 06:00:00", "")
	large.Baseline.Prefixes, large.Peak = 120, bgp.Loss{LostPrefixes: 37, LossPercent: 3083}
	large.Upstreams = append(large.Upstreams, bgp.AS{ASN: 64501})
	return []bgp.Outage{flaps, dark, outage(bgp.KindOutage, bgp.SeverityTotal, "2014-12-23 15:41:00", "2014-12-23 16:12:00"), large}
}

// part returns an outage of an entity in the country, at the same time as o.
func part(o bgp.Outage, e bgp.Entity, origin bgp.ASN, lost ...string) bgp.Outage {
	o.ID, o.Entity, o.Origins, o.LostPrefixes, o.LostPrefixesTotal = e.Code+o.ID, e, []bgp.AS{{ASN: origin, Name: "Example Networks"}}, lost, len(lost)
	return o
}

func exampleAS(o bgp.Outage) bgp.Outage {
	return part(o, bgp.Entity{Type: bgp.EntityAS, Code: "AS64496", Name: "Example Networks"}, 64496, "192.0.2.0/24", "198.51.100.0/24")
}

func examplePrefix(o bgp.Outage, code string) bgp.Outage {
	return part(o, bgp.Entity{Type: bgp.EntityPrefix, Code: code}, 64496, code)
}

// family returns the outages of the country, its AS and its two prefixes.
func family(o bgp.Outage) []bgp.Outage {
	return []bgp.Outage{examplePrefix(o, "192.0.2.0/24"), examplePrefix(o, "198.51.100.0/24"), exampleAS(o), o}
}
