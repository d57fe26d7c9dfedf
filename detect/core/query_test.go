package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// ask answers a question of a test. It returns the answer and its first family.
func ask(t *testing.T, f *feed, text string) (query.Answer, query.Family) {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	a := f.detector.Answer(q, query.DefaultLimit)
	return a, a.Families[0]
}

// short returns a prefix's answer in a line.
func short(p *query.Prefix) string {
	if p == nil {
		return "none"
	}
	line := fmt.Sprintf("%s %s held %d gone %d of %d", p.Prefix, p.State, p.HeldBy, p.GoneFrom, p.Voters)
	for _, h := range p.Upstreams {
		line += fmt.Sprintf(" via %d(%d)", h.ASN, h.Voters)
	}
	for _, h := range p.LastUpstreams {
		line += fmt.Sprintf(" was via %d(%d)", h.ASN, h.Voters)
	}
	return line
}

// TestAnswer: a country has lost 3 of 4 prefixes, and half of the voters hold one of these. Every
// question about it is answered from that state.
func TestAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	cut := dawn + 30*60 + 7
	kp := w.in("KP")
	w.gone(cut, kp[1:3]...)
	w.everybody(cut, func(c, p int, at int64) { // a third of the voters keep it
		if p == 0 || c > 5 {
			return
		}
		w.withdraw(c, p, at, kp[0].prefix)
	})
	f := w.run(dawn + 40*60)
	for _, tt := range []struct{ ask, want string }{
		{kp[1].prefix, "175.45.177.0/24 lost held 0 gone 32 of 32 was via 4837(32)"},
		{kp[0].prefix, "175.45.176.0/24 lost held 14 gone 18 of 32 via 4837(14) was via 4837(18)"},
		{kp[3].prefix, "175.45.179.0/24 visible held 32 gone 0 of 32 via 4837(32)"},
		{"175.45.178.9", "175.45.178.0/24 lost held 0 gone 32 of 32 was via 4837(32)"},
		{"10.3.1.1", "10.3.0.0/16 visible held 32 gone 0 of 32 via 64400(32)"},
		{"10.3.7.0/24", "10.3.7.0/24 never_seen held 0 gone 0 of 32"},
		{"10.3.7.0/25", "10.3.7.0/25 not_counted held 0 gone 0 of 32"},
		{"198.51.100.1", "none"},
		{"84.205.64.0/24", "84.205.64.0/24 not_counted held 0 gone 0 of 32"},
	} {
		_, a := ask(t, f, tt.ask)
		if got := short(a.Prefix); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.ask, got, tt.want)
		}
		if strings.HasPrefix(tt.ask, "10.3.7.") && (len(a.Covering) != 1 || a.Covering[0].Prefix != "10.3.0.0/16" || a.Covering[0].HeldBy != 32) {
			t.Errorf("%s is covered by %v", tt.ask, a.Covering)
		}
	}
	a, fam := ask(t, f, kp[1].prefix)
	p := fam.Prefix
	if first := time.Unix(cut, 0).UTC(); p.FirstWithdrawal == nil || !p.FirstWithdrawal.Equal(first) || !p.LastWithdrawal.Equal(first.Add(29*time.Second)) || !p.Since.Equal(first.Truncate(time.Minute)) {
		t.Errorf("lost from %v to %v, since %v; want from %v on", p.FirstWithdrawal, p.LastWithdrawal, p.Since, first)
	}
	if !fam.At.Equal(time.Unix(dawn+40*60, 0)) || !fam.Panel.Verdicts || fam.Panel.Voters != 32 || *p.UsualPercent != 10_000 {
		t.Errorf("at %v by the panel %+v, usually held by %v %%", fam.At, fam.Panel, p.UsualPercent)
	}
	if p.PeersTotal != 32 || p.Peers[0].Holds || !p.Peers[0].Votes || p.Peers[0].Withdrawn == nil || p.Peers[0].Upstream != 4837 || p.Peers[0].Collector != "file/c00" {
		t.Errorf("%d peers, the first %+v", p.PeersTotal, p.Peers[0])
	}
	if len(a.Outages) != 1 || !strings.HasPrefix(a.Outages[0].ID, "prefix-175.45.177.0_24-ipv4-") || a.Outages[0].Headline == "" {
		t.Errorf("its outages: %+v", a.Outages)
	}
	var around []string
	for _, o := range fam.Open {
		around = append(around, o.Entity.Code)
	}
	if want := []string{"175.45.177.0/24", "AS131279", "KP"}; !cmp.Equal(around, want) {
		t.Errorf("open around it: %v, want %v", around, want)
	}
	for _, text := range []string{"KP", "131279", "as131279"} {
		a, fam := ask(t, f, text)
		e := fam.Entity
		if e.Visible.Prefixes != 1 || e.Known.Prefixes != 4 || e.Usual.Space != 400 || e.LossPercent != 7500 || e.LostPrefixesTotal != 3 || e.LostPrefixes[0].Prefix != kp[0].prefix || e.Cut {
			t.Errorf("%s: %+v", text, e)
		}
		if len(a.Outages) != 1 || a.OutagesTotal != 1 || len(a.Families) != 2 || a.Families[1].Entity != nil {
			t.Errorf("%s: %d families, outages %v", text, len(a.Families), a.Outages)
		}
	}
	if _, fam := ask(t, f, "ZZ"); fam.Entity != nil {
		t.Errorf("of ZZ it knows %+v", fam.Entity)
	}
}

// TestAnswerBounds: lists end at the limit and are marked as cut. Among equals the longest comes
// first.
func TestAnswerBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.gone(dawn+30*60, w.in("KP")...)
	parted := w.networks[5]
	parted.origin, parted.upstream = 64999, 64401
	for i := range 16 {
		w.announce(i%w.collectors, i/w.collectors, dawn+30*60, parted)
	}
	f := w.run(dawn + 40*60)
	q, _ := query.Parse(parted.prefix)
	if p := f.detector.Answer(q, 2).Families[0].Prefix; len(p.Upstreams) != 2 || len(p.Origins) != 2 {
		t.Fatalf("got upstreams %v and origins %v, want two of each", p.Upstreams, p.Origins)
	}
	if p := f.detector.Answer(q, 1).Families[0].Prefix; len(p.Peers) != 1 || len(p.Upstreams) != 1 || len(p.Origins) != 1 || !p.Cut {
		t.Errorf("with one place in each list: %d peers, upstreams %v, origins %v, cut %v", len(p.Peers), p.Upstreams, p.Origins, p.Cut)
	}
	q = query.Question{Kind: query.KindCountry, Code: "KP"}
	if e := f.detector.Answer(q, 2).Families[0].Entity; len(e.LostPrefixes) != 2 || e.LostPrefixesTotal != 4 || !e.Cut {
		t.Errorf("%d of %d lost prefixes, cut %v", len(e.LostPrefixes), e.LostPrefixesTotal, e.Cut)
	}
	q, _ = query.Parse(w.in("KP")[0].prefix)
	if p := f.detector.Answer(q, 3).Families[0].Prefix; len(p.Peers) != 3 || p.PeersTotal != 32 || !p.Cut {
		t.Errorf("%d of %d peers, cut %v", len(p.Peers), p.PeersTotal, p.Cut)
	}
	q, _ = query.Parse("175.45.176.0/22")
	if a := f.detector.Answer(q, 3).Families[0]; a.Prefix.State != query.NeverSeen || len(a.Within) != 3 || a.WithinTotal != 4 || a.WithinCut || a.Within[0].State != query.Lost {
		t.Errorf("within a /22: %d of %d %+v", len(a.Within), a.WithinTotal, a.Within)
	}
}

// TestAnswerChangesNothing: a detector that gets questions all the time publishes the same octets
// as one that gets none.
func TestAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.gone(dawn+30*60, w.in("KP")...)
	w.back(dawn+50*60, w.in("KP")...)
	w.gone(dawn+70*60, w.in("AA")...)
	quiet := w.run(dawn + 90*60)
	asked := newFeed(t, small())
	for i, r := range w.records {
		asked.apply(r)
		for _, text := range []string{"KP", "AA", "AS131279", "10.0.0.0/8", w.networks[i%len(w.networks)].prefix, "175.45.177.1"} {
			ask(t, asked, text)
		}
	}
	asked.until(dawn + 90*60)
	octets := func(f *feed) (out []string) {
		for _, o := range f.outs {
			b, err := o.Record.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, o.Topic+string(o.Key)+string(b))
		}
		return out
	}
	if got, want := octets(asked), octets(quiet); !cmp.Equal(got, want) || len(want) == 0 {
		t.Errorf("%d records of the asked one, %d of the other, and they differ", len(got), len(want))
	}
}

// TestAnswerEmpty: a new detector answers that it has no state.
func TestAnswerEmpty(t *testing.T) {
	t.Parallel()
	f := newFeed(t, small())
	for _, text := range []string{"192.0.2.0/24", "192.0.2.1", "AS64496", "KP", "KP-01", "2001:db8::/32"} {
		_, fam := ask(t, f, text)
		if fam.Panel.Verdicts || fam.Panel.NoVerdict != bgp.NoVerdictPeers || fam.Entity != nil || fam.At != nil || !strings.Contains(fam.Panel.Text, "no minute has been decided") {
			t.Errorf("%s: %+v", text, fam)
		}
	}
}

// BenchmarkAnswer asks about a country of 100,000 prefixes, half of which are lost, and about its
// parts. Then it closes windows with eight questions before each, and without.
func BenchmarkAnswer(b *testing.B) {
	s := specifics{n: 100_000}
	f := s.start(b)
	for c := range 3 {
		for p := range 2 {
			for i := 0; i < s.n/2; i += 500 {
				ch := &pb.RouteChanges{Peer: benchPeer(c, p)}
				for j := i; j < i+500; j++ {
					ch.Withdrawn = append(ch.Withdrawn, &pb.Route{Prefix: s.octets(j)})
				}
				f.apply(record(collectorName(c), f.window+30, ch))
			}
		}
	}
	f.close()
	questions := map[string]query.Question{}
	for _, text := range []string{"11.0.7.0/24", "11.0.7.1", "11.0.0.0/8", "AA", "AS64500"} {
		questions[text], _ = query.Parse(text)
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				f.detector.Answer(questions[text], query.DefaultLimit)
			}
		})
	}
	for range 12 { // the first minutes publish the outages
		f.close()
	}
	for _, n := range []int{0, 8} {
		b.Run(fmt.Sprintf("a window with %d questions about AA", n), func(b *testing.B) {
			for b.Loop() {
				for range n {
					f.detector.Answer(questions["AA"], query.DefaultLimit)
				}
				f.close()
				f.outs = nil
			}
		})
	}
}
