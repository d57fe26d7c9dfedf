package bmp_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/routertest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// profile keeps a CPU profile of the station's process in a file.
var profile = flag.String("station.profile", "", "write a CPU profile of the station's process to this file")

func TestMain(m *testing.M) {
	if kafkatest.Child(map[string]func(context.Context, kafka.Config, string) error{
		"station": stationProcess, "broker": brokerProcess, "storm": stormProcess,
	}) {
		return
	}
	goleak.VerifyTestMain(m)
}

// job is the task of a station's process.
type job struct {
	Config  bmp.Config
	Procs   int    // GOMAXPROCS; 0 is the default
	Expect  int64  // records after which it reports its speed
	Report  string // file for that report
	Profile string
	Log     string // file; empty is standard error
	PID     string // file for the process id; empty: not written
}

// figures are the measurements of a process.
type figures struct {
	Records    int64
	Seconds    float64 // from the first record to the last acknowledgement
	CPUSeconds float64 // of the process, in that time
	MaxRSS     int64   // octets
	// Quiet are the delays of the messages of the collector quiet, sorted: from the router's clock
	// to the broker's answer.
	Quiet []time.Duration
}

// quiet is the router whose delays are measured. See figures.
const quiet = "127.0.2.1"

// watched is a producer that measures the delays of the quiet router's records.
type watched struct {
	*kafka.Producer
	marks  chan watchedMark
	mu     sync.Mutex
	delays []time.Duration // mu
}

type watchedMark struct {
	said time.Time
	mark kafka.Mark
}

func (w *watched) Produce(ctx context.Context, collector string, value []byte) error {
	if err := w.Producer.Produce(ctx, collector, value); err != nil || collector != "bmp/"+quiet {
		return err
	}
	u := &pb.UpdateRecord{}
	if err := u.UnmarshalVT(value); err != nil {
		return err
	}
	if u.GetBgpMessage() != nil {
		w.marks <- watchedMark{time.UnixMicro(u.GetTimestampUs()), w.Mark()}
	}
	return nil
}

// watch ends with ctx.
func (w *watched) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-w.marks:
			for done := false; !done; {
				var err error
				if done, err = w.Acked(m.mark); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
			}
			w.mu.Lock()
			w.delays = append(w.delays, time.Since(m.said))
			w.mu.Unlock()
		}
	}
}

func (w *watched) sorted() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(slices.Values(w.delays))
}

func (f figures) String() string {
	n := float64(f.Records)
	return fmt.Sprintf("%d records in %.2fs: %.0f/s; %.2f CPU seconds: %.0f ns a record, %.0f/s of CPU; at most %d MB",
		f.Records, f.Seconds, n/f.Seconds, f.CPUSeconds, f.CPUSeconds/n*1e9, n/f.CPUSeconds, f.MaxRSS>>20)
}

// stationProcess runs a station in a process of its own. instance is its job in JSON.
func stationProcess(ctx context.Context, cfg kafka.Config, instance string) error {
	var j job
	if err := json.Unmarshal([]byte(instance), &j); err != nil {
		return err
	}
	if j.Procs > 0 {
		runtime.GOMAXPROCS(j.Procs)
	}
	out := os.Stderr
	if j.Log != "" {
		var err error
		if out, err = os.Create(j.Log); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(out, nil))
	if j.PID != "" {
		if err := report(j.PID, os.Getpid()); err != nil {
			return err
		}
	}
	producer, err := kafka.NewProducer(ctx, cfg, schemas.TopicUpdates, log, nil)
	if err != nil {
		return err
	}
	updates := &watched{Producer: producer, marks: make(chan watchedMark, 10_000)}
	defer updates.Close()
	feeds, err := kafka.NewProducer(ctx, cfg, schemas.TopicFeeds, log, nil)
	if err != nil {
		return err
	}
	defer feeds.Close()
	set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{Log: log, Now: time.Now, Instance: "station", Updates: updates, Feeds: feeds})
	if err != nil {
		return err
	}
	st, err := bmp.New(j.Config, bmp.Deps{Log: log, Streams: set, Drain: 5 * time.Second})
	if err != nil {
		return err
	}
	ended := make(chan error, 3)
	go func() { ended <- updates.watch(ctx) }()        // ends with ctx
	go func() { ended <- set.Run(ctx) }()              // ends with ctx
	go func() { ended <- measure(ctx, updates, &j) }() // ends with ctx
	err = errors.Join(st.Run(ctx), <-ended, <-ended, <-ended)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, updates.Flush(last), feeds.Flush(last))
}

// measure waits for the expected records and reports how long they took.
func measure(ctx context.Context, updates *watched, j *job) error {
	if j.Expect == 0 {
		return nil
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var begun time.Time
	var cpu float64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n, _ := updates.Produced()
		switch {
		case n > 100 && begun.IsZero(): // more than sessions and ticks
			begun, cpu = time.Now(), cpuSeconds()
			if j.Profile != "" {
				f, err := os.Create(j.Profile)
				if err != nil {
					return err
				}
				if err := pprof.StartCPUProfile(f); err != nil {
					return err
				}
			}
		case n >= j.Expect:
			if err := updates.Flush(ctx); err != nil {
				return err
			}
			pprof.StopCPUProfile()
			return report(j.Report, figures{n, time.Since(begun).Seconds(), cpuSeconds() - cpu, maxRSS(), updates.sorted()})
		}
	}
}

// report writes a file atomically.
func report(path string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// await reads a file that report wrote.
func await(t testing.TB, path string, within time.Duration, into any) {
	t.Helper()
	routertest.Eventually(t, within, func() error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, into)
	})
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func maxRSS() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss << 10
}

// brokerProcess runs the embedded broker. instance is the file for its address, next to its data.
func brokerProcess(ctx context.Context, _ kafka.Config, instance string) error {
	b, err := kafka.StartBroker(ctx, kafka.BrokerConfig{Dir: instance + ".data", Open: true})
	if err != nil {
		return err
	}
	if err := report(instance, b.Addrs()); err != nil {
		return err
	}
	<-ctx.Done()
	return b.Close()
}

// broker starts a broker in a process of its own, with all topics.
func broker(t testing.TB, partitions int32) kafka.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "broker")
	kafkatest.Start(t, "broker", kafka.DefaultConfig(), path)
	cfg := kafka.DefaultConfig()
	await(t, path, 20*time.Second, &cfg.Brokers)
	return kafkatest.Dataset(t, cfg, partitions)
}

// station starts a station in a process of its own, for routers of 127.0.0.0/8.
func station(t testing.TB, cfg kafka.Config, j job) (addr net.Addr, told string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free for the moment
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	j.Config.Listen = l.Addr().String()
	if j.Config.Routers == nil {
		j.Config.Routers = []bmp.Router{{Address: "127.0.0.0/8"}}
	}
	j.Report = filepath.Join(t.TempDir(), "figures")
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	kafkatest.Start(t, "station", cfg, string(text))
	routertest.Eventually(t, 20*time.Second, func() error {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return l.Addr(), j.Report
}
