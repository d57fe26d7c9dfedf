package rislive_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/rislive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/schemas"
)

// childEnv gives a process of the speed tests its role: broker, player or client.
const childEnv = "DARKMAP_RISLIVE_CHILD"

// task is the task of a child.
type task struct {
	Role        string
	Brokers     []string
	URL         string
	Frames      int
	Connections int
	Compression bool
	File        string
	Profile     string
}

// answer is a line of a child's output.
type answer struct {
	Brokers  []string
	URL      string
	Messages int64
	Wall     time.Duration
	CPU      time.Duration // of the client's process
	Accepted int
	Error    string
}

// speedChild runs a child, if this process is one. It ends when its standard input does.
func speedChild() bool {
	text, ok := os.LookupEnv(childEnv)
	if !ok {
		return false
	}
	var k task
	say := func(a answer) { _ = json.NewEncoder(os.Stdout).Encode(a) }
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		say(answer{Error: err.Error()})
		return true
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	run := map[string]func(context.Context, task, func(answer)) error{"broker": brokerChild, "player": playerChild, "client": clientChild}[k.Role]
	if err := run(ctx, k, say); err != nil && ctx.Err() == nil {
		say(answer{Error: err.Error()})
	}
	cancel()
	return true
}

func brokerChild(ctx context.Context, _ task, say func(answer)) error {
	b, err := kafka.StartBroker(ctx, kafka.BrokerConfig{Open: true})
	if err != nil {
		return err
	}
	cfg := b.Use(kafka.DefaultConfig())
	if _, err := kafka.Apply(ctx, cfg, slog.New(slog.DiscardHandler), schemas.Topics); err != nil {
		return errors.Join(err, b.Close())
	}
	say(answer{Brokers: cfg.Brokers})
	<-ctx.Done()
	return b.Close()
}

func playerChild(ctx context.Context, k task, say func(answer)) error {
	srv, err := rislivetest.New(ctx, rislivetest.Options{})
	if err != nil {
		return err
	}
	defer srv.Close()
	say(answer{URL: srv.URL})
	if k.File == "" {
		for len(srv.Conns()) < k.Connections || srv.Conns()[k.Connections-1].Subscriptions() == 0 {
			time.Sleep(time.Millisecond)
		}
		err = srv.Play(ctx, rislivetest.Burst("rrc00", k.Frames), time.Now().Add(100*time.Millisecond), 1)
	} else {
		var s *rislivetest.Schedule
		if s, err = rislivetest.Read([]string{"rrc00"}, k.File); err == nil {
			updates := s.Events[:0]
			for _, e := range s.Events {
				if e.Message != nil && e.Message[18] == 2 {
					e.Host = "rrc00"
					updates = append(updates, e)
				}
			}
			s.Events = updates
			err = srv.Flood(ctx, s, k.Frames, k.Connections)
		}
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	say(answer{Accepted: srv.Accepted()})
	return nil
}

func clientChild(ctx context.Context, k task, say func(answer)) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	kc := kafka.DefaultConfig()
	kc.Brokers = k.Brokers
	updates, err := kafka.NewProducer(ctx, kc, schemas.TopicUpdates, log, nil)
	if err != nil {
		return err
	}
	defer updates.Close()
	feeds, err := kafka.NewProducer(ctx, kc, schemas.TopicFeeds, log, nil)
	if err != nil {
		return err
	}
	defer feeds.Close()
	set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{Log: log, Now: time.Now, Instance: "speed", Updates: updates, Feeds: feeds})
	if err != nil {
		return err
	}
	cfg := rislive.DefaultConfig()
	cfg.URL, cfg.Connections, cfg.Compression, cfg.Collectors = k.URL, k.Connections, k.Compression, []string{"rrc00"}
	client, err := rislive.New(cfg, rislive.Deps{Log: log, Streams: set, Version: "0", Instance: "speed"})
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- client.Run(running) }()
	client.Own(client.Collectors())
	a, err := measure(ctx, k, updates)
	if err != nil {
		cancel()
		return err
	}
	say(a)
	cancel()
	return <-ended
}

// measure waits for the first records, and then until all are acknowledged.
func measure(ctx context.Context, k task, updates *kafka.Producer) (answer, error) {
	const opening = 3 // epoch, gap and collector up
	records := func() int64 { n, _ := updates.Produced(); return n }
	wait := func(n int64) error {
		for records() < n {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	if err := wait(opening + 1); err != nil {
		return answer{}, err
	}
	if k.Profile != "" {
		f, err := os.Create(k.Profile)
		if err != nil {
			return answer{}, err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return answer{}, err
		}
		defer pprof.StopCPUProfile()
	}
	from, begun, cpu := records(), time.Now(), cpuTime()
	if err := wait(opening + int64(k.Frames)); err != nil {
		return answer{}, err
	}
	if err := updates.Flush(ctx); err != nil {
		return answer{}, err
	}
	return answer{Messages: records() - from, Wall: time.Since(begun), CPU: cpuTime() - cpu}, nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// process is a started child.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *json.Decoder
}

func start(tb testing.TB, k task, procs string) *process {
	tb.Helper()
	text, err := json.Marshal(k)
	if err != nil {
		tb.Fatal(err)
	}
	p := &process{cmd: exec.CommandContext(context.Background(), os.Args[0])}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GOMAXPROCS="+procs)
	p.cmd.Stderr = os.Stderr
	in, err1 := p.cmd.StdinPipe()
	out, err2 := p.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	p.stdin, p.lines = in, json.NewDecoder(bufio.NewReader(out))
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close() // ends the child
		_ = p.cmd.Wait()
	})
	return p
}

func (p *process) answer(tb testing.TB) (a answer) {
	tb.Helper()
	if err := p.lines.Decode(&a); err != nil {
		tb.Fatalf("child: %v", err)
	}
	if a.Error != "" {
		tb.Fatalf("child: %s", a.Error)
	}
	return a
}

// through sends frames through a client on one processor into a broker, each a process of its own.
func through(tb testing.TB, k task) answer {
	tb.Helper()
	procs := "2"
	if runtime.NumCPU() > 2 {
		procs = "0"
	}
	k.Role = "broker"
	k.Brokers = start(tb, k, strings.TrimPrefix(procs, "0")).answer(tb).Brokers
	k.Role = "player"
	player := start(tb, k, procs)
	k.URL = player.answer(tb).URL
	k.Role = "client"
	a := start(tb, k, "1").answer(tb)
	_ = player.stdin.Close() // ends the child
	a.Accepted = player.answer(tb).Accepted
	return a
}

// BenchmarkSocketToRecord is bar 6: frames with raw from the socket to the acknowledged record,
// GOMAXPROCS=1, broker and player in other processes. Run it with -benchtime=300000x. Its figure is
// the processor's time. The wall time depends on the other processes.
func BenchmarkSocketToRecord(b *testing.B) {
	file := datatest.Path(b, "rislive", "morrowc-1k-msgs")
	for _, tt := range []struct {
		name string
		task task
	}{
		{"one", task{Connections: 1}},
		{"two", task{Connections: 2}},
		{"two-deflate", task{Connections: 2, Compression: true}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			tt.task.File, tt.task.Frames = file, max(b.N, 1000)
			if dir := os.Getenv("RISLIVE_PROFILE"); dir != "" {
				tt.task.Profile = dir + "/" + tt.name + ".prof"
			}
			a := through(b, tt.task)
			if a.Accepted != tt.task.Connections {
				b.Errorf("%d connections: there was a disconnect", a.Accepted)
			}
			b.ReportMetric(float64(a.CPU.Nanoseconds())/float64(a.Messages), "cpu-ns/frame")
			b.ReportMetric(float64(a.Messages)/a.CPU.Seconds(), "frames/cpu-s")
			b.ReportMetric(float64(a.Messages)/a.Wall.Seconds(), "frames/s")
		})
	}
}

// BenchmarkBurst is the burst of bar 6: 15,000 messages with 150,000 announcements in a second,
// without a disconnect.
func BenchmarkBurst(b *testing.B) {
	for range 1 {
		a := through(b, task{Connections: 2, Frames: 15_000, Compression: true})
		if a.Accepted != 2 {
			b.Errorf("%d connections, want 2: there was a disconnect", a.Accepted)
		}
		b.ReportMetric(a.Wall.Seconds(), "s")
		b.ReportMetric(float64(a.CPU.Nanoseconds())/float64(a.Messages), "cpu-ns/frame")
	}
}

// burstMessages is the size of TestBurst. Bar 6 requires 15,000, which BenchmarkBurst sends through
// a broker.
var burstMessages = flag.Int("burst.messages", 3000, "how many messages of ten prefixes come in a second")

// TestBurst checks that no message is lost and no connection is dropped.
func TestBurst(t *testing.T) {
	t.Parallel()
	s := rislivetest.Burst("rrc00", *burstMessages)
	want, n := scheduled(t, s)
	r := newRig(t, rislivetest.Options{BehindBytes: 4 << 20, BehindFor: 2 * time.Second}, []string{"rrc00"}, nil)
	r.listening(t)
	r.play(t, s, 1, n)
	if got := r.srv.Accepted(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
	r.stop()
	compare(t, want, said(t, r.set.Updates.Updates(t)))
}
