package query

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// clock is the format of times, which are in UTC.
const clock = "2006-01-02 15:04:05"

// WriteText writes an answer for people, times in UTC.
func WriteText(w io.Writer, q Question, a Answer) error {
	t := &textWriter{}
	t.line("%s%s. Dataset %s, %s.", strings.ToUpper(q.String()[:1]), q.String()[1:], a.Dataset,
		map[Source]string{
			SourceLive: "as the running detector has it", SourceStore: "from the store",
		}[a.Source])
	for i := range a.Families {
		f := &a.Families[i]
		if f.Entity == nil && f.Panel.Table != bgp.TablesLearned && len(f.Open) == 0 && someEntity(a) {
			t.line("\n%s: nothing of it was ever seen.", title(f.Family))
			continue
		}
		t.family(q, f)
	}
	t.outages(a)
	_, err := io.WriteString(w, t.b.String())
	return err
}

// someEntity reports whether the answer has an entity in some family.
func someEntity(a Answer) bool {
	return slices.ContainsFunc(a.Families, func(f Family) bool { return f.Entity != nil })
}

// title returns IPv4 or IPv6.
func title(family string) string { return strings.Replace(family, "ipv", "IPv", 1) }

// textWriter collects lines.
type textWriter struct{ b strings.Builder }

// line writes a line. No text among args can end the line.
func (t *textWriter) line(format string, args ...any) {
	args = slices.Clone(args)
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = oneLine.Replace(text)
		}
	}
	fmt.Fprintf(&t.b, format+"\n", args...)
}

// oneLine keeps a text in its line, and a cell in its column.
var oneLine = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")

// item writes a line with a name.
func (t *textWriter) item(name, format string, args ...any) {
	t.line("  %-11s "+format, append([]any{name}, args...)...)
}

func (t *textWriter) family(q Question, f *Family) {
	at := "no minute is decided yet"
	if f.At != nil {
		at = "decided up to " + f.At.UTC().Format(clock) + " UTC"
	}
	t.line("\n%s, %s", title(f.Family), at)
	switch {
	case f.Prefix != nil:
		t.prefix(q, f.Prefix)
	case q.Prefix.IsValid():
		t.item("state", "no prefix that holds it was ever seen")
	case f.Entity != nil:
		t.entity(f.Family, f.Entity)
	case f.Panel.Table == bgp.TablesLearned:
		t.item("visible", "unknown: without tables only prefixes are judged, not networks and countries")
	default:
		t.item("visible", "nothing of it was ever seen")
	}
	t.briefs("covered by", f.Covering, len(f.Covering))
	t.briefs("within it", f.Within, f.WithinTotal)
	t.item("panel", "%s", f.Panel.Text)
	if f.Entity != nil && f.Entity.NotJudged {
		t.item("", "%s", f.Panel.PlacesNotJudged)
	}
	if f.Prefix != nil {
		t.peers(f.Prefix)
	}
	if f.Entity != nil {
		t.lost(f.Entity)
	}
	around := false
	for _, o := range f.Open {
		if o.Entity.Code == q.Code {
			continue
		}
		if !around {
			t.line("\n  Open around it")
			around = true
		}
		t.outage(o)
	}
}

// stateWords describes each state.
var stateWords = map[State]string{
	Visible: "visible", Partly: "partly visible: fewer than 80 % of its usual voters hold it",
	Lost:       "lost: fewer than half of its usual voters hold it",
	NotCounted: "no verdict", NeverSeen: "never seen: no peer was heard to announce it", Unknown: "unknown",
}

func (t *textWriter) prefix(q Question, p *Prefix) {
	if p.Prefix != q.Code {
		t.item("prefix", "%s is the longest that holds it", p.Prefix)
	}
	state := stateWords[p.State]
	if p.Why != "" {
		state += "; " + p.Why
	}
	t.item("state", "%s", state)
	if p.State == NeverSeen || p.PeersTotal == 0 && p.Voters == 0 {
		return
	}
	usual := ""
	if p.UsualPercent != nil {
		usual = fmt.Sprintf(", usually by %s %%", p.UsualPercent)
	}
	t.item("held by", "%d of %s now%s; %d had it and have it no more%s%s",
		p.HeldBy, bgp.Count(p.Voters, "voter"), usual, p.GoneFrom,
		others(p.OtherPeers), silent(p.Silent))
	t.times(p)
	t.heard("origins", p.Origins)
	t.heard("upstreams", p.Upstreams)
	if p.GoneFrom > 0 {
		t.heard("last origin", p.LastOrigins)
		t.heard("last via", p.LastUpstreams)
	}
	if p.MovedSince != nil {
		t.item("moved", "since %s other networks originate it than its usual ones (%s)",
			p.MovedSince.UTC().Format(clock), ases(p.UsualOrigins))
	}
	if p.Covered {
		t.item("addresses", "routes of its usual origin still carry them")
	}
	if len(p.Places) > 0 {
		t.item("lies in", "%s", strings.Join(p.Places, ", "))
	}
}

// times writes the times of withdrawals, and the time since when a prefix has its state.
func (t *textWriter) times(p *Prefix) {
	switch {
	case p.FirstWithdrawal != nil && p.LastWithdrawal.After(*p.FirstWithdrawal):
		t.item("withdrawn", "from %s to %s",
			p.FirstWithdrawal.UTC().Format(clock), p.LastWithdrawal.UTC().Format(clock))
	case p.FirstWithdrawal != nil:
		t.item("withdrawn", "%s", p.FirstWithdrawal.UTC().Format(clock))
	}
	switch {
	case p.Since != nil:
		t.item("since", "the minute %s", p.Since.UTC().Format("2006-01-02 15:04"))
	case p.BackSince != nil:
		t.item("since", "back since the minute %s", p.BackSince.UTC().Format("2006-01-02 15:04"))
	case p.State == Visible || p.State == NotCounted:
		t.item("since", "unknown: of what is visible no time is kept")
	}
}

func (t *textWriter) heard(name string, list []Heard) {
	var texts []string
	for _, h := range list {
		texts = append(texts, fmt.Sprintf("%s (%s)", asText(h.AS), bgp.Count(h.Voters, "voter")))
	}
	if len(texts) > 0 {
		t.item(name, "%s", strings.Join(texts, ", "))
	}
}

func ases(list []bgp.AS) string {
	var texts []string
	for _, a := range list {
		texts = append(texts, asText(a))
	}
	return strings.Join(texts, ", ")
}

// asText returns an AS with its name.
func asText(a bgp.AS) string { return strings.TrimSpace(a.ASN.String() + " " + a.Name) }

func (t *textWriter) briefs(name string, list []Brief, total int) {
	for i, b := range list {
		if i > 0 {
			name = ""
		}
		var origins []string
		for _, a := range b.Origins {
			origins = append(origins, a.String())
		}
		t.item(name, "%s, %s, held by %s, from %s", b.Prefix, strings.ReplaceAll(string(b.State), "_", " "),
			bgp.Count(b.HeldBy, "voter"), strings.Join(origins, ", "))
	}
	if total > len(list) {
		t.item("", "and %d more", total-len(list))
	}
}

// space returns an amount of a family's space, in words.
func space(family string, n bgp.Decimal) string {
	if family == bgp.IPv4.String() {
		return n.String() + " /24s"
	}
	return n.String() + " /48s"
}

func (t *textWriter) entity(family string, e *Entity) {
	t.item("visible", "%s, in %s", space(family, e.Visible.Space), bgp.Count(e.Visible.Prefixes, "prefix"))
	t.item("usual", "%s, in %s: %s %% of the space is missing",
		space(family, e.Usual.Space), bgp.Count(e.Usual.Prefixes, "prefix"), e.LossPercent)
	if e.Moved > 0 {
		t.item("moved", "%d prefixes are originated by others", e.Moved)
	}
	t.item("lost", "%s", bgp.Count(e.LostPrefixesTotal, "prefix"))
}

// lost writes a table of lost prefixes.
func (t *textWriter) lost(e *Entity) {
	if len(e.LostPrefixes) == 0 {
		return
	}
	t.table("PREFIX\tSINCE\tHELD BY\tORIGIN\tLAST VIA", len(e.LostPrefixes), func(i int) string {
		l := e.LostPrefixes[i]
		return fmt.Sprintf("%s\t%s\t%d\t%s\t%s",
			l.Prefix, timeText(l.Since), l.HeldBy, first(l.Origins), first(l.Upstreams))
	})
	if n := e.LostPrefixesTotal - len(e.LostPrefixes); n > 0 {
		t.line("  and %d more lost prefixes (--limit)", n)
	}
}

// first returns the first of some ASes and the number of the others.
func first(list []bgp.ASN) string {
	switch len(list) {
	case 0:
		return "?"
	case 1:
		return list[0].String()
	}
	return fmt.Sprintf("%s +%d", list[0], len(list)-1)
}

func (t *textWriter) peers(p *Prefix) {
	if len(p.Peers) == 0 {
		return
	}
	t.table("PEER\tVOTES\tHOLDS\tORIGIN\tVIA\tWITHDRAWN", len(p.Peers), func(i int) string {
		x := p.Peers[i]
		withdrawn := timeText(x.Withdrawn)
		switch {
		case x.Holds:
			withdrawn = ""
		case x.Never:
			withdrawn = "never had it"
		case x.SessionEnded:
			withdrawn += " with its session"
		}
		return fmt.Sprintf("%s %s %s\t%s\t%s\t%s\t%s\t%s", x.Collector, x.Address, x.ASN,
			yesNo(x.Votes), yesNo(x.Holds), orUnknown(x.Origin), orUnknown(x.Upstream), withdrawn)
	})
	if n := p.PeersTotal - len(p.Peers); n > 0 {
		t.line("  and %d more peers (--limit)", n)
	}
}

// table writes rows below a heading, indented by two columns.
func (t *textWriter) table(heading string, rows int, row func(i int) string) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, heading) // A strings.Builder does not fail.
	for i := range rows {
		fmt.Fprintln(w, row(i))
	}
	_ = w.Flush()
	t.b.WriteByte('\n')
	for line := range strings.Lines(b.String()) {
		t.line("  %s", strings.TrimRight(line, " \n"))
	}
}

func (t *textWriter) outages(a Answer) {
	if len(a.Outages) == 0 {
		t.line("\nNo outage of it is known.")
		return
	}
	t.line("\nOutages of it")
	for _, o := range a.Outages {
		t.outage(o)
	}
	if n := a.OutagesTotal - len(a.Outages); n > 0 {
		t.line("  and %d earlier ones", n)
	}
}

// outage writes an outage in two or three lines.
func (t *textWriter) outage(o Outage) {
	until := "goes on"
	if o.End != nil {
		until = "to " + o.End.UTC().Format(clock)
	}
	what := string(o.State)
	if o.EndReason != bgp.NotEnded {
		what += " (" + strings.ReplaceAll(string(o.EndReason), "_", " ") + ")"
	}
	if o.Blip {
		what += ", short"
	}
	t.line("  %s\n    %s, %s, %s, from %s %s",
		o.ID, o.Kind, o.Severity, what, o.Start.UTC().Format(clock), until)
	if o.Headline != "" {
		t.line("    %s", o.Headline)
	}
}

func timeText(t *time.Time) string {
	if t == nil {
		return "?"
	}
	return t.UTC().Format(clock)
}

func orUnknown(a bgp.ASN) string {
	if a == 0 {
		return "?"
	}
	return a.String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// others describes the peers without a vote that hold a prefix.
func others(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "; 1 more peer without a vote holds it"
	}
	return fmt.Sprintf("; %d more peers without a vote hold it", n)
}

// silent describes the voters without an update in the store.
func silent(n int) string {
	if n == 0 {
		return ""
	}
	return "; of " + bgp.Count(n, "voter") + " no update is stored"
}
