package simulate

import (
	"net/netip"
	"time"
)

// Scenarios returns the cases that a detector must get right one by one. All of them begin on 5
// January 2015 and have a day or more of history before the first event, over the background.
func Scenarios() []Scenario {
	start := time.Date(2015, 1, 5, 0, 0, 0, 0, time.UTC)
	at := func(days, hours int) time.Time { return start.Add(time.Duration(days*24+hours) * time.Hour) }
	prefix := netip.MustParsePrefix
	return []Scenario{
		{
			Name: "outage-48h", About: "A country's network is gone for 48 hours.",
			Seed: 1, Start: start, End: at(6, 0), Background: true,
			Losses: []Loss{{Origin: 24757, Start: at(2, 10), End: at(4, 10)}},
		},
		{
			Name: "outage-8d",
			About: "A country's network is gone for eight days, " +
				"longer than a loss counts as one (detect.outage.freeze_limit).",
			Seed: 2, Start: start, End: at(12, 0), Background: true,
			Losses: []Loss{{Origin: 17660, Start: at(2, 10), End: at(10, 10)}},
		},
		{
			Name:  "peers-down-during-outage",
			About: "While a network is gone, some peers lose their sessions, and come back.",
			Seed:  3, Start: start, End: at(3, 0), Background: true,
			Losses: []Loss{{Origin: 24757, Start: at(1, 12), End: at(2, 0)}},
			Peers: []PeerDown{
				{ASN: 1299, Down: at(1, 13), Up: at(1, 16), State: true},
				{ASN: 2914, Down: at(1, 14), Up: at(2, 6), State: true},
				{ASN: 3491, Down: at(1, 15), Up: at(1, 15).Add(20 * time.Second)},
				{ASN: 2497, Down: at(1, 16), State: true},
			},
		},
		{
			Name: "origin-change", About: "Another AS originates a prefix for six hours; no route is lost.",
			Seed: 4, Start: start, End: at(3, 0), Background: true,
			Moves: []Move{{Prefix: prefix("112.134.0.0/15"), From: 9329, To: 18001, Start: at(1, 12), End: at(1, 18)}},
		},
		{
			Name:  "lost-under-own-aggregate",
			About: "A more-specific prefix goes; a route of the same origin still covers it.",
			Seed:  5, Start: start, End: at(3, 0), Background: true,
			More: []Origination{{24757, prefix("213.55.101.0/24")}},
			Losses: []Loss{
				{Origin: 24757, Prefixes: []netip.Prefix{prefix("213.55.101.0/24")}, Start: at(1, 12), End: at(1, 17)},
			},
		},
		{
			Name:  "lost-under-foreign-aggregate",
			About: "A more-specific prefix goes; only another AS's aggregate still covers it.",
			Seed:  6, Start: start, End: at(3, 0), Background: true,
			More: []Origination{{36991, prefix("196.0.101.0/24")}},
			Losses: []Loss{
				{Origin: 36991, Prefixes: []netip.Prefix{prefix("196.0.101.0/24")}, Start: at(1, 12), End: at(1, 17)},
			},
		},
	}
}

// FourWithdrawn returns a scenario with half a day of history, then the loss of AS131279's four
// prefixes at the given time for 40 minutes, over the background. Tests use it to have a real loss
// to find while they disturb the feed. The scenario ends four hours after the given time.
func FourWithdrawn(at time.Time) Scenario {
	return Scenario{
		Name: "four-withdrawn", About: "The four prefixes of AS131279 are withdrawn for 40 minutes.",
		Seed: 8, Start: at.Add(-12 * time.Hour), End: at.Add(4 * time.Hour), Background: true,
		Losses: []Loss{{Origin: 131279, Start: at, End: at.Add(40 * time.Minute)}},
	}
}
