package stream_test

import (
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestLateAfterGap checks that a late message does not count as the first after a gap. All messages
// of a peer between the begin of the gap and its detection are sent again.
func TestLateAfterGap(t *testing.T) {
	t.Parallel()
	_, s, w := open(t, stream.Options{Source: "rislive", Archived: true})
	if err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := handle(t, s, 1)
	say := func(at time.Time) {
		t.Helper()
		if err := s.Live().Message(t.Context(), &stream.Message{Peer: p, Timestamp: at.UnixMicro(), Raw: []byte{1}, ASOctets: 4}); err != nil {
			t.Fatal(err)
		}
	}
	t0 := w.t
	w.t = t0.Add(30 * time.Second)
	say(t0.Add(30 * time.Second)) // such as an announcement of a route that it withdrew at 10 s
	w.t = t0.Add(60 * time.Second)
	g, err := s.BeginGap(t.Context(), t0.UnixMicro(), "a message of another peer was left out")
	if err != nil {
		t.Fatal(err)
	}
	w.t = t0.Add(61 * time.Second)
	say(t0.Add(20 * time.Second)) // late
	at := func(sec int) bool { return g.Missing(p.Key(), t0.Add(time.Duration(sec)*time.Second).UnixMicro()) }
	if at(10) && !at(30) {
		t.Error("the fill says the message at 10 s again and not the one at 30 s that undid it")
	}
}

// TestGapAddMissing checks that a gap's answer contains a message that is known to be missing,
// although its peer continues at an earlier time. The gap that replaces the first one contains it
// as well. A peer that continues at a later time ends its part.
func TestGapAddMissing(t *testing.T) {
	t.Parallel()
	_, s, w := open(t, stream.Options{Source: "rislive", Archived: true})
	p := handle(t, s, 1)
	t0 := w.t
	at := func(sec int) int64 { return t0.Add(time.Duration(sec) * time.Second).UnixMicro() }
	say := func(sec int) {
		t.Helper()
		if err := s.Live().Message(t.Context(), &stream.Message{Peer: p, Timestamp: at(sec), Raw: []byte{1}, ASOctets: 4}); err != nil {
			t.Fatal(err)
		}
	}
	begin := func() *stream.Gap {
		t.Helper()
		g, err := s.BeginGap(t.Context(), at(0), "the leader stands still")
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	w.t = t0.Add(time.Minute)
	g := begin()
	g.AddMissing(at(40))
	g.AddMissing(at(30))
	say(10)
	if !g.Missing(p.Key(), at(40)) {
		t.Error("a message after which the peer has sent nothing is not in the gap")
	}
	g = begin()
	say(20)
	if !g.Missing(p.Key(), at(40)) {
		t.Error("the message is not in the gap that took the first one's place")
	}
	say(50)
	if !g.Missing(p.Key(), at(40)) || g.Missing(p.Key(), at(55)) {
		t.Error("the peer's first message after the missing one does not end its part of the gap")
	}
}

// TestOneLatePeer checks that late messages of one peer neither take the collector down nor stop
// its clock.
func TestOneLatePeer(t *testing.T) {
	t.Parallel()
	set, s, w := open(t, stream.Options{Source: "rislive", Archived: true})
	if err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, b := handle(t, s, 1), handle(t, s, 2)
	say := func(p *stream.Peer, at int64) {
		t.Helper()
		if err := s.Live().Message(t.Context(), &stream.Message{Peer: p, Timestamp: at, Raw: []byte{1}, ASOctets: 4}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		w.t = w.t.Add(time.Second)
		for range 9 {
			say(a, w.us())
		}
		if i%10 == 0 {
			say(b, w.us()-61e6)
		}
		if err := set.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ticks := 0
	for _, r := range set.Updates.Updates(t) {
		switch r.GetBody().(type) {
		case *pb.UpdateRecord_CollectorDown:
			t.Fatal("the collector is down")
		case *pb.UpdateRecord_Tick:
			ticks++
		}
	}
	if ticks != 60 {
		t.Errorf("%d ticks in a minute", ticks)
	}
}
