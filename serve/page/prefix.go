package page

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// heldBack is the time in the past for which a page lists the states of a prefix. heldRows
	// bounds the rows.
	heldBack = 365 * 24 * time.Hour
	heldRows = 25
)

// prefixPage answers `/prefix/{prefix}`.
func (s *site) prefixPage(a *asked) (*content, error) {
	p, err := netip.ParsePrefix(a.PathValue("prefix"))
	if err != nil || p.Addr().Is4In6() {
		return nil, notFound("There is no such prefix", "A prefix is like 192.0.2.0/24 or 2001:db8::/32.")
	}
	if p = p.Masked(); p.String() != a.PathValue("prefix") {
		return &content{redirect: a.LinkEntity(bgp.EntityPrefix, p.String())}, nil
	}
	a.Family = 0 // the prefix has its own family
	one := *a
	one.Family = bgp.FamilyOf(p)
	c, d, missing := one.entity(bgp.Entity{Type: bgp.EntityPrefix, Code: p.String()})
	until := a.Until()
	held, err := s.deps.History.Prefix(a.Context(), a.scope, p, until.Add(-heldBack), until, heldRows)
	if err != nil {
		d.PrefixesProblem, c.Lacks = reason(err), true
	}
	d.Prefixes = a.held(held)
	if len(held) == heldRows {
		d.PrefixesMore = fmt.Sprintf("The table has the newest %d rows of the year before.", heldRows)
	}
	covering, err := s.deps.History.Holders(a.Context(), a.scope, p, until)
	if err != nil {
		c.Lacks = true
	}
	for _, r := range a.held(covering) {
		if r.Prefix != p.String() {
			d.Covering = append(d.Covering, r)
		}
	}
	d.Voters = &seenView{Problem: "It is known only where the detector runs, and of the newest moment."}
	if s.deps.Voters != nil && !a.Past() && a.Dataset == s.deps.Dataset {
		if x, err := a.holders(p); err == nil {
			d.Voters = &seenView{Prefixes: []seenPrefix{x}}
			missing = nil
		} else {
			d.Voters.Problem = noAnswer
		}
	}
	if missing != nil && !c.Lacks && len(d.Prefixes) == 0 && len(d.Covering) == 0 {
		return nil, missing
	}
	return c, nil
}
