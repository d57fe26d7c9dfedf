package outage

import (
	"testing"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/detect/snapshot/snapshottest"
	"github.com/darkmap/darkmap/internal/bgp"
)

// restored is an engine that was read from a snapshot of e.
func restored(tb testing.TB, e *Engine) *Engine {
	tb.Helper()
	out := New(e.cfg.Config, e.view)
	out.steps = e.steps
	snapshottest.Copy(tb, e.Code, out.Code)
	return out
}

// TestSnapshotTypes checks that every field of entities and events is written and read. References
// to other events are read with the engine.
func TestSnapshotTypes(t *testing.T) {
	t.Parallel()
	snapshottest.Type(t, CodeKey)
	snapshottest.Type(t, CodeSample)
	snapshottest.Type(t, CodeUnexpectedRoute)
	snapshottest.Type(t, codePoint)
	snapshottest.Type(t, codeBaseline)
	snapshottest.Type(t, codeLoss)
	snapshottest.Type(t, codeInterval)
	snapshottest.Type(t, codeDeepness)
	snapshottest.Type(t, codeNearness)
	snapshottest.Type(t, codeEvent, "relation")
	snapshottest.Type(t, codeSpells)
	snapshottest.Type(t, codeTold)
	snapshottest.Type(t, codeRelation, "parents")
	snapshottest.Type(t, codeOverlap)
	snapshottest.Type(t, codeDigest)
	snapshottest.Type(t, codeCover)
	snapshottest.Type(t, codePanel)
	snapshottest.Type(t, codeChurn)
	snapshottest.Type(t, codeFlaps)
	snapshottest.Type(t, codeCovered)
	snapshottest.Type(t, codeSpread)
	snapshottest.Type(t, codeWithdrawals)
	snapshottest.Type(t, codePrefixWithdrawals)
	snapshottest.Type(t, codeVoterWithdrawal)
	snapshottest.Type(t, codeParent)
	snapshottest.Type(t, codeWatchMember)
	snapshottest.Type(t, codeWatchHost)
	snapshottest.Type(t, codeHostAddress)
	g := &graph{e: New(DefaultConfig(), &fakeView{})}
	snapshottest.Type(t, func(c *snapshot.Coder, r *run) {
		g.c = c
		g.run(c, r)
	}, "suspect")
	snapshottest.Type(t, func(c *snapshot.Coder, ent *entity) {
		g.c = c
		g.code(ent)
	}, "key", "loss", "large", "band", "moved", "covered", "ev", "closed", "strange", "strangeClosed", "recent", "touched", "listed")
}

// TestSnapshotGraph checks that references to one event are read as references to one event, and
// that a parent may be an event that no entity has any more.
func TestSnapshotGraph(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Family = bgp.IPv4
	e := New(cfg, &fakeView{})
	gone := &event{id: "gone"}
	wide := &event{id: "wide"}
	wide.parents = []parent{{key: country("KP"), ev: gone}, {key: country("SY")}}
	ev := &event{id: "ev"}
	ev.parents = []parent{{key: asKey(1), ev: wide}}
	a, b := &entity{key: asKey(1), ev: wide}, &entity{key: asKey(2), closed: ev, strange: ev}
	b.recent = []shortLoss{{first: 1, run: &run{suspect: ev}, ev: ev}}
	b.loss = &run{suspect: wide}
	e.entities[a.key], e.entities[b.key], e.active[a.key], e.behind[b.key], e.strange[b.key] = a, b, a, b, b
	e.taken = []Event{{Key: asKey(2), Outage: bgp.Outage{ID: "x", Family: "ipv4", Entity: bgp.Entity{Type: bgp.EntityAS, Code: "AS2"}}}}
	out := restored(t, e)
	x, y := out.entities[a.key], out.entities[b.key]
	if out.active[a.key] != x || out.behind[b.key] != y || out.strange[b.key] != y || len(out.active)+len(out.behind)+len(out.strange) != 3 {
		t.Error("entities are known elsewhere than before")
	}
	if y.closed != y.strange || y.recent[0].ev != y.closed || y.recent[0].run.suspect != y.closed || y.loss.suspect != x.ev || y.closed.parents[0].ev != x.ev {
		t.Error("one event became several")
	}
	if p := x.ev.parents; p[0].ev == nil || p[0].ev.id != "gone" || p[1].ev != nil || p[1].key != country("SY") {
		t.Errorf("parents: %+v", p)
	}
	if len(out.taken) != 1 || out.taken[0].Outage.ID != "x" {
		t.Errorf("taken: %+v", out.taken)
	}
}
