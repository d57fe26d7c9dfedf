package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/serve/history"
)

// feedsView holds the content of the page of the feeds.
type feedsView struct {
	Sentence   string
	Panels     []panelRow
	Collectors []collectorRow
	// Private gives the number of collectors that are not shown, in a sentence.
	Private string
	// NoCollectors is the reason why the page has no collectors.
	NoCollectors string
	Peers        []familyPeers
	PeersProblem string
	Hidden       string
}

// panelRow describes the panel of a family.
type panelRow struct {
	Text     string
	Verdicts bool
}

// collectorRow is the state of a collector.
type collectorRow struct {
	Name, State, Reason string
	Bad                 bool
	PeersUp             string
	Full4, Full6        string
	Messages, Lag       string
	LastGap             *time.Time
	Updated             time.Time
}

// familyPeers lists the peers of a family.
type familyPeers struct {
	Family  string
	Voters  []voterRow
	Reasons []reasonRow
	Others  []voterRow
}

// voterRow is a peer.
type voterRow struct {
	Name, Link, Collector, Address, Prefixes, Reason string
}

// reasonRow is a reason for which peers do not vote, and their number.
type reasonRow struct {
	Meaning string
	Count   int
}

// feedsPage answers `/feeds`.
func (s *site) feedsPage(a *asked) (*content, error) {
	d := &feedsView{}
	for _, p := range a.Snapshot.Families {
		if a.shows(p.Family) {
			d.Panels = append(d.Panels, panelRow{p.Text + ".", p.Verdicts})
		}
	}
	c := &content{Template: "feeds", Data: d}
	var peers []history.Peer
	if !a.Until().IsZero() {
		var hidden int
		var err error
		if peers, hidden, err = s.deps.History.Peers(a.Context(), a.scope, a.Until()); err != nil {
			d.PeersProblem, c.Lacks = reason(err), true
		}
		if hidden > 0 {
			d.Hidden = bgp.Count(hidden, "private peer") + " not shown."
		}
	}
	private := a.Snapshot.PrivateFeeds
	for _, f := range a.Snapshot.Feeds {
		d.Collectors = append(d.Collectors, collector(f))
	}
	if a.Snapshot.Past {
		var err error
		if private, err = d.stood(a, peers); err != nil {
			d.NoCollectors, c.Lacks = reason(err), true
		}
	}
	if private > 0 {
		d.Private = bgp.Count(private, "private collector") + " not shown."
	}
	d.sentence(a)
	c.Title, c.Description = "Feeds: "+strings.ToLower(d.Sentence[:1])+d.Sentence[1:],
		d.Sentence+". "+voters(a.Snapshot, a.shows)+"."
	for _, f := range a.families() {
		if x := a.peersOf(f, peers); len(x.Voters)+len(x.Others) > 0 {
			d.Peers = append(d.Peers, x)
		}
	}
	return c, nil
}

// sentence describes the states of the collectors.
func (d *feedsView) sentence(a *asked) {
	up := 0
	for _, r := range d.Collectors {
		if !r.Bad {
			up++
		}
	}
	switch {
	case a.Snapshot.Past:
		d.Sentence = "Who voted at " + clock(a.Until())
		if len(d.Collectors) == 0 && d.NoCollectors == "" {
			d.NoCollectors = "The store knows no collector of that time."
		}
	case len(d.Collectors) == 0:
		d.Sentence = "It is not known how the collectors stand"
		d.NoCollectors = "No collector has reported its state in the last two hours."
	case len(d.Collectors) == 1:
		d.Sentence = "The only collector is " + d.Collectors[0].State
	default:
		d.Sentence = fmt.Sprintf("%d of %s are up", up, bgp.Count(len(d.Collectors), "collector"))
	}
}

// stood lists the collectors of a moment of the past: those that reported their state, and those of
// the panel. private is the number of those left out.
func (d *feedsView) stood(a *asked, peers []history.Peer) (private int, err error) {
	if a.Until().IsZero() {
		return 0, nil
	}
	found, private, err := a.site.deps.History.Collectors(a.Context(), a.scope, a.Until())
	rows := map[string]*collectorRow{}
	for _, f := range found {
		r := &collectorRow{
			Name: f.Name, State: f.State, Reason: f.Reason,
			Bad: f.State != "" && f.State != string(bgp.FeedUp), Updated: f.Reported,
		}
		if !f.Reported.IsZero() {
			r.PeersUp, r.Messages, r.Lag = number(f.PeersUp),
				fmt.Sprintf("%.1f", f.MessagesPerSecond), fmt.Sprintf("%.1f s", f.LagSeconds)
		}
		if !f.LastGap.IsZero() {
			r.LastGap = &f.LastGap
		}
		rows[f.Name] = r
	}
	full := map[string]map[string]int{bgp.IPv4.String(): {}, bgp.IPv6.String(): {}}
	for _, p := range peers {
		if rows[p.Collector] == nil {
			rows[p.Collector] = &collectorRow{Name: p.Collector}
		}
		if p.Votes || p.Reason == "second_feed" || p.Reason == "no_panel" {
			full[p.Family][p.Collector]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r := rows[name]
		if r.State == "" {
			r.State = "not reported"
		}
		r.Full4, r.Full6 = number(full[bgp.IPv4.String()][name]), number(full[bgp.IPv6.String()][name])
		d.Collectors = append(d.Collectors, *r)
	}
	return private, err
}

// collector returns the row of a collector.
func collector(f feedlog.Row) collectorRow {
	r := collectorRow{
		Name: f.Collector, State: string(f.State), Reason: f.Reason,
		Bad: f.State != feedlog.State(bgp.FeedUp), PeersUp: number(int(f.PeersUp)),
		Full4: number(f.FullFeedsIPv4),
		Full6: number(f.FullFeedsIPv6), Messages: fmt.Sprintf("%.1f", f.MessagesPerSecond),
		LastGap: f.LastGap, Updated: f.Updated,
	}
	if f.LagSeconds != nil {
		r.Lag = fmt.Sprintf("%.1f s", *f.LagSeconds)
	}
	return r
}

// peersOf returns the peers of a family: the voters, and the others with their reasons, the most
// frequent one first.
func (a *asked) peersOf(f bgp.Family, all []history.Peer) familyPeers {
	out := familyPeers{Family: f.Title()}
	reasons := map[string]int{}
	for _, p := range all {
		if p.Family != f.String() {
			continue
		}
		r := voterRow{
			Name: asText(p.AS), Link: a.LinkEntity(bgp.EntityAS, p.ASN.String()),
			Collector: p.Collector, Prefixes: number(p.Prefixes), Reason: reasonMeaning(p.Reason),
		}
		if p.Address.IsValid() {
			r.Address = p.Address.String()
		}
		if p.Votes {
			out.Voters = append(out.Voters, r)
			continue
		}
		out.Others = append(out.Others, r)
		reasons[r.Reason]++
	}
	for m, n := range reasons {
		out.Reasons = append(out.Reasons, reasonRow{m, n})
	}
	slices.SortFunc(out.Reasons, func(x, y reasonRow) int {
		if x.Count != y.Count {
			return y.Count - x.Count
		}
		return strings.Compare(x.Meaning, y.Meaning)
	})
	return out
}

// reasonMeaning explains why a peer does not vote.
func reasonMeaning(reason string) string {
	switch reason {
	case "partial":
		return "it sends a part of the table"
	case "transferring":
		return "its table is being sent"
	case "down":
		return "its session is down"
	case "collector_down":
		return "its collector is down"
	case "silent":
		return "it has been silent"
	case "second_feed":
		return "another session of its network votes"
	case "table_incomplete":
		return "its whole table is not known"
	case "only_withdraws":
		return "it only withdraws"
	case "unreadable":
		return "most of its messages cannot be read"
	case "lost_table":
		return "it withdrew most of its table, and the others did not"
	case "no_panel":
		return "its table is whole, and too few peers have one"
	case "":
		return "not known"
	}
	return strings.ReplaceAll(reason, "_", " ")
}
