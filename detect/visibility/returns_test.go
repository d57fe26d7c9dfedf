package visibility

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

// mask removes voters from the panel, or adds them again.
func (b *bench) mask(masked bool, slots ...int) {
	for _, s := range slots {
		b.panel.Session(s).Masked = masked
	}
}

// span lists slots from first to before end.
func span(first, end int) (out []int) {
	for s := first; s < end; s++ {
		out = append(out, s)
	}
	return out
}

// dark is a prefix that is lost.
const dark = "198.51.100.0/24"

// darkKey is the entity of dark.
func darkKey() outage.Key { return outage.Key{Family: bgp.IPv4, Type: bgp.EntityPrefix, Code: dark} }

// TestReturns checks the conditions that prove the return of a prefix, with 40 voters that all
// held it.
func TestReturns(t *testing.T) {
	t.Parallel()
	const all = 40
	loss, partial, move := outage.Ending{Permille: 500}, outage.Ending{Permille: 900}, outage.Ending{Moved: true}
	unproven := outage.Returns{Unproven: 256}
	tests := []struct {
		name  string
		until int // number of voters that lose it, from the first on
		play  func(b *bench, k rib.Key)
		ask   outage.Ending
		want  outage.Returns
	}{
		{"everybody announces it again", all, func(b *bench, k rib.Key) { b.announce(k, 64500, 64510, upTo(all)...) }, loss, outage.Returns{}},
		{"as many as end the loss", 30, func(b *bench, k rib.Key) { b.announce(k, 64500, 64510, upTo(10)...) }, loss, outage.Returns{}},
		{"ten losers leave", 25, func(b *bench, _ rib.Key) { b.mask(true, upTo(10)...) }, loss, unproven},
		{"losers leave, and one more announces it than would be needed with them", 25, func(b *bench, k rib.Key) {
			b.mask(true, upTo(9)...)
			b.announce(k, 64500, 64510, 9)
		}, loss, unproven},
		{"losers leave, and enough of the others announce it", 25, func(b *bench, k rib.Key) {
			b.mask(true, upTo(10)...)
			b.announce(k, 64500, 64510, span(10, 15)...)
		}, loss, outage.Returns{}},
		{"half of the losers leave for good, the others announce it", all, func(b *bench, k rib.Key) {
			b.mask(true, upTo(25)...)
			b.close()
			b.announce(k, 64500, 64510, span(25, all)...)
		}, loss, outage.Returns{}},
		{"the panel that lost it is replaced by one that holds it", all, func(b *bench, k rib.Key) {
			b.mask(true, span(20, all)...)
			b.close()
			b.announce(k, 64500, 64510, span(20, all)...)
			b.close()
			b.mask(false, span(20, all)...)
		}, loss, unproven},
		{"sessions reset, and the tables that follow hold it", all, func(b *bench, k rib.Key) {
			b.mask(true, upTo(all/2)...)
			b.close()
			b.mask(false, upTo(all/2)...)
			b.announce(k, 64500, 64510, upTo(all)...)
		}, loss, outage.Returns{}},
		{"partial: losers leave", 12, func(b *bench, _ rib.Key) { b.mask(true, upTo(10)...) }, partial, unproven},
		{"partial: losers announce it", 12, func(b *bench, k rib.Key) { b.announce(k, 64500, 64510, upTo(8)...) }, partial, outage.Returns{}},
		{"it comes back from another origin", all, func(b *bench, k rib.Key) { b.announce(k, 64666, 64510, upTo(all)...) }, loss, outage.Returns{Foreign: 256}},
		{"it comes back from another origin, and the usual one covers it", all, func(b *bench, k rib.Key) {
			b.announce(k, 64666, 64510, upTo(all)...)
			b.announce(b.key("198.51.0.0/16"), 64500, 64510, upTo(all)...)
		}, loss, outage.Returns{Covered: true}},
		{"moved: those that see the other origin leave", 0, func(b *bench, k rib.Key) {
			b.announce(k, 64666, 64510, upTo(36)...)
			b.close()
			b.mask(true, upTo(30)...)
		}, move, unproven},
		{"moved: the usual origin is back", 0, func(b *bench, k rib.Key) {
			b.announce(k, 64666, 64510, upTo(36)...)
			b.close()
			b.announce(k, 64500, 64510, upTo(36)...)
		}, move, outage.Returns{}},
		{"what was over before the event", 25, func(b *bench, _ rib.Key) { b.mask(true, upTo(25)...) }, outage.Ending{Since: 1 << 40, Permille: 500}, outage.Returns{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, all, true)
			k := b.key(dark)
			b.announce(k, 64500, 64510, upTo(all)...)
			b.place(k, "KP")
			b.close()
			b.withdraw(k, false, upTo(tt.until)...)
			b.close()
			tt.play(b, k)
			b.close()
			if r, _ := b.rib.Row(k); b.s.prefixes[r].flags&seen == 0 {
				t.Fatal("it is not visible again")
			}
			if got := b.s.Returns(darkKey(), tt.ask); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			country := outage.Key{Family: bgp.IPv4, Type: bgp.EntityCountry, Code: "KP"}
			if tt.ask == loss && !tt.want.Covered {
				if got := b.s.Returns(country, tt.ask); got != tt.want {
					t.Errorf("its country: got %+v, want %+v", got, tt.want)
				}
			}
		})
	}
}

// TestReturnsLearned checks that without tables a return is proven by voters that withdrew the
// prefix and announce it from the same origin.
func TestReturnsLearned(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		play func(b *bench, k rib.Key)
		want outage.Returns
	}{
		{"announced again", func(b *bench, k rib.Key) { b.announce(k, 64500, 64510, upTo(8)...) }, outage.Returns{}},
		{"announced by voters that had not spoken of it", func(b *bench, k rib.Key) { b.announce(k, 64500, 64510, span(10, 20)...) }, outage.Returns{}},
		{"those that withdrew it leave", func(b *bench, _ rib.Key) { b.mask(true, span(2, 10)...) }, outage.Returns{Unproven: 256}},
		{"another origin", func(b *bench, k rib.Key) { b.announce(k, 64666, 64510, upTo(10)...) }, outage.Returns{Foreign: 256}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 20, false)
			k := b.key(dark)
			b.announce(k, 64500, 64510, upTo(12)...)
			b.close()
			b.withdraw(k, true, upTo(10)...)
			if x := b.close()["prefix "+dark]; x.Space != 0 || x.KnownSpace == 0 {
				t.Fatalf("got %+v, want it lost", x)
			}
			tt.play(b, k)
			b.close()
			if got := b.s.Returns(darkKey(), outage.Ending{Permille: 500}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestReturnsSettled checks that a prefix that has been away for 7 days is distinguished from one
// that the panel no longer knows.
func TestReturnsSettled(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, true)
	k := b.key(dark)
	b.announce(b.key("10.0.0.0/8"), 64499, 64510, upTo(10)...)
	b.announce(k, 64500, 64510, upTo(10)...)
	b.close()
	b.withdraw(k, false, upTo(10)...)
	b.close()
	for b.now < dawn+7*24*3600+3600 {
		if got := b.s.Returns(darkKey(), outage.Ending{Permille: 500}); got.Settled {
			t.Fatalf("settled after %d s", b.now-dawn)
		}
		b.now += 3600 - 60
		if x, ok := b.close()["prefix "+dark]; ok && x.KnownSpace == 0 {
			break
		}
	}
	if got := b.s.Returns(darkKey(), outage.Ending{Permille: 500}); !got.Settled {
		t.Errorf("got %+v, want settled", got)
	}
}

// TestTroughsAreForgotten checks that a proven return is kept for two hours and another one for 8
// days. Both count only minutes with verdicts.
func TestTroughsAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t, 40, true)
	proven, open := b.key(dark), b.key("203.0.113.0/24")
	b.announce(proven, 64500, 64510, upTo(40)...)
	b.announce(open, 64500, 64510, upTo(40)...)
	b.close()
	b.withdraw(proven, false, upTo(40)...)
	b.withdraw(open, false, span(10, 35)...)
	b.close()
	b.announce(proven, 64500, 64510, upTo(40)...)
	b.mask(true, span(10, 25)...)
	b.close()
	if n := len(b.s.troughs.losses); n != 2 {
		t.Fatalf("got %d, want 2", n)
	}
	b.now += 30 * 24 * 3600 // no verdict was given in between
	for range 3 * 60 {
		b.close()
	}
	if n := len(b.s.troughs.losses); n != 1 {
		t.Errorf("after three hours: got %d, want the one without proof", n)
	}
	for range 8 * 24 * 60 {
		b.close()
	}
	if n := len(b.s.troughs.losses); n != 0 {
		t.Errorf("after eight days: got %d, want none", n)
	}
}

// modelTrough is a worst minute of the model.
type modelTrough struct {
	voted, had map[int]bool
	share      [2]int // had, of how many
	over       bool
}

// returnsModel is one prefix and 14 voters, in plain sets.
type returnsModel struct {
	masked, own, other map[int]bool
	lost               bool
	loss, move         *modelTrough
}

func (m *returnsModel) sets() (voted, held, own map[int]bool) {
	voted, held, own = map[int]bool{}, map[int]bool{}, map[int]bool{}
	for s := range 14 {
		if m.masked[s] {
			continue
		}
		voted[s] = true
		if m.own[s] {
			own[s] = true
		}
		if m.own[s] || m.other[s] {
			held[s] = true
		}
	}
	return voted, held, own
}

func (m *returnsModel) worsen(x *modelTrough, voted, had map[int]bool, of int) *modelTrough {
	if x != nil && !x.over && len(had)*x.share[1] > x.share[0]*of {
		return x
	}
	return &modelTrough{voted: voted, had: had, share: [2]int{len(had), of}}
}

// close ends a minute.
func (m *returnsModel) close() {
	voted, held, own := m.sets()
	m.lost = 2*len(held) < len(voted)
	if 1000*len(held)/len(voted) < 800 {
		m.loss = m.worsen(m.loss, voted, held, len(voted))
	} else if m.loss != nil {
		m.loss.over = true
	}
	switch {
	case m.lost || len(held) == 0:
	case 5*len(own) < len(held):
		m.move = m.worsen(m.move, voted, own, len(held))
	case m.move != nil:
		m.move.over = true
	}
}

// proven reports whether the share of the voters of the worst minute that regained the prefix is
// at least as large as the share that was missing.
func proven(x *modelTrough, now, voters map[int]bool, permille int) bool {
	common, regained := 0, 0
	for s := range voters {
		if x.voted[s] {
			common++
			if now[s] && !x.had[s] {
				regained++
			}
		}
	}
	return common >= 3 && regained*1000*x.share[1] >= common*(permille*x.share[1]-1000*x.share[0])
}

func (m *returnsModel) returns(q outage.Ending) (out outage.Returns) {
	voted, held, own := m.sets()
	x := m.loss
	if q.Moved {
		x = m.move
	}
	switch {
	case x == nil || m.lost:
	case 5*len(own) < len(held):
		out.Foreign = 256
	case q.Moved && !proven(x, own, held, 200), !q.Moved && !proven(x, held, voted, q.Permille):
		out.Unproven = 256
	}
	return out
}

// TestReturnsModel compares the proofs of returns with a model of held, moved and voters, minute
// by minute. For any model, a return with the same voters as in the worst minute is proven, and a
// return without a voter that regained the prefix is not.
func TestReturnsModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 11))
		b := newBench(t, 14, true)
		k := b.key(dark)
		b.announce(k, 64500, 64510, upTo(14)...)
		b.close()
		m := &returnsModel{masked: map[int]bool{}, own: map[int]bool{}, other: map[int]bool{}}
		for s := range 14 {
			m.own[s] = true
		}
		for range 45 {
			step(rng, b, k, m)
			b.close()
			m.close()
			for _, q := range []outage.Ending{{Permille: 500}, {Permille: 900}, {Moved: true}} {
				want := m.returns(q)
				if diff := cmp.Diff(want, b.s.Returns(darkKey(), q)); diff != "" {
					t.Fatalf("seed %d, %+v (-want +got):\n%s", seed, q, diff)
				}
				checkProof(t, m, q, want)
			}
		}
	}
}

// step changes a few voters, in the model too.
func step(rng *rand.Rand, b *bench, k rib.Key, m *returnsModel) {
	slots := rng.Perm(14)[:1+rng.IntN(8)]
	slices.Sort(slots)
	for _, s := range slots {
		delete(m.own, s)
		delete(m.other, s)
	}
	switch rng.IntN(6) {
	case 0, 1:
		b.withdraw(k, false, slots...)
	case 2, 3:
		b.announce(k, 64500, 64510, slots...)
		for _, s := range slots {
			m.own[s] = true
		}
	case 4:
		b.announce(k, 64666, 64510, slots...)
		for _, s := range slots {
			m.other[s] = true
		}
	default:
		b.withdraw(k, false, slots...)
		free := rng.Perm(14)
		for i, s := range free { // five vote at least
			m.masked[s] = i >= 5+rng.IntN(10)
			b.mask(m.masked[s], s)
		}
	}
}

// checkProof checks the model against the definition of a proof.
func checkProof(t *testing.T, m *returnsModel, q outage.Ending, got outage.Returns) {
	t.Helper()
	if q.Moved || m.loss == nil || m.lost || got.Foreign > 0 {
		return
	}
	voted, held, _ := m.sets()
	ended := 1000*len(held) >= q.Permille*len(voted)
	same, back := true, false
	for s := range 14 {
		same = same && voted[s] == m.loss.voted[s]
		back = back || held[s] && m.loss.voted[s] && !m.loss.had[s]
	}
	missing := q.Permille*m.loss.share[1] > 1000*m.loss.share[0]
	if same && ended && got.Unproven > 0 {
		t.Fatalf("%+v: the voters are the same and the loss is over, and it is not proven", q)
	}
	if missing && !back && got.Unproven == 0 {
		t.Fatalf("%+v: nobody regained it, and it is proven", q)
	}
}

// TestReturnsAcrossKnowledge checks a prefix that updates alone had shown as lost and tables then
// contain. That is no proven return, because the view changed.
func TestReturnsAcrossKnowledge(t *testing.T) {
	t.Parallel()
	const voters = 10
	b := newBench(t, voters, false)
	k := b.key(dark)
	b.announce(k, 64500, 64510, upTo(voters)...)
	b.place(k, "KP")
	b.close()
	b.withdraw(k, true, upTo(voters)...)
	b.close()
	began := b.now
	for slot := range voters {
		b.panel.Session(slot).Complete = true
	}
	b.announce(k, 64500, 64510, upTo(voters)...) // in the tables
	for b.panel.Knowledge() != bgp.TablesComplete {
		b.close()
		if b.now > began+2*3600 {
			t.Fatal("the panel never has whole tables")
		}
	}
	country := outage.Key{Type: bgp.EntityCountry, Code: "KP", Family: bgp.IPv4}
	for _, key := range []outage.Key{darkKey(), country} {
		if got := b.s.Returns(key, outage.Ending{Since: began, Permille: 500}); got.Unproven == 0 {
			t.Errorf("%v: got %+v, want a return without proof", key, got)
		}
		if got := b.s.Returns(key, outage.Ending{Since: b.now, Permille: 500}); got.Unproven != 0 {
			t.Errorf("%v, an event that began later: got %+v", key, got)
		}
	}
}

// TestLossGoesOnAcrossKnowledge checks a prefix that updates alone had shown as lost and tables
// then do not contain. It stays lost, larger entities count it from the tables on, and its return
// is proven.
func TestLossGoesOnAcrossKnowledge(t *testing.T) {
	t.Parallel()
	const voters = 10
	for name, announced := range map[string]bool{"heard before": true, "withdrawn alone": false} {
		b := newBench(t, voters, false)
		k := b.key(dark)
		if announced {
			b.announce(k, 64500, 64510, upTo(voters)...)
			b.place(k, "KP")
		}
		b.close()
		b.withdraw(k, true, upTo(voters)...)
		b.close()
		began := b.now
		if got := b.s.open[mustRow(t, b, k)]; got.KnownSpace == 0 || got.Space != 0 {
			t.Fatalf("%s: got %+v, want a loss", name, got)
		}
		for slot := range voters {
			b.panel.Session(slot).Complete = true
		}
		var last map[string]outage.Sample
		for b.panel.Knowledge() != bgp.TablesComplete {
			last = b.close()
			if b.now > began+2*3600 {
				t.Fatal("the panel never has whole tables")
			}
		}
		if got := b.s.open[mustRow(t, b, k)]; got.KnownSpace == 0 || got.Space != 0 {
			t.Errorf("%s: got %+v with tables, want the loss to go on", name, got)
		}
		for _, entity := range []string{"country KP", "as AS64500"} {
			if got, ok := last[entity]; announced && (!ok || got.Space != 0 || got.KnownSpace == 0) {
				t.Errorf("%s: got %+v of %s with tables, want it lost; of %v", name, got, entity, last)
			}
		}
		b.announce(k, 64500, 64510, upTo(voters)...)
		b.close()
		if got := b.s.Returns(darkKey(), outage.Ending{Since: began, Permille: 500}); got.Unproven != 0 {
			t.Errorf("%s: got %+v, want a return that is proven", name, got)
		}
		if p := &b.s.prefixes[mustRow(t, b, k)]; p.since != 0 || p.flags&seen == 0 {
			t.Errorf("%s: it is not seen again", name)
		}
	}
}

func mustRow(t *testing.T, b *bench, k rib.Key) rib.Row {
	t.Helper()
	r, ok := b.rib.Row(k)
	if !ok {
		t.Fatal("the prefix has no row")
	}
	return r
}
