package outage

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// maxUnexpected bounds the routes that an event of kind origin keeps. Further routes are not
// added. MaxPrefixes of them are listed.
const maxUnexpected = 1000

// followStrange opens, follows and closes the events of kind origin. Such an event exists beside
// the other event of a prefix, and their ids come from the same sequence.
func (e *Engine) followStrange() {
	found := make(map[Key]bool)
	all := e.view.Unexpected()
	for i := range all {
		u := &all[i]
		found[u.Key] = true
		ent := e.entities[u.Key]
		if ent == nil {
			ent = &entity{key: u.Key}
			e.entities[u.Key] = ent
		}
		e.seeStrange(ent, u)
	}
	var quiet []*entity
	for k, ent := range e.strange {
		if !found[k] {
			quiet = append(quiet, ent)
		}
	}
	sortEntities(quiet)
	for _, ent := range quiet {
		e.quietStrange(ent)
	}
}

// seeStrange counts a minute in which other ASes announce a listed prefix. The first such minute
// opens an event, or reopens the last one.
func (e *Engine) seeStrange(ent *entity, u *Unexpected) {
	now := loss{percent: bgp.Hundredths(uint64(u.Voters), uint64(max(1, u.Of)), 100)}
	ev, name := ent.strange, bgp.EventUpdated
	if ev == nil {
		ev, name = e.beginStrange(ent, u)
		ent.strange, ent.strangeClosed = ev, nil
		e.strange[ent.key] = ent
	}
	ev.quiet = 0
	ev.now, ev.peak = now, worse(ev.peak, now)
	ev.score += int64(now.percent)
	ev.seeRoutes(u.Routes)
	due := e.window-ev.publishedAt >= int64(e.cfg.UpdateMinutes)*minute &&
		(ev.worsened() || len(ev.unexpected) > ev.told.routes)
	if name != bgp.EventUpdated || due {
		e.publish(ent, ev, name)
	}
}

// beginStrange creates an event of kind origin, or reopens the one that closed last.
func (e *Engine) beginStrange(ent *entity, u *Unexpected) (*event, bgp.Event) {
	if ev := ent.strangeClosed; ev != nil && e.window-ev.end <= int64(e.cfg.MergeMinutes)*minute {
		ev.pause(ev.end, max(e.window, ev.end))
		ev.state, ev.end = bgp.StateOpen, 0
		ev.resume()
		return ev, bgp.EventReopened
	}
	ev := &event{
		kind: bgp.KindOrigin, state: bgp.StateOpen, first: e.window, start: e.window, id: ent.newID(e.window),
		base: baseline{space: u.Space, prefixes: 1}, digest: &digest{unit: e.cfg.Family.UnitSpace()},
	}
	ev.digest.usually, ev.digest.countries = e.view.Belongs(ent.key)
	return ev, bgp.EventOpened
}

// seeRoutes adds routes. Each is kept with the most voters that held it.
func (ev *event) seeRoutes(routes []UnexpectedRoute) {
	for _, r := range routes {
		i, known := slices.BinarySearchFunc(ev.unexpected, r, func(a, b UnexpectedRoute) int {
			return cmp.Or(
				a.Prefix.Addr().Compare(b.Prefix.Addr()),
				cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Origin, b.Origin))
		})
		switch {
		case known && r.Voters > ev.unexpected[i].Voters:
			ev.unexpected[i] = r
		case !known && len(ev.unexpected) < maxUnexpected:
			ev.unexpected = slices.Insert(ev.unexpected, i, r)
		}
	}
}

// quietStrange counts a minute in which no other AS announces the prefix. It closes the event
// after CloseMinutes such minutes, or when no list names origins of the prefix any more.
func (e *Engine) quietStrange(ent *entity) {
	ev := ent.strange
	if ev.quiet++; ev.quiet == 1 {
		ev.quietSince = e.window
	}
	ev.now = loss{}
	end := ev.quietSince
	switch {
	case !e.view.Guarded(ent.key):
		ev.reason, end = bgp.EndRemoved, e.window
		ev.note("No watch list names the origins of the prefix any more.")
	case ev.quiet >= e.cfg.CloseMinutes:
		ev.reason = bgp.EndRecovered
	default:
		return
	}
	ev.state, ev.end, ev.quiet = bgp.StateClosed, max(end, ev.start), 0
	ent.strange, ent.strangeClosed = nil, ev
	delete(e.strange, ent.key)
	e.publish(ent, ev, bgp.EventClosed)
}

// publicUnexpected lists the routes of an event of kind origin for its record.
func (e *Engine) publicUnexpected(ev *event) []bgp.UnexpectedRoute {
	var out []bgp.UnexpectedRoute
	for _, r := range ev.unexpected[:min(len(ev.unexpected), e.cfg.MaxPrefixes)] {
		out = append(out, bgp.UnexpectedRoute{
			Prefix: r.Prefix.String(), Origin: e.as(r.Origin), Expected: r.Expected,
			Voters: r.Voters, Collectors: r.Collectors,
			SharePercent: bgp.Hundredths(uint64(r.Voters), uint64(max(1, r.Of)), 100),
		})
	}
	return out
}
