package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/history"
)

// curveView is the curve of the losses by second, and its tables.
type curveView struct {
	chart *chart
	// Sentence describes the curve in words. Counts names the counted things: losses.
	Sentence, Counts string
	Seconds          []secondRow
	Peers            []peerRow
	// PeersMore gives the number of voters left out, in a sentence.
	PeersMore string
	SQL       string
	// Problem is the reason why the curve is not known.
	Problem string
}

// Drawn reports whether there is a curve.
func (c curveView) Drawn() bool { return c.chart != nil }

// SVG draws the curve.
func (c curveView) SVG() any { return c.chart.SVG() }

// secondRow is a second with losses.
type secondRow struct {
	At time.Time
	// Losses is the number of losses in the second. Total is the number up to its end, and Share
	// the percentage of all known losses.
	Losses, Total int
	Share         string
}

// peerRow is a voter with losses.
type peerRow struct {
	Name, Link, Collector string
	Prefixes              string
	First, Last           time.Time
}

// maxPeers bounds the voters that a page lists.
const maxPeers = 200

// curve makes a curve from the store's withdrawals.
func (a *asked) curve(o bgp.Outage, w history.Withdrawals, lost []string) curveView {
	c := curveView{SQL: withdrawalsSQL(a, o, lost, w.From, w.To)}
	if len(w.Curve) == 0 {
		return a.recordedCurve(o, c)
	}
	first, last := w.Curve[0].At, w.Curve[len(w.Curve)-1].At
	c.Counts = "Losses"
	c.draw(w.Curve)
	c.Sentence = fmt.Sprintf("%s lost %s between %s and %s. "+
		"The line is the share of all losses that had happened. A loss is one voter without one prefix.",
		bgp.Count(len(w.Peers), "voter"), bgp.Count(len(w.Prefixes), "prefix"),
		first.Format("15:04:05"), last.Format(secondForm))
	for i, p := range w.Peers {
		if i == maxPeers {
			c.PeersMore = fmt.Sprintf("The table has the first %d of %s. The SQL gives all.",
				maxPeers, bgp.Count(len(w.Peers), "voter"))
			break
		}
		c.Peers = append(c.Peers, peerRow{
			asText(p.AS), a.LinkEntity(bgp.EntityAS, p.ASN.String()), p.Collector,
			fmt.Sprintf("%d of %d", p.Prefixes, len(w.Prefixes)), p.First, p.Last,
		})
	}
	return c
}

// recordedCurve makes a curve from the record of the outage, for times whose route changes the
// store does not have any more.
func (a *asked) recordedCurve(o bgp.Outage, c curveView) curveView {
	kept := o.Evidence.Withdrawals
	if kept == nil || len(kept.Curve) == 0 {
		c.Problem = "The store has no withdrawals of these prefixes around the start. " +
			"Route changes are kept for 30 days."
		return c
	}
	c.SQL, c.Counts = fieldSQL(a.Dataset, o.ID, "evidence.withdrawals"), "Voters"
	var all []history.SecondLoss
	before := int64(0)
	for _, p := range kept.Curve {
		all = append(all, history.SecondLoss{
			At: kept.First.Add(time.Duration(p[0]) * time.Second), Losses: int(p[1] - before),
		})
		before = p[1]
	}
	c.draw(all)
	c.Sentence = fmt.Sprintf(
		"%s lost prefixes from %s on. The line is the share of them that had lost half of their prefixes.",
		bgp.Count(kept.Voters, "voter"), kept.First.UTC().Format(secondForm))
	return c
}

// draw draws losses by second, the first one first, as shares of all.
func (c *curveView) draw(all []history.SecondLoss) {
	total := 0
	for _, s := range all {
		total += s.Losses
	}
	first, last := all[0].At.UTC(), all[len(all)-1].At.UTC()
	span := max(last.Sub(first), 10*time.Second)
	ch := &chart{
		ID: "curve", From: first.Add(-span / 10).Truncate(time.Second),
		To: last.Add(span / 10).Add(time.Second), Top: 100, Unit: "%",
	}
	ch.Ticks = timeTicks(ch.From, ch.To)
	ch.Points = append(ch.Points, chartPoint{At: ch.From, Known: true})
	sum := 0
	for _, s := range all {
		sum += s.Losses
		share := bgp.Hundredths(uint64(max(sum, 0)), uint64(max(total, 0)), 100)
		ch.Points = append(ch.Points, chartPoint{At: s.At, Known: true, Value: float64(share) / 100})
		c.Seconds = append(c.Seconds, secondRow{s.At, s.Losses, sum, percent(share)})
	}
	ch.Label = fmt.Sprintf(
		"Withdrawal curve, second by second, from %s to %s. The table below has the same numbers.",
		first.Format(secondForm), last.Format(secondForm))
	c.chart = ch
}

// withdrawalsSQL returns the statement with its parameters filled in.
func withdrawalsSQL(a *asked, o bgp.Outage, lost []string, from, to time.Time) string {
	if from.IsZero() {
		from, to = curveSpan(o)
	}
	all := make([]string, len(lost))
	for i, p := range lost {
		all[i] = quoted(p)
	}
	return strings.NewReplacer(
		"{dataset:String}", quoted(a.Dataset), "{family:String}", quoted(o.Family),
		"{prefixes:Array(String)}", "["+strings.Join(all, ", ")+"]",
		"{start:DateTime('UTC')}", sqlTime(o.Start), "{from:DateTime('UTC')}", sqlTime(from),
		"{to:DateTime('UTC')}", sqlTime(to),
	).Replace(history.WithdrawalsSQL(a.scope.Private)) + "\nORDER BY lost_at, prefix, peer_asn"
}

// prefixRow is a prefix of the outage.
type prefixRow struct {
	Prefix, Link string
	// Lost means that the prefix was lost at the peak. Otherwise it stayed visible.
	Lost bool
	// First, Median and Last are the times at which voters lost it. They are zero if unknown.
	First, Median, Last time.Time
	Voters              string
	Upstream            string
	Now                 string
}

// maxPrefixRows bounds the prefixes that a page lists.
const maxPrefixRows = 300

// prefixes lists the prefixes of the outage: first those with known times, the first loss first,
// then the other lost ones, then those that stayed.
func (d *outageView) prefixes(a *asked, w history.Withdrawals, lost []string) {
	known := map[string]bool{}
	add := func(r prefixRow) {
		known[r.Prefix] = true
		if len(d.Prefixes) < maxPrefixRows {
			r.Link, r.Now = a.LinkEntity(bgp.EntityPrefix, r.Prefix), a.prefixNow(d.Outage, r.Prefix)
			d.Prefixes = append(d.Prefixes, r)
		}
	}
	for _, p := range w.Prefixes {
		r := prefixRow{
			Prefix: p.Prefix, Lost: true, First: p.First, Median: p.Median, Last: p.Last,
			Voters: number(p.Voters), Upstream: "as in the table",
		}
		if p.Upstream.ASN != 0 {
			r.Upstream = asText(d.named(p.Upstream))
		}
		add(r)
	}
	for _, p := range lost {
		if !known[p] {
			add(d.recorded(p))
		}
	}
	for _, p := range d.SurvivingPrefixes {
		if !known[p] {
			add(prefixRow{Prefix: p})
		}
	}
	all := max(d.LostPrefixesTotal, len(lost)) + d.SurvivingPrefixesTotal
	if all > len(d.Prefixes) {
		d.PrefixesMore = fmt.Sprintf("The table has %d of %s.", len(d.Prefixes), bgp.Count(all, "prefix"))
	}
}

// prefixNow describes the state of a prefix in the newest minute.
func (a *asked) prefixNow(o bgp.Outage, prefix string) string {
	f, _ := bgp.FamilyNamed(o.Family)
	v, ok := a.Snapshot.Value(keyOf(bgp.EntityPrefix, prefix, f))
	switch {
	case ok && v.Visible.Space == 0:
		return "lost"
	case ok && v.Visible.Space < v.Usual.Space:
		return "partly visible"
	case o.State == bgp.StateClosed && o.EndReason == bgp.EndRecovered:
		return "back"
	}
	return "not known here"
}

// named returns an AS. If it has no name, named takes the name from the record.
func (d *outageView) named(x bgp.AS) bgp.AS {
	for _, all := range [][]bgp.AS{d.Outage.Upstreams, d.Outage.Origins} {
		for _, y := range all {
			if x.Name == "" && y.ASN == x.ASN {
				return y
			}
		}
	}
	return x
}

// recorded returns the row of a lost prefix from the record of the outage.
func (d *outageView) recorded(prefix string) prefixRow {
	r := prefixRow{Prefix: prefix, Lost: true}
	kept := d.Outage.Evidence.Withdrawals
	if kept == nil {
		return r
	}
	after := func(seconds int64) time.Time { return kept.First.Add(time.Duration(seconds) * time.Second) }
	for _, p := range kept.Prefixes {
		if p.Prefix == prefix {
			r.First, r.Median, r.Last, r.Voters = after(p.First.Seconds), after(p.HalfSeconds),
				after(p.Last.Seconds), number(p.Voters)
			r.Upstream = asText(d.named(bgp.AS{ASN: p.Upstream}))
			if p.Upstream == 0 {
				r.Upstream = "not known"
			}
		}
	}
	return r
}
