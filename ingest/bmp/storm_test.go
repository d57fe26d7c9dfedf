package bmp_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var (
	stormSessions = flag.Int("storm.sessions", 20, "routers of TestStorm")
	stormRoutes   = flag.Int("storm.routes", 5000, "routes of each")
)

// gale is the task of a process of routers.
type gale struct {
	Station          string
	Sessions, Routes int
}

// stormProcess plays routers that send their tables all at once.
func stormProcess(_ context.Context, _ kafka.Config, instance string) error {
	var g gale
	if err := json.Unmarshal([]byte(instance), &g); err != nil {
		return err
	}
	addr, err := net.ResolveTCPAddr("tcp", g.Station)
	if err != nil {
		return err
	}
	errs := make([]error, g.Sessions)
	var all sync.WaitGroup
	for i := range g.Sessions {
		all.Go(func() { errs[i] = send(addr, stormAddress(i), 1, g.Routes) }) // ends with its table
	}
	all.Wait()
	return errors.Join(errs...)
}

func stormAddress(i int) string { return fmt.Sprintf("127.1.%d.%d", i/250, 1+i%250) }

// TestStorm checks that all routers can send their tables at once after a restart. All of it is
// accepted, nothing is lost or reordered, memory stays small, and the messages of another router
// arrive within a second.
func TestStorm(t *testing.T) {
	cfg := broker(t, 4)
	total := *stormSessions * *stormRoutes
	addr, told := station(t, cfg, job{Config: bmp.DefaultConfig(), Expect: int64(total), Profile: *profile})
	calm := bmptest.Dial(t, addr, quiet)
	p := bmptest.Neighbour(9)
	calm.Say(bmptest.Initiation("quiet"), bmptest.PeerUp(p))
	text, err := json.Marshal(gale{addr.String(), *stormSessions, *stormRoutes})
	if err != nil {
		t.Fatal(err)
	}
	kafkatest.Start(t, "storm", kafka.DefaultConfig(), string(text))
	var f figures
	over := make(chan struct{})
	go func() { // ends with the storm
		defer close(over)
		await(t, told, 5*time.Minute, &f)
	}()
	said := 0
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		p.Timestamp = time.Now().UnixMicro()
		calm.Say(bmptest.Monitoring(p, bmptest.Announce(bmptest.Route(said), p.ASN)))
		said++
		select {
		case <-over:
			waiting = false
		case <-tick.C:
		}
	}
	t.Logf("%d sessions of %d routes: %v", *stormSessions, *stormRoutes, f)
	if n := len(f.Quiet); n > 0 {
		t.Logf("a quiet router's %d messages, from its clock to the broker's answer: median %v, 99%% %v, at most %v", n, f.Quiet[n/2], f.Quiet[n*99/100], f.Quiet[n-1])
	}
	if f.MaxRSS > 1<<30 && !raced {
		t.Errorf("%d MB of memory, want less than 1 GB", f.MaxRSS>>20)
	}
	// The station reports after a number of records, of which some are no messages: the last messages may
	// still be on their way.
	var heard map[string]int
	waittest.Until(t, time.Minute, "the messages of all routers", func() bool {
		heard = count(t, cfg)
		for i := range *stormSessions {
			if heard["bmp/"+stormAddress(i)] < *stormRoutes {
				return false
			}
		}
		return true
	})
	if got := heard["bmp/"+quiet]; got < said-1 { // the last may still be on its way
		t.Errorf("the quiet router: %d messages of %d", got, said)
	}
	for i := range *stormSessions {
		if got := heard["bmp/"+stormAddress(i)]; got != *stormRoutes {
			t.Errorf("%s: %d messages, want %d", stormAddress(i), got, *stormRoutes)
		}
	}
}

// count counts the messages of all collectors, and checks that they are in order without a hole.
func count(t *testing.T, cfg kafka.Config) map[string]int {
	t.Helper()
	heard, last, epochs := map[string]int{}, map[string]uint64{}, map[string]uint64{}
	err := kafka.ReadToEnd(t.Context(), cfg, kafkatest.Log(), schemas.TopicUpdates, func(r *kgo.Record) error {
		u := &pb.UpdateRecord{}
		if err := u.UnmarshalVT(r.Value); err != nil {
			return err
		}
		c, seq := u.GetPosition().GetCollector(), u.GetPosition().GetSequence()
		if epochs[c] != u.GetPosition().GetEpoch() {
			epochs[c], last[c] = u.GetPosition().GetEpoch(), 0
		}
		if u.GetClock() != nil {
			return nil
		}
		if seq != last[c]+1 {
			return fmt.Errorf("%s: record %d after %d", c, seq, last[c])
		}
		last[c] = seq
		if u.GetBgpMessage() == nil {
			return nil
		}
		heard[c]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return heard
}
