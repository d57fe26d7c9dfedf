package rislive

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// world is a merger in virtual time, two connections that the test plays, and the messages that
// were sent in it. Gaps are answered after a while.
type world struct {
	t        *testing.T
	m        *merger
	streams  *streamtest.Set
	sent     []sentMessage
	dropped  [2]string
	gaps     []*stream.Gap
	ahead    time.Duration // how far ingest's clock is ahead of the collectors'
	set      time.Duration // how far ingest's clock was set forward since the world began
	answerIn time.Duration // how long after its end a gap is answered
	// resolution is the unit of the collectors' timestamps: messages of one unit have the same one.
	resolution time.Duration
}

// sentMessage is a message of a collector's peer; its number is its place among all.
type sentMessage struct {
	host, frame string
	peer        bgp.Peer
	at          int64
}

func newWorld(t *testing.T, hosts ...string) *world {
	t.Helper()
	cfg := DefaultConfig()
	w := &world{t: t, resolution: time.Microsecond, answerIn: 3 * time.Second}
	w.streams = streamtest.New(t, stream.DefaultConfig(), w.wall)
	w.m = newMerger(&cfg, w.streams.Set, slog.New(slog.DiscardHandler), newMetrics(nil))
	w.m.wall = w.wall
	for _, h := range hosts {
		s, err := w.streams.Open(t.Context(), "ris/"+h, stream.Options{Source: "rislive", Clock: stream.Delayed, Archived: true})
		if err != nil {
			t.Fatal(err)
		}
		w.m.add(s)
	}
	return w
}

// wall returns ingest's clock.
func (w *world) wall() time.Time { return time.Now().Add(w.set) }

// connect opens a connection that subscribes to all collectors.
func (w *world) connect(n int) {
	w.t.Helper()
	w.dropped[n] = ""
	w.m.connected(n, fmt.Sprint("link ", n), func(why string) { w.dropped[n] = why })
	hosts, _ := w.m.ask(n)
	for _, h := range hosts {
		w.bring(fmt.Sprintf(`{"type":"ris_subscribe_ok","data":{"subscription":{"host":%q}}}`, h), n)
	}
}

// lose ends a connection.
func (w *world) lose(n int) {
	w.t.Helper()
	if err := w.m.lost(w.t.Context(), n, "cut"); err != nil {
		w.t.Fatal(err)
	}
}

// bring makes the given connections bring a frame, if they are connected.
func (w *world) bring(frame string, links ...int) {
	w.t.Helper()
	for _, n := range links {
		if err := w.m.handleFrame(w.t.Context(), n, []byte(frame)); err != nil {
			w.t.Fatal(err)
		}
	}
}

const peer1, peer2 = "192.0.2.1", "192.0.2.2"

// says returns the frame of a message that a collector's peer sends now. The message withdraws the
// prefix whose address is the message's number.
func (w *world) says(host, peer string) string {
	const raw = `FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF001C02000520%08X0000`
	number := len(w.sent)
	at := time.Now().Add(-w.ahead).UnixMicro()
	if w.resolution == time.Microsecond {
		at += int64(number) // no two are equal
	}
	at -= at % w.resolution.Microseconds()
	f := fmt.Sprintf(`{"type":"ris_message","data":{"timestamp":%d.%06d,"peer":%q,"peer_asn":"64500","id":"%d","host":%q,"type":"UPDATE","raw":%q}}`,
		at/1e6, at%1e6, peer, number, host+".ripe.net", fmt.Sprintf(raw, number))
	w.sent = append(w.sent, sentMessage{host: host, frame: f, peer: bgp.Peer{Address: netip.MustParseAddr(peer), ASN: 64500}, at: at})
	return f
}

// second checks the connections and lets a second pass.
func (w *world) second() {
	w.t.Helper()
	if err := w.m.checkHealth(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.pass()
}

// pass lets a second pass without a check of the connections.
func (w *world) pass() {
	w.t.Helper()
	time.Sleep(time.Second)
	for len(w.streams.Gaps) > 0 {
		w.gaps = append(w.gaps, <-w.streams.Gaps)
	}
	for _, g := range w.gaps {
		if w.wall().UnixMicro()-g.Until > w.answerIn.Microseconds() {
			if err := g.End(w.t.Context(), g.FillLane(), stream.Outcome{Complete: true}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// answered reports whether a gap's answer holds a message: not before the gap begins, not after the
// first message of its peer after the gap, and not more than a minute after the gap's end
// (bootstrap.Config.Overlap). For archives whose times are whole seconds the answer reaches a
// second further on both sides; that does not count here.
func answered(g *stream.Gap, s *sentMessage) bool {
	const second = 1e6
	return g.Stream().Collector() == "ris/"+s.host && s.at >= g.Since && s.at <= g.Until+60*second && g.Missing(s.peer, s.at+second)
}

// check checks that each message of w.sent is written once and, peer by peer, in order, or lies in
// a gap, and the number of gaps of each host after the first. only selects the messages that must
// be there. nil selects all. It counts the messages that were not written.
func (w *world) check(gaps map[string]int, only func(number int) bool) (unsaid int) {
	w.t.Helper()
	said := map[int]int{}
	last := map[string]int{}
	for _, r := range w.streams.Updates.Updates(w.t) {
		b := r.GetBgpMessage()
		if b == nil {
			continue
		}
		number := int(binary.BigEndian.Uint32(b.GetRaw()[22:]))
		said[number]++
		peer := r.GetPosition().GetCollector() + string(b.GetPeer().GetAddress())
		if number < last[peer] {
			w.t.Errorf("%s: message %d follows message %d of the same peer", r.GetPosition().GetCollector(), number, last[peer])
		}
		last[peer] = number
	}
	lost := map[string][]string{}
	for i := range w.sent {
		s, n := &w.sent[i], said[i]
		if only != nil && !only(i) && n < 2 {
			continue
		}
		if n == 0 {
			unsaid++
		}
		if n > 1 || n == 0 && !slices.ContainsFunc(w.gaps, func(g *stream.Gap) bool { return answered(g, s) }) {
			lost[s.host] = append(lost[s.host], fmt.Sprintf("%d of %s %d times", i, time.UnixMicro(s.at).UTC().Format("04:05.000"), n))
		}
	}
	for h, l := range lost {
		w.t.Errorf("%s: %d messages are lost or said twice: %s", h, len(l), strings.Join(l[:min(len(l), 5)], ", "))
	}
	for h, want := range gaps {
		var why []string
		for _, f := range w.streams.Feeds.Feeds(w.t) {
			if f.GetEvent() == pb.FeedEvent_FEED_EVENT_GAP && f.GetCollector() == "ris/"+h {
				why = append(why, f.GetReason())
			}
		}
		if len(why) != want+1 {
			w.t.Errorf("%s: want %d gaps after that of the start, got %q", h, want, why[1:])
		}
	}
	return unsaid
}
