package page

import (
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/serve"
)

// memberRow is a member of a watch list.
type memberRow struct{ Member, State, Why string }

// members asks the detector for the members of a watch list. If there is no detector to ask, it
// takes the members that open outages name.
func (d *entityView) members(a *asked, list string) {
	if a.site.deps.Voters != nil && !a.Past() {
		ctx, cancel := deadline(a.Context())
		defer cancel()
		got, err := a.site.deps.Voters(ctx, query.Question{
			Kind: query.KindWatch, Code: query.WatchCode + "/" + list,
		}, query.MaxLimit)
		if err == nil {
			if !serve.Viewer(a.Request).LoggedIn {
				got, _ = serve.PublicAnswer(got)
			}
			d.Members = memberRows(got.Watch)
			return
		}
	}
	d.MembersProblem = "How each member stands is known only where the detector runs. " +
		"Below are the members that open outages are about."
	seen := map[string]bool{}
	for _, e := range a.Snapshot.Open {
		for _, m := range e.Outage.Watch {
			if m.List == list && !seen[m.Member] {
				seen[m.Member] = true
				d.Members = append(d.Members, memberRow{
					m.Member, "in an open outage",
					entityName(bgp.Entity{
						Type: e.Outage.Entity.Type, Code: e.Outage.Entity.Code,
						Name: e.Outage.Entity.Name,
					}),
				})
			}
		}
	}
}

// memberRows returns the members of lists in the detector's answer.
func memberRows(lists []query.WatchList) []memberRow {
	var out []memberRow
	for _, l := range lists {
		for _, m := range l.Members {
			out = append(out, memberRow{m.Member, stateMeaning(string(m.State)), plaintext.Clean(m.Why)})
		}
	}
	return out
}
