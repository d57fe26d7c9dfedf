package targettest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// Deps returns dependencies for targets: a logger that writes to the test, and a constant clock.
func Deps(t testing.TB) target.Deps {
	t.Helper()
	return target.Deps{
		Name: "test", Version: "test", PublicURL: "https://darkmap.example.net",
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now:    func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	}
}

// Start is the start of North Korea's outage, Back its end.
var (
	Start = time.Date(2014, 12, 22, 16, 15, 8, 0, time.UTC)
	Back  = time.Date(2014, 12, 23, 1, 46, 2, 0, time.UTC)
)

// Korea returns an outage of North Korea as in a record: open, or closed with a reason.
func Korea(reason bgp.EndReason) bgp.Outage {
	o := bgp.Outage{
		ID: "country-KP-ipv4-20141222T1615Z", Sequence: 3, Kind: bgp.KindOutage, State: bgp.StateOpen,
		Event: bgp.EventOpened, Family: "ipv4",
		Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP", Name: "North Korea"}, Start: Start,
		Severity: bgp.SeverityTotal,
		Baseline: bgp.Size{Prefixes: 4, Space: 400},
		Peak:     bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 10000},
		Now:      bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 10000}, LostPrefixesTotal: 4,
		Origins: []bgp.AS{{ASN: 131279, Name: "Ryugyong-dong (Star JV)"}},
		Panel:   bgp.Panel{Voters: 45, Collectors: 12, Table: bgp.TablesComplete},
		Dataset: "live",
	}
	if reason != bgp.NotEnded {
		end := Back
		o.State, o.Event, o.EndReason, o.End, o.Now = bgp.StateClosed, bgp.EventClosed, reason, &end, bgp.Loss{}
	}
	return o
}

// Message returns the message with the given number about North Korea's outage.
func Message(number uint64, kind target.Kind, at time.Time) *target.Message {
	m := &target.Message{
		ID: ID(fmt.Sprint("Korea", number)), Incident: "country-KP-ipv4-20141222T1615Z", Number: number,
		Kind: kind, Subject: target.SubjectOutage,
		Route: "countries", Time: at, Start: Start, Severity: bgp.SeverityTotal, Title: "North Korea",
		Headline: "North Korea: all 4 IPv4 prefixes lost since 16:15 UTC, 22 Dec 2014",
		Post: "All 4 IPv4 prefixes of North Korea have lost their routes since 16:15 UTC " +
			"on 22 December 2014. 45 voters on 12 collectors saw it. Seen in routes alone; service can differ.",
		Summary: "All 4 IPv4 prefixes of North Korea have lost their routes since 16:15 UTC " +
			"on 22 December 2014. Routes can stay announced while service is down, " +
			"and be withdrawn while service goes on inside.",
		Link:   "https://darkmap.example.net/outages/country-KP-ipv4-20141222T1615Z",
		Events: []bgp.Outage{Korea(bgp.NotEnded)}, EventsTotal: 6,
	}
	return m
}

// Day returns the messages of that day: open, an update, and the close with a reason. For the
// reason NotEnded the last one is a TakeBack.
func Day(reason bgp.EndReason) []*target.Message {
	open := Message(1, target.Open, Start.Add(5*time.Minute))
	update := Message(2, target.Update, Start.Add(time.Hour))
	end := Message(3, target.Close, Back)
	if reason == bgp.NotEnded {
		end.Kind = target.TakeBack
		end.Events[0].State = bgp.StateRetracted
	} else {
		end.Events = []bgp.Outage{Korea(reason)}
	}
	end.End, end.Reason = Back, reason
	end.Headline = "North Korea: the outage of 4 IPv4 prefixes is over after 9 h 31 min"
	return []*target.Message{open, update, end}
}

// ID makes a message id: 32 hex digits.
func ID(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// Evil is a hostile name: mentions, markup, a formula, line ends, another header, bidirectional
// marks, terminal escapes, and 300 more characters.
var Evil = "<!channel> @everyone @room #tag =cmd|'/C calc'!A0 \r\n" +
	"Bcc: evil@example.org\r\n\u202etxt.exe\u202c \x1b[31mred\x07 <script>alert(1)</script> " +
	"[text](https://evil.example) <https://evil.example|text> &lt; ]]> \u200b\ufeff\x00" +
	strings.Repeat("Ä", 300)

// Hostile returns a message in which each text contains Evil. The engine makes no such texts.
func Hostile(kind target.Kind) *target.Message {
	m := Message(1, kind, Start.Add(time.Minute))
	m.ID = ID("hostile" + string(kind))
	m.Title, m.Headline, m.Post, m.Summary, m.Remainder = Evil, Evil+": lost", Evil+" lost its routes.",
		Evil+" lost its routes. "+Evil, Evil
	m.Events[0].Entity = bgp.Entity{Type: bgp.EntityAS, Code: "AS64496", Name: Evil}
	m.Events[0].Origins[0].Name = Evil
	m.Events[0].Countries = []string{"KP"}
	return m
}
