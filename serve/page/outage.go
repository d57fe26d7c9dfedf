package page

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/serve/history"
)

// outageView holds the content of the page of an outage.
type outageView struct {
	bgp.Outage
	Name string
	// Standing is a sentence about its state: open, or over and for which reason.
	Standing string
	Facts    []fact
	// Evidence lists the evidence from the routes.
	Evidence           []fact
	Curve              curveView
	Prefixes           []prefixRow
	PrefixesMore       string
	Seen               seenView
	Wider, Neighbours  []namedLink
	Origins, Upstreams []namedLink
	Countries          []namedLink
	Next, Before       *namedLink
	Revisions          []revisionRow
	RevisionsSQL       string
	Post               post
	JSON, CSV          string
	Permanent          string
	// Problem is the reason why the records could not be read. The page then shows the newest
	// record.
	Problem string
}

// fact is a figure with the statement that returns it.
type fact struct {
	Term string
	// Value is text, or an element.
	Value any
	SQL   string
}

// namedLink is a link with its text. If Link is empty, it is the text alone.
type namedLink struct{ Text, Link, More string }

// revisionRow is a record of the outage.
type revisionRow struct {
	Sequence  uint32
	Event     string
	State     string
	DecidedAt time.Time
	Severity  string
	Loss      string
	Lasts     string
}

// post is a short message about the outage.
type post struct {
	Text, Link string
	// Characters is the length of text and link. A link counts as shortLink.
	Characters int
}

// shortLink is the length that social networks count for a link.
const shortLink = 23

// outagePage answers `/outage/{id}`.
func (s *site) outagePage(a *asked) (*content, error) {
	id := a.PathValue("id")
	if _, _, _, _, err := bgp.ParseOutageID(id); err != nil {
		return nil, notFound("There is no such outage",
			"The id of an outage is like country-KP-ipv4-20141222T1615Z.")
	}
	c := &content{Template: "outage", Newest: true}
	got, err := s.deps.History.Outage(a.Context(), a.scope, id)
	d := &outageView{}
	if err == nil {
		d.Outage = got.Newest.Outage
	} else {
		e, ok := a.Snapshot.Find(id)
		if !ok {
			return nil, err
		}
		d.Outage = e.Outage
		if !errors.Is(err, history.ErrNotFound) { // else the store does not have it yet
			d.Problem, c.Lacks = reason(err), true
		}
	}
	o := d.Outage
	if o.State == bgp.StateOpen || o.State == bgp.StateSuspected {
		if until := a.Until(); until.After(o.Start) {
			d.DurationSeconds = int64(until.Sub(o.Start).Seconds())
		}
	}
	d.Name = entityName(o.Entity)
	d.Standing = standing(d.Outage, a.successor(o))
	d.fill(a, got.Revisions)
	c.Lacks = d.withdrawals(a) != nil || c.Lacks
	d.seen(a)
	c.Title, c.Description, c.Data = title(o), plaintext.Clean(o.Summary), d
	c.Picture = strings.TrimPrefix(a.Link("/outage/"+id+"/picture.png", "at", "", "family", ""), s.deps.Base)
	return c, nil
}

// title returns the headline of an outage. It makes one for records of old versions without a
// headline.
func title(o bgp.Outage) string {
	if o.Headline != "" {
		return plaintext.Clean(o.Headline)
	}
	return entityName(o.Entity) + ": " + outageview.Kind(o) + ", " + outageview.Loss(o)
}

// standing describes the state of an outage in a sentence.
func standing(o bgp.Outage, next *bgp.Outage) string {
	lasts := bgp.DurationText(time.Duration(o.DurationSeconds) * time.Second)
	switch o.State {
	case bgp.StateSuspected:
		return "Suspected: it is not confirmed yet, and may be taken back. It lasts for " + lasts + " so far."
	case bgp.StateOpen:
		return "It goes on. It lasts for " + lasts + " so far."
	case bgp.StateRetracted:
		return "Taken back: it was not an outage. " + endMeaning(o)
	case bgp.StateClosed:
	}
	return "Over after " + lasts + ": " + outageview.Ended(o, next) + ". " + endMeaning(o)
}

// endMeaning explains the reason of an end.
func endMeaning(o bgp.Outage) string {
	switch o.EndReason {
	case bgp.EndRecovered:
		return "The voters announced the routes again."
	case bgp.EndSuperseded:
		return "It is not as usual still, and another event describes it."
	case bgp.EndNewNormal:
		return "The routes are not back. The state has lasted for so long that it counts as the usual one now."
	case bgp.EndLeftTable:
		return "The routes are not back. The prefix was away for so long that it is no longer known."
	case bgp.EndCovered:
		return "It is not as usual still, but routes of its usual origin carry its addresses."
	case bgp.EndRemoved:
		return "It was removed from the configuration."
	case bgp.EndLostSight:
		return "What changed is the view and not the routes: nobody can say from here whether they are back."
	case bgp.NotEnded:
	}
	return ""
}

// fill fills in the content from the records.
func (d *outageView) fill(a *asked, revisions []history.Revision) {
	o := d.Outage
	d.Facts, d.Evidence = d.facts(a), d.evidence(a)
	d.Origins, d.Upstreams = a.networks(o.Origins), a.networks(o.Upstreams)
	for _, c := range o.Countries {
		d.Countries = append(d.Countries, namedLink{
			Text: entityName(bgp.Entity{Type: bgp.EntityCountry, Code: c}),
			Link: a.LinkEntity(bgp.EntityCountry, c),
		})
	}
	for _, p := range o.Parents {
		l := namedLink{
			Text: kindOfEntity(p.Type) + " " + entityName(bgp.Entity{Type: p.Type, Code: p.Code}),
			More: "lost " + percent(p.SharePercent) + " of it, too",
		}
		if p.ID != "" {
			l.Link = a.LinkOutage(p.ID)
		}
		d.Wider = append(d.Wider, l)
	}
	for _, code := range o.Evidence.Neighbours {
		e := bgp.Entity{Type: o.Entity.Type, Code: code}
		d.Neighbours = append(d.Neighbours, namedLink{Text: entityName(e), Link: a.LinkEntity(e.Type, code)})
	}
	d.Next, d.Before = a.other(o.Successor), a.other(o.Predecessor)
	for _, r := range revisions {
		x := r.Entry.Outage
		d.Revisions = append(d.Revisions, revisionRow{
			r.Sequence, string(r.Event), string(r.State), r.DecidedAt, string(r.Severity),
			outageview.Loss(x), bgp.DurationText(time.Duration(x.DurationSeconds) * time.Second),
		})
	}
	d.RevisionsSQL = historySQL(a.Dataset, o.ID)
	d.Permanent = a.site.deps.Absolute(a.Request, strings.TrimPrefix(a.LinkOutage(o.ID), a.site.deps.Base))
	d.JSON, d.CSV = a.Link("/v1/outages/"+o.ID, "at", "", "family", ""),
		a.Link("/v1/outages/"+o.ID+".csv", "at", "", "family", "")
	d.Post = post{Text: plaintext.Clean(o.Post), Link: d.Permanent}
	if d.Post.Text == "" {
		d.Post.Text = title(o)
	}
	d.Post.Characters = len([]rune(d.Post.Text)) + 1 + shortLink
}

// other returns a link to an event by its id, or nil if id is empty.
func (a *asked) other(id string) *namedLink {
	if id == "" {
		return nil
	}
	return &namedLink{Text: id, Link: a.LinkOutage(id)}
}

// networks returns links to ASes.
func (a *asked) networks(all []bgp.AS) []namedLink {
	var out []namedLink
	for _, x := range all {
		out = append(out, namedLink{Text: asText(x), Link: a.LinkEntity(bgp.EntityAS, x.ASN.String())})
	}
	return out
}

// facts lists the figures of the outage.
func (d *outageView) facts(a *asked) []fact {
	o := d.Outage
	f, _ := bgp.FamilyNamed(o.Family)
	sql := func(columns string) string { return outageSQL(a.Dataset, o.ID, columns) }
	out := []fact{{"Began", second(o.Start), sql("start")}}
	if o.End != nil {
		out = append(out, fact{"Ended", second(*o.End), sql("end, end_reason")})
	}
	out = append(out,
		fact{"Lasts", bgp.DurationText(time.Duration(d.DurationSeconds) * time.Second), sql("duration_seconds")},
		fact{"Address family", f.Title(), sql("family")},
		fact{"Kind", outageview.Kind(o), sql("kind")},
		fact{"Severity at its worst", string(o.Severity), sql("severity")},
		fact{
			"Lost at its worst",
			fmt.Sprintf("%s: %s of %s, %s of %s", percent(o.Peak.LossPercent),
				number(o.Peak.LostPrefixes), bgp.Count(o.Baseline.Prefixes, "prefix"),
				space(o.Peak.LostSpace, f), space(o.Baseline.Space, f)),
			sql("peak_loss_percent, peak_lost_prefixes, baseline_prefixes, peak_lost_space, baseline_space"),
		},
		fact{
			"Lost at the newest record",
			fmt.Sprintf("%s: %s", percent(o.Now.LossPercent), bgp.Count(o.Now.LostPrefixes, "prefix")),
			fieldSQL(a.Dataset, o.ID, "now"),
		},
		fact{
			"Seen by",
			fmt.Sprintf("%s on %s",
				bgp.Count(o.Panel.Voters, "voter"), bgp.Count(o.Panel.Collectors, "collector")),
			sql("voters, collectors"),
		},
		fact{"Verdicts rest on", tableMeaning(o.Panel.Table), fieldSQL(a.Dataset, o.ID, "panel.table")},
	)
	return out
}

func tableMeaning(t bgp.TableKnowledge) string {
	switch t {
	case bgp.TablesComplete:
		return "the whole tables of the voters"
	case bgp.TablesLearned:
		return "updates alone: of routes that nobody touched nothing is known"
	case bgp.TablesUndecided:
	}
	return "it is not known what"
}

// withdrawals asks the store for the losses of the prefixes, and makes the curve and the table of
// prefixes.
func (d *outageView) withdrawals(a *asked) error {
	o := d.Outage
	f, ok := bgp.FamilyNamed(o.Family)
	lost := lostPrefixes(o)
	if !ok || len(lost) == 0 {
		return nil
	}
	from, to := curveSpan(o)
	w, err := a.site.deps.History.Withdrawals(a.Context(), a.scope, f, lost, o.Start, from, to)
	d.Curve = a.curve(o, w, lost)
	d.prefixes(a, w, lost)
	if err != nil {
		d.Curve.Problem = reason(err)
	}
	return err
}

// lostPrefixes returns the prefixes that an outage lost. For an outage of a prefix it is the prefix
// itself.
func lostPrefixes(o bgp.Outage) []string {
	if o.Entity.Type == bgp.EntityPrefix {
		return []string{o.Entity.Code}
	}
	return o.LostPrefixes
}

// curveBefore and curveAfter bound the time around the start of an outage in which the page looks
// for withdrawals. If the voters took longer, the time after the start grows up to curveMost.
const (
	curveBefore = 2 * time.Minute
	curveAfter  = 10 * time.Minute
	curveMost   = 2 * time.Hour
)

// curveSpan returns the time in which the voters lost the prefixes.
func curveSpan(o bgp.Outage) (from, to time.Time) {
	after := curveAfter
	if s := o.Evidence.WithdrawalSpreadSeconds; s != nil {
		after = min(max(after, 2*time.Duration(s.P90)*time.Second), curveMost)
	}
	to = o.Start.Add(after)
	if o.End != nil && o.End.Before(to) {
		to = o.End.Add(time.Second)
	}
	return o.Start.Add(-curveBefore), to
}

// askVoters bounds the time of a question to the detector.
const askVoters = 2 * time.Second

// deadline returns ctx with askVoters as its timeout.
func deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, askVoters)
}
