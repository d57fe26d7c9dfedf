package notify_test

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/internal/alertmanagertest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target/alertmanager"
	"github.com/darkmap/darkmap/notify/target/httpclient"
	"github.com/darkmap/darkmap/schemas"
)

// beatEvery is the heartbeat's interval in TestSilent; in production it is a minute. DarkmapSilent
// fires after two and a half intervals.
const beatEvery = 2 * time.Second

// watched is the configuration of a child of TestSilent.
type watched struct{ Instance, Alertmanager, Beats string }

// runWatched runs a stage with an Alertmanager as its target.
func runWatched(ctx context.Context, cfg kafka.Config, text string) error {
	var w watched
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return err
	}
	c := notify.DefaultConfig()
	c.Heartbeat = &notify.HeartbeatConfig{Endpoint: httpclient.Endpoint{URL: w.Beats}, Interval: beatEvery}
	am := alertmanager.DefaultConfig()
	am.Instances, am.Heartbeat = []httpclient.Endpoint{{URL: w.Alertmanager}}, "test"
	c.Targets = map[string]*notify.Target{"am": {Alertmanager: &am}}
	c.Routes = []incident.Route{{Name: "all", To: []string{"am"}, GroupWait: "0"}}
	d := notify.OpenDeps{Kafka: cfg, Log: kafkatest.Log(), Now: time.Now}
	places, err := c.Open(d)
	if err != nil {
		return err
	}
	heart, err := c.OpenHeart(d, places)
	if err != nil {
		return err
	}
	s, err := notify.New(c, notify.Deps{Kafka: cfg, Log: kafkatest.Log(), Instance: w.Instance, Targets: places, Heart: heart, Now: time.Now})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// runBroker runs the embedded broker with the data in a folder.
func runBroker(ctx context.Context, cfg kafka.Config, folder string) error {
	addr, err := net.ResolveTCPAddr("tcp", cfg.Brokers[0])
	if err != nil {
		return err
	}
	b, err := kafka.StartBroker(ctx, kafka.BrokerConfig{Dir: folder, Port: addr.Port, Open: true})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return b.Close()
}

// TestSilent kills the embedded broker and notify by SIGKILL, with a real Alertmanager that has an
// outage. Each time the heartbeat's alert must fire, and resolve after the restart. No message on
// the outage may be sent before it ends.
func TestSilent(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close() // the broker uses its port
	cfg := kafka.DefaultConfig()
	cfg.Brokers = []string{ln.Addr().String()}
	folder := filepath.Join(t.TempDir(), "kafka")
	var p *kafkatest.Process
	startBroker := func() {
		p = kafkatest.Start(t, "broker", cfg, folder)
		waitForBroker(t, cfg)
	}
	startBroker()
	cfg = cfg.WithDataset("test")
	cfg.Partitions = 1
	if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	testSilent(t, cfg, func() { p.Kill() }, startBroker)
}

func waitForBroker(t *testing.T, cfg kafka.Config) {
	t.Helper()
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	eventually(t, "the broker answers", func() bool {
		within, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := adm.ListBrokers(within)
		return err == nil
	})
}

// testSilent stops and restarts Kafka, and then notify.
func testSilent(t *testing.T, cfg kafka.Config, killKafka, startKafka func()) {
	t.Helper()
	am, r := alertmanagertest.Start(t), newReceiver(t)
	text, err := json.Marshal(watched{"0", am.URL, r.URL + "/beats"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, cfg)
	w.decide()
	decideWhile(t, cfg, time.Second, func() bool { return true })
	startNotify := func() *kafkatest.Process { return kafkatest.Start(t, "watched", cfg, string(text)) }
	p := startNotify()
	eventually(t, "the first heartbeats come", func() bool { return am.Fires(t, "DarkmapHeartbeat") })
	id := w.say(64496, bgp.StateOpen)
	eventually(t, "Alertmanager tells of the outage", func() bool { return len(am.Told(id)) == 1 })

	pause := func(what string, kill, again func()) {
		t.Helper()
		before := len(am.All("DarkmapSilent"))
		kill()
		began := time.Now()
		last := func() string {
			all := am.All("DarkmapSilent")
			if len(all) <= before {
				return ""
			}
			return all[len(all)-1].Status
		}
		waittest.Until(t, time.Minute, what+": DarkmapSilent fires", func() bool { return last() == "firing" })
		t.Logf("%s: DarkmapSilent fires after %v, %.1f intervals", what, time.Since(began).Round(time.Millisecond), time.Since(began).Seconds()/beatEvery.Seconds())
		again()
		waittest.Until(t, time.Minute, what+": DarkmapSilent is resolved", func() bool { return last() == "resolved" })
	}
	for i := range *kafkaKills {
		other := w.say(64500+i, bgp.StateOpen)
		eventually(t, "Alertmanager tells of another outage", func() bool { return len(am.Told(other)) == 1 })
		pause("Kafka killed", killKafka, startKafka)
	}
	pause("notify killed", func() { p.Kill() }, func() { p = startNotify() })

	if got := am.Told(id); len(got) != 1 || got[0].Status != "firing" {
		t.Errorf("while the outage was open: got %+v", got)
	}
	w.say(64496, bgp.StateClosed)
	eventually(t, "Alertmanager tells of the end", func() bool { return len(am.Told(id)) == 2 })
	if got := am.Told(id); got[1].Status != "resolved" {
		t.Errorf("at the end: got %+v", got)
	}
	p.Stop()
}

// decideWhile repeatedly commits the last minute as decided, as detect does, while on returns true
// and until the test ends.
func decideWhile(t *testing.T, cfg kafka.Config, every time.Duration, on func() bool) {
	t.Helper()
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	commit := func() {
		within, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: cfg.Topic(schemas.TopicRoutes), At: 1, LeaderEpoch: -1, Metadata: kafka.WindowMetadata(time.Now().Add(-time.Minute).Truncate(time.Minute).Unix())})
		_, _ = adm.CommitOffsets(within, cfg.Group("detect"), offsets) // Kafka may be down
	}
	ended := make(chan struct{})
	go func() { // ends with the test's context
		defer close(ended)
		defer adm.Close()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			if on() {
				commit()
			}
			select {
			case <-tick.C:
			case <-t.Context().Done():
				return
			}
		}
	}()
	t.Cleanup(func() { <-ended })
}
