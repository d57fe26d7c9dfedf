package main

import (
	"flag"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/rislivetest"
)

var hostileFor = flag.Duration("hostile", time.Second, "how long TestUpHostile bears each kind of hostile RIS Live")

// TestUpHostile has one connection of a process meet hostile servers ten times a second, while the
// other connection goes on. The process stays within 200 MB of its earlier use, and lives.
func TestUpHostile(t *testing.T) {
	t.Parallel()
	const factor = 30
	kinds := rislivetest.Hostilities()
	sched, err := rislivetest.Read([]string{"rrc00", "rrc01"}, datatest.Path(t, "mrt/routeviews2-20130101-arch0.mrt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	sched = sched.Loop(factor * (time.Duration(len(kinds)+1)*(*hostileFor+20*time.Second) + time.Minute))
	srv := rislivetest.Start(t, rislivetest.Options{})
	go func() { _ = srv.Play(t.Context(), sched, time.Now(), factor) }() // ends with the test
	o := newObservatory(t, "ingest.rislive.url="+srv.URL, "ingest.rislive.collectors=[rrc00, rrc01]", "ingest.archives=false",
		"ingest.rislive.retry_min=50ms", "ingest.rislive.retry_max=100ms", "ingest.rislive.dial_timeout=300ms")
	o.start()
	o.eventually("both connections are there", func() bool { return len(srv.Conns()) == 2 && o.usage().bytes > 0 })
	sample := func() int64 {
		var most int64
		for end := time.Now().Add(*hostileFor); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			most = max(most, o.usage().bytes)
		}
		return most
	}
	idle := sample()
	kept := srv.Conns()[0]
	for _, h := range kinds {
		tried := srv.Accepted()
		srv.Turn(h)
		srv.Conns()[1].Break(rislivetest.Cut)
		most := sample()
		t.Logf("%s: %d connections, at most %d MB resident, %d MB before", h.Name, srv.Accepted()-tried, most/1e6, idle/1e6)
		if most == 0 || most > idle+200e6 {
			t.Errorf("%s: %d MB resident, %d MB before", h.Name, most/1e6, idle/1e6)
		}
		srv.Turn(rislivetest.Hostility{})
		o.eventually("the connection is there again", func() bool { return len(srv.Conns()) == 2 && srv.Conns()[1].Subscriptions() == 2 })
	}
	if len(srv.Conns()) != 2 || srv.Conns()[0] != kept {
		t.Error("the other connection was lost as well")
	}
	if row := o.feeds()["ris/rrc00"]; row.State != "up" {
		t.Errorf("darkmap feeds: %+v", row)
	}
}
