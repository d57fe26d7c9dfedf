package query

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/darkmap/darkmap/internal/bgp"
)

// memberStates are the states of members with their words, in the order in which they are counted.
var memberStates = []struct {
	state State
	word  string
}{
	{Lost, "lost"},
	{NoAddress, "no address"},
	{NeverSeen, "never seen"},
	{TooLong, "too long to be visible"},
	{Partly, "partly visible"},
	{NotCounted, "no verdict"},
	{Unknown, "unknown"},
	{Visible, "visible"},
}

// memberWord returns the state of a member in words.
func memberWord(s State) string {
	for _, m := range memberStates {
		if m.state == s {
			return m.word
		}
	}
	return string(s)
}

// WriteWatch writes watch lists for people, times in UTC.
func WriteWatch(w io.Writer, a Answer) error {
	t := &textWriter{}
	if len(a.Watch) == 0 {
		t.line(
			"The detector knows no watch list. Those of the configuration (section watch) reach it within a minute.")
	}
	for i := range a.Watch {
		if i > 0 {
			t.line("")
		}
		t.watchList(&a.Watch[i])
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

func (t *textWriter) watchList(l *WatchList) {
	title, who := "", "private"
	if l.Title != "" && l.Title != l.Name {
		title = " (" + l.Title + ")"
	}
	if l.Public {
		who = "public"
	}
	if l.Home != "" {
		who += ", home " + l.Home
	}
	t.line("%s%s, %s", l.Name, title, who)
	t.item("members", "%s", l.counts())
	if l.Since != nil {
		t.item("as it is", "since %s", timeText(l.Since))
	}
	if l.Problem != "" {
		t.item("problem", "%s", l.Problem)
	}
	for _, o := range l.Open {
		t.outage(o)
	}
	if len(l.Members) == 0 {
		return
	}
	t.line("")
	table := tabwriter.NewWriter(&t.b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  MEMBER\tSTATE\tSEEN BY\tSINCE\tTHROUGH\tNOTE") // A strings.Builder does not fail.
	for i := range l.Members {
		for _, row := range l.Members[i].rows(l.Home) {
			for j := range row {
				row[j] = oneLine.Replace(row[j])
			}
			fmt.Fprintln(table, "  "+strings.Join(row, "\t"))
		}
	}
	_ = table.Flush()
	if n := l.MembersTotal - len(l.Members); n > 0 {
		t.line("  and %s (--limit N shows more)", bgp.Count(n, "more member"))
	}
	if slices.ContainsFunc(l.Members, func(m WatchMember) bool { return m.Kind == MemberHost }) {
		t.line(
			"  Of a host the routes to its addresses are seen, not where it stands and not whether it answers. " +
				"The address of an anycast service or a CDN is many machines.")
	}
}

// counts returns the number of members in each state, in words.
func (l *WatchList) counts() string {
	var parts []string
	left := maps.Clone(l.Counts)
	for _, m := range memberStates {
		if n := left[m.state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, m.word))
		}
		delete(left, m.state)
	}
	for _, s := range slices.Sorted(maps.Keys(left)) {
		parts = append(parts, fmt.Sprintf("%d %s", left[s], s))
	}
	if len(parts) == 0 {
		return "none"
	}
	return bgp.Count(l.MembersTotal, "member") + ": " + strings.Join(parts, ", ")
}

// rows returns the lines of a member: one for itself, and, unless it has a single route of its own,
// one for each route below it, and one for each sum. home is the home of the list.
func (m *WatchMember) rows(home string) [][]string {
	first := []string{m.Member, memberWord(m.State), "", "", "", m.about()}
	if len(m.Routes) == 1 && m.Routes[0].Address == "" {
		r := m.Routes[0].row(m.Member, home)
		copy(first[2:5], r[2:5])
		first[5] = joined(first[5], r[5])
		return [][]string{first}
	}
	rows := [][]string{first}
	for i := range m.Routes {
		rows = append(rows, m.Routes[i].row(m.Member, home))
	}
	for _, s := range m.Sums {
		rows = append(rows, []string{
			"  " + title(s.Family), "",
			fmt.Sprintf("%d of %s", s.Visible.Prefixes, bgp.Count(s.Known.Prefixes, "prefix")),
			"", "", lostText(s),
		})
	}
	return rows
}

// lostText returns the missing part of a sum, in words.
func lostText(s WatchSum) string {
	if s.LostPrefixesTotal == 0 {
		return ""
	}
	return fmt.Sprintf("%s lost, %v %% of its usual space",
		bgp.Count(s.LostPrefixesTotal, "prefix"), s.LossPercent)
}

// about returns the note of a member, without the note of its route.
func (m *WatchMember) about() string {
	var parts []string
	if m.Kind == MemberHost {
		if m.ResolvedAt == nil {
			parts = append(parts, "never resolved")
		} else {
			parts = append(parts, "addresses as of "+timeText(m.ResolvedAt))
		}
		switch {
		case m.Problem != "" && m.ResolvedAt != nil:
			parts = append(parts, "does not resolve since: "+m.Problem)
		case m.Problem != "":
			parts = append(parts, m.Problem)
		}
	}
	if m.Why != "" {
		parts = append(parts, m.Why)
	}
	for _, o := range m.Open {
		parts = append(parts, string(o.Kind)+" "+string(o.State)+" since "+timeText(&o.Start))
	}
	if m.Cut {
		parts = append(parts, "more are not shown")
	}
	return strings.Join(parts, "; ")
}

// row returns the line of a route.
func (r *WatchRoute) row(member, home string) []string {
	name := "  " + r.Prefix
	if r.Address != "" {
		name = "  " + r.Address
	}
	seen := ""
	if r.Prefix != "" {
		seen = fmt.Sprintf("%d of %d", r.HeldBy, r.Voters)
	}
	since, through := "", r.Upstreams
	switch {
	case r.Since != nil:
		since = timeText(r.Since)
	case r.BackSince != nil:
		since = timeText(r.BackSince)
	}
	if r.State == Lost && len(through) == 0 {
		through = r.LastUpstreams
	}
	return []string{name, memberWord(r.State), seen, since, heardText(through), r.note(member, home)}
}

// note returns further facts about a route.
func (r *WatchRoute) note(member, home string) string {
	var parts []string
	if r.NameServer {
		parts = append(parts, "name server")
	}
	switch {
	case r.CoveredBy != "":
		parts = append(parts, "covered by "+r.CoveredBy)
	case r.Prefix != "" && r.Prefix != member:
		parts = append(parts, "route "+r.Prefix)
	}
	if r.More > 0 {
		parts = append(parts, bgp.Count(r.More, "more-specific route"))
	}
	if r.State == Lost && len(r.LastUpstreams) > 0 {
		parts = append(parts, "THROUGH as it was last")
	}
	if r.Since == nil && r.BackSince != nil {
		parts = append(parts, "back since then")
	}
	if len(r.Origins) > 0 {
		parts = append(parts, "from "+heardText(r.Origins))
	}
	if len(r.Countries) > 0 {
		where := "in "
		switch {
		case r.Abroad:
			where = "announced abroad, in "
		case home != "":
			where = "announced here, in "
		}
		parts = append(parts, where+strings.Join(r.Countries, ", "))
	}
	return strings.Join(parts, "; ")
}

// maxHeard is the number of ASes that a line names at most.
const maxHeard = 3

// heardText returns the numbers of ASes, those with most voters first.
func heardText(all []Heard) string {
	var words []string
	for _, h := range all[:min(len(all), maxHeard)] {
		words = append(words, h.ASN.String())
	}
	text := strings.Join(words, ", ")
	if n := len(all) - maxHeard; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// joined joins two notes; either may be empty.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
