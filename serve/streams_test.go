package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/serve"
)

var changes = flag.Int("changes", 3, "how many changes of a colour TestColour measures")

// childOf is the environment variable that makes a process of this program a server. Its value is a
// childConfig in JSON.
const childOf = "DARKMAP_TEST_SERVES"

// childConfig configures a server in a process of its own.
type childConfig struct {
	Broker, Listen string
	ClickHouse     *clickhouse.Server // nil: it has no store
}

// child runs a server in a process of its own. At its end it prints the number of questions that
// its store got.
func child() (code int, handled bool) {
	text := os.Getenv(childOf)
	if text == "" {
		return 0, false
	}
	var c childConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	site := siteConfig{kafka: kafka.DefaultConfig(), now: time.Now, dataset: "live", change: func(cfg *serve.Config) {
		cfg.Listen = c.Listen
		cfg.Limits.Exempt = []string{"127.0.0.1"} // TestLoad floods from another address
	}}
	site.kafka.Brokers = []string{c.Broker}
	if c.ClickHouse != nil {
		site.store = &store{server: *c.ClickHouse}
	}
	s, reg, err := site.server(func(string) {})
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	families, _ := reg.Gather() // its own metrics
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "darkmap_serve_history_questions_total" && m.GetLabel()[0].GetValue() == "asked" {
				fmt.Println("asked", m.GetCounter().GetValue())
			}
		}
	}
	return 0, true
}

// process is a server in a process of its own, which the test ends.
func (s *scene) process(listen string, server *clickhouse.Server, out io.Writer) *exec.Cmd {
	s.t.Helper()
	c, err := json.Marshal(childConfig{s.cfg.Brokers[0], listen, server})
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+string(c))
	cmd.Stdout, cmd.Stderr = out, s.t.Output()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return cmd
}

// healthy reports whether a server answers, and knows a decided minute.
func healthy(t *testing.T, url string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/health", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var h struct{ Minute *time.Time }
	return json.NewDecoder(resp.Body).Decode(&h) == nil && h.Minute != nil
}

// event is an event that a client of a stream got: its kind, and its minute since 1970.
type event struct {
	Kind   string
	Minute int64
}

// follower is a client of a stream that reconnects by itself, as the standard of server-sent events
// requires.
type follower struct {
	mu   sync.Mutex
	got  []event
	last string // the id of the newest event
}

func (f *follower) events() []event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// follow reads streams until ctx ends.
func (f *follower) follow(ctx context.Context, url string) {
	for ctx.Err() == nil {
		f.connect(ctx, url)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// connect reads one stream until it ends.
func (f *follower) connect(ctx context.Context, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return
	}
	if f.last != "" {
		req.Header.Set("Last-Event-ID", f.last)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	id, kind, data := f.last, "", ""
	for lines.Scan() {
		switch key, text, _ := strings.Cut(lines.Text(), ": "); key {
		case "id":
			id = text
		case "event":
			kind = text
		case "data":
			data = text
		case "":
			if kind == "" {
				continue
			}
			var of struct{ Minute time.Time }
			_ = json.Unmarshal([]byte(data), &of) // before the first minute hello has none
			f.mu.Lock()
			f.got, f.last = append(f.got, event{kind, of.Minute.Unix() / 60}), id
			f.mu.Unlock()
			kind = ""
		}
	}
}

// listens is a script that follows the stream in a page of a browser.
const listens = `(() => { window.got = []; const es = new EventSource("/v1/stream");
	for (const kind of ["hello", "window", "reset"]) es.addEventListener(kind, (e) => window.got.push({Kind: kind, Minute: Math.round(Date.parse(JSON.parse(e.data).minute) / 60000)})); })()`

// TestKill kills a server in the middle of a stream and starts it again. A browser and a program
// must get each minute once, in order. After more minutes than are kept they must get reset.
func TestKill(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	first := time.Now().Truncate(time.Minute).Add(-200 * time.Minute)
	at := func(n int) time.Time { return first.Add(time.Duration(n) * time.Minute) }
	minutes := func(from, to int) {
		t.Helper()
		for n := from; n <= to; n++ {
			o := lost(tonga, at(n-n%5))
			o.Sequence = uint32(n%5 + 1)
			sc.write(sc.value(at(n), korea, n%5), sc.outage(at(n), o))
			sc.decide(at(n))
		}
	}
	minutes(0, 0)
	listen := datatest.FreeAddress(t)
	url := "http://" + listen
	server := sc.process(listen, nil, nil)
	kill := func() {
		_ = server.Process.Kill() // by its id, as kill -9
		_ = server.Wait()
	}
	t.Cleanup(func() { kill() })
	var program follower
	none := func() string { return fmt.Sprint(program.events()) }
	until(t, "the server answers", func() bool { return healthy(t, url) }, none)
	b := startBrowser(t)
	b.open("page", url+"/about")
	b.eval("page", listens, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	t.Cleanup(wait.Wait)
	t.Cleanup(cancel)
	wait.Go(func() { program.follow(ctx, url+"/v1/stream") }) // ends with ctx
	has := func(kind string, n int) func() bool {
		return func() bool { return slices.Contains(program.events(), event{kind, at(n).Unix() / 60}) }
	}
	saw := func(kind string, n int) string {
		return fmt.Sprintf(`window.got.some((e) => e.Kind === %q && e.Minute === %d)`, kind, at(n).Unix()/60)
	}
	until(t, "the program's stream begins", has("hello", 0), none)
	b.wait("page", saw("hello", 0))
	minutes(1, 10)
	until(t, "a minute comes", has("window", 3), none)
	kill()
	minutes(11, 20)
	server = sc.process(listen, nil, nil)
	minutes(21, 25)
	until(t, "minutes come again", has("window", 22), none)
	kill()
	server = sc.process(listen, nil, nil)
	minutes(26, 30)
	until(t, "the program has all", has("window", 30), none)
	b.wait("page", saw("window", 30))
	want := []event{{"hello", at(0).Unix() / 60}}
	for n := 1; n <= 30; n++ {
		want = append(want, event{"window", at(n).Unix() / 60})
	}
	var browser []event
	b.eval("page", "window.got", &browser)
	for who, got := range map[string][]event{"program": program.events(), "browser": browser} {
		begun := false
		// Later hello events report that problems have changed.
		got = slices.DeleteFunc(got, func(e event) bool {
			again := begun && e.Kind == "hello"
			begun = true
			return again
		})
		if !slices.Equal(got, want) {
			t.Errorf("the %s got %v, want %v", who, got, want)
		}
	}
	kill()
	minutes(31, 110)
	server = sc.process(listen, nil, nil)
	until(t, "the program is told that it missed minutes", has("reset", 110), func() string { return fmt.Sprint(program.events()) })
	b.wait("page", saw("reset", 110))
}

// streams returns the number of open streams of a site.
func (s *site) streams() float64 {
	s.t.Helper()
	return gauge(s.t, s.metrics, "darkmap_serve_streams")
}

// gauge returns the sum of a metric's values.
func gauge(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// TestTabs checks that twelve tabs and four windows over HTTP/1.1 load and share one stream, and
// that each shows new minutes. If the tab that has the stream is closed, another one takes over. It
// checks this on loopback, where browsers have locks, and elsewhere, where they have none.
func TestTabs(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	b := startBrowser(t)
	minute := time.Now().Truncate(time.Minute).Add(-10 * time.Minute)
	next := func() {
		t.Helper()
		minute = minute.Add(time.Minute)
		sc.write(sc.value(minute, korea, usual))
		sc.decide(minute)
	}
	sc.feeds(time.Now())
	sc.panel(minute, bgp.VerdictPossible)
	next()
	s := startSite(t, siteConfig{kafka: sc.cfg, change: func(c *serve.Config) { c.Public, c.Hosts = true, []string{"map.test"} }})
	s.wants("the minute is known", false, "Nothing was known to be dark")
	var names []string
	for n := range 12 {
		names = append(names, fmt.Sprint("tab", n))
	}
	for n := range 4 {
		names = append(names, fmt.Sprint("window", n))
	}
	for _, url := range []string{s.url, strings.Replace(s.url, "127.0.0.1", "map.test", 1)} {
		var statuses []int
		b.do(command{Do: "open", Context: url, Pages: names, URL: url + "/"}, &statuses)
		if slices.ContainsFunc(statuses, func(x int) bool { return x != http.StatusOK }) {
			t.Errorf("%s: got %v", url, statuses)
		}
		one := func(what string) {
			t.Helper()
			until(t, url+": one stream: "+what, func() bool { return s.streams() == 1 }, func() string { return fmt.Sprint(s.streams()) })
			next()
			for _, name := range names {
				b.wait(name, fmt.Sprintf("document.querySelector('.facts').innerText.includes(%q)", clockText(minute.Add(time.Minute))))
			}
			if n := s.streams(); n != 1 {
				t.Errorf("%s: %s: got %g streams", url, what, n)
			}
		}
		one("of sixteen pages")
		for _, name := range names[:6] {
			b.do(command{Do: "close", Page: name}, nil)
		}
		names = names[6:]
		one("of those that are left")
		b.do(command{Do: "close", Context: url}, nil)
		until(t, "no stream is left", func() bool { return s.streams() == 0 }, func() string { return fmt.Sprint(s.streams()) })
		names = append([]string{"tab0", "tab1", "tab2", "tab3", "tab4", "tab5"}, names...)
	}
}

// TestColour checks that a browser with the map changes the colour of a country after its minute is
// decided. -changes measures how long that takes.
func TestColour(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	b := startBrowser(t)
	minute := time.Now().Truncate(time.Minute).Add(-time.Duration(*changes+10) * time.Minute)
	next := func(visible int) {
		t.Helper()
		minute = minute.Add(time.Minute)
		sc.write(sc.value(minute, korea, visible))
		sc.decide(minute)
	}
	sc.feeds(time.Now())
	sc.panel(minute, bgp.VerdictPossible)
	next(usual)
	s := startSite(t, siteConfig{kafka: sc.cfg})
	s.wants("the minute is known", false, "Nothing was known to be dark")
	b.open("map", s.url+"/")
	until(t, "the page follows", func() bool { return s.streams() == 1 }, func() string { return "" })
	var took []time.Duration
	for n := range *changes {
		began := time.Now()
		next(usual * (n % 2))
		b.wait("map", fmt.Sprintf(`[...document.querySelectorAll('.worldmap a[data-code="KP"]')].every((a) => a.classList.contains("loss5") === %t)`, n%2 == 0))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("MEASURED from the end of a minute to the changed colour, of %d: p50 %v, p99 %v, most %v", len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}
