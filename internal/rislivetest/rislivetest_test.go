package rislivetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/rislivetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type frame struct {
	Type string
	Data json.RawMessage
}

// dial connects, sends commands and returns a function that reads the next frame.
func dial(t *testing.T, url string, commands ...string) func() frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	ws, _, err := websocket.Dial(ctx, url+"?client=test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	for _, c := range commands {
		if err := ws.Write(ctx, websocket.MessageText, []byte(c)); err != nil {
			t.Fatal(err)
		}
	}
	return func() frame {
		t.Helper()
		_, b, err := ws.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var f frame
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
}

// TestCommands checks the service's commands and answers, and its error for unknown commands.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := rislivetest.Start(t, rislivetest.Options{Collectors: []string{"rrc00", "rrc01"}})
	read := dial(t, s.URL, `{"type":"request_rrc_list"}`, `{"type":"ping"}`, `{"type":"wrong"}`, `nonsense`,
		`{"type":"ris_subscribe","data":{"prefix":"192.0.2.0/99"}}`,
		`{"type":"ris_subscribe","data":{"host":"rrc00","socketOptions":{"includeRaw":true,"acknowledge":true}}}`)
	for _, want := range []string{
		`ris_rrc_list ["rrc00","rrc01"]`, `pong null`, `ris_error {"command_type":"wrong","message":"Unknown command type"}`, `ris_error {"message":"Invalid JSON`,
		`ris_error {"command_type":"ris_subscribe","message":"reading a filter`, `ris_subscribe_ok {"socketOptions":{"includeRaw":true,"acknowledge":true},"subscription":{"host":"rrc00"`,
	} {
		f := read()
		if got := f.Type + " " + string(f.Data); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := s.Clients(); len(got) != 1 || got[0] != "test" {
		t.Errorf("clients %v", got)
	}
}

// TestFilters checks that of a burst over two collectors each subscription receives the matching
// messages.
func TestFilters(t *testing.T) {
	t.Parallel()
	sched := rislivetest.Burst("rrc00", 100) // 10.0.0.0/24 and on, ten in a message
	down := sched.Events[0]
	down.Message, down.State = nil, bgp.Idle
	sched.Events = append(sched.Events, down)
	for _, tt := range []struct {
		filter string
		want   int
	}{
		{``, 101},
		{`"host":"rrc00.ripe.net"`, 101},
		{`"host":"rrc01"`, 0},
		{`"type":"STATE"`, 1},
		{`"type":"UPDATE","require":"withdrawals"`, 0},
		{`"require":"announcements"`, 100},
		{`"peer":"192.0.2.1"`, 101},
		{`"peer":"192.0.2.2"`, 0},
		{`"path":"64501,64502$"`, 100},
		{`"path":"^64501"`, 0},
		{`"prefix":"10.0.3.0/24"`, 1},
		{`"prefix":["10.0.0.0/22"]`, 1},
		{`"prefix":"10.0.0.0/22","moreSpecific":false`, 0},
		{`"prefix":"10.0.3.4/32","lessSpecific":true`, 1},
	} {
		s := rislivetest.Start(t, rislivetest.Options{})
		read := dial(t, s.URL, `{"type":"ris_subscribe","data":{`+tt.filter+`}}`, `{"type":"ping"}`)
		read() // pong: the server has the subscription
		if err := s.Play(t.Context(), sched, time.Now(), 1000); err != nil {
			t.Fatal(err)
		}
		for range tt.want {
			if f := read(); f.Type != "ris_message" || strings.Contains(string(f.Data), `"raw"`) {
				t.Errorf("%s: got %s %s", tt.filter, f.Type, f.Data)
			}
		}
		time.Sleep(20 * time.Millisecond)
		s.Conns()[0].Break(rislivetest.SlowConsumer)
		if f := read(); f.Type != "ris_error" {
			t.Errorf("%s: more than %d: %s", tt.filter, tt.want, f.Data)
		}
	}
}

// TestSlowConsumer checks that a client that does not read is disconnected with the service's
// message.
func TestSlowConsumer(t *testing.T) {
	t.Parallel()
	s := rislivetest.Start(t, rislivetest.Options{BehindBytes: 1 << 20, BehindFor: 50 * time.Millisecond})
	dial(t, s.URL, `{"type":"ris_subscribe","data":{"socketOptions":{"includeRaw":true}}}`)
	for len(s.Conns()) == 0 || s.Conns()[0].Subscriptions() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 100 {
		if err := s.Play(t.Context(), rislivetest.Burst("rrc00", 1000), time.Now(), 1000); err != nil {
			t.Fatal(err)
		}
		if len(s.Conns()) == 0 {
			return
		}
	}
	for end := time.Now().Add(5 * time.Second); len(s.Conns()) != 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if len(s.Conns()) != 0 {
		t.Error("it is still there")
	}
}

// TestArchives checks that the MRT files hold the played messages, in files of the archive's
// length, according to the index.
func TestArchives(t *testing.T) {
	t.Parallel()
	sched := rislivetest.Burst("rrc00", 20)
	for i := range sched.Events {
		sched.Events[i].At = time.Duration(i) * time.Minute
	}
	up := sched.Events[19]
	up.Message, up.ASOctets, up.State = nil, 0, bgp.Established
	sched.Events = append(sched.Events, up)
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	index, err := sched.WriteArchives(t.TempDir(), start, 30)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[2], "ris/rrc00\tupdates\t2026-11-24T12:00:10Z\t2026-11-24T12:00:20Z\t") {
		t.Fatalf("index:\n%s", text)
	}
	var got []rislivetest.Event
	for _, l := range lines[1:] {
		r, err := capture.Open(strings.Split(l, "\t")[4], nil)
		if err != nil {
			t.Fatal(err)
		}
		for {
			it, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			e := rislivetest.Event{At: time.UnixMicro(it.Timestamp).Sub(start) * 30, Host: "rrc00", Peer: it.Peer, State: it.NewState}
			if it.Kind == capture.Message {
				e.Message, e.ASOctets = append([]byte(nil), it.Message...), it.ASOctets
			}
			got = append(got, e)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(sched.Events, got, cmp.Comparer(func(a, b bgp.Peer) bool { return a == b })); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
