package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/datatest"
)

const doorPassword = "correct horse"

// openDoor opens a door to an engine with the schema and returns its address and the engine's
// server.
func openDoor(t *testing.T) (addr string, s clickhouse.Server) {
	t.Helper()
	s = clickhousetest.StartMigrated(t, clickhouse.EngineConfig{Dir: t.TempDir()}).Server()
	if !s.Confined {
		datatest.Missing(t, "the kernel has no Landlock: there is no door")
	}
	return openDoorTo(t, s), s
}

// openDoorTo opens a door to s and returns its address.
func openDoorTo(t *testing.T, s clickhouse.Server) (addr string) {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(doorPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := clickhouse.OpenDoor(t.Context(), clickhouse.DoorConfig{Listen: "127.0.0.1:0", User: "grafana", Password: config.Secret{File: password}}, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }() // ends with cancel below
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return d.Address().Address
}

// knock sends one request. edit changes the request first.
func knock(t *testing.T, method, addr, query string, edit func(*http.Request)) (status int, header http.Header, body string) {
	t.Helper()
	status, header, body, err := tryKnock(t.Context(), method, addr, query, edit)
	if err != nil {
		t.Fatalf("%s %s: %v", method, query, err)
	}
	return status, header, body
}

// tryKnock is a knock for goroutines other than the test's.
func tryKnock(ctx context.Context, method, addr, query string, edit func(*http.Request)) (status int, header http.Header, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/?"+query, nil)
	if err != nil {
		return 0, nil, "", err
	}
	req.SetBasicAuth("grafana", doorPassword)
	if edit != nil {
		edit(req)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(resp.Body)
	if err != nil { // the answer was cut
		return resp.StatusCode, resp.Header, string(b) + err.Error(), nil
	}
	return resp.StatusCode, resp.Header, string(b), nil
}

// TestDoor: a client with the user and the password reads as the engine's reader. The door rejects
// pages of other origins, other names of this machine and all other clients. No request can select
// another user.
func TestDoor(t *testing.T) {
	t.Parallel()
	addr, s := openDoor(t)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	const me = "query=SELECT+currentUser()"
	for _, tt := range []struct {
		name, method, query string
		edit                func(*http.Request)
		status              int
		want                string
	}{
		{"Basic", "GET", me, nil, 200, "reader\n"},
		{"ClickHouse's headers", "POST", me, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("X-ClickHouse-User", "grafana")
			r.Header.Set("X-ClickHouse-Key", doorPassword)
		}, 200, "reader\n"},
		{"nobody", "GET", me, func(r *http.Request) { r.Header.Del("Authorization") }, 401, "wrong user or password"},
		{"a wrong password", "GET", me, func(r *http.Request) { r.SetBasicAuth("grafana", "x") }, 401, "wrong user or password"},
		{"the engine's own user", "GET", me, func(r *http.Request) { r.SetBasicAuth(s.User, s.Password) }, 401, "wrong user or password"},
		{"the engine's own user besides", "GET", me + "&user=" + s.User + "&password=" + s.Password, nil, 200, "reader\n"},
		{"only in the address", "GET", me + "&user=grafana&password=" + strings.ReplaceAll(doorPassword, " ", "+"), func(r *http.Request) { r.Header.Del("Authorization") }, 401, "wrong"},
		{"a key of its own", "GET", me, header("X-Darkmap-Key", "x"), 200, "reader\n"},
		{"another name of this machine", "GET", me, func(r *http.Request) { r.Host = "rebound.example:8123" }, 421, "loopback"},
		{"no name", "GET", me, func(r *http.Request) { r.Host = "192.0.2.1" }, 421, "loopback"},
		{"localhost", "GET", me, func(r *http.Request) { r.Host = "localhost:1" }, 200, "reader\n"},
		{"a page of another site", "GET", me, header("Sec-Fetch-Site", "cross-site"), 403, "other origins"},
		{"a page of another port", "GET", me, header("Sec-Fetch-Site", "same-site"), 403, "other origins"},
		{"its own page", "GET", me, header("Sec-Fetch-Site", "same-origin"), 200, "reader\n"},
		{"a preflight", "OPTIONS", me, header("Origin", "http://a.example"), 405, ""},
		{"CORS asked for", "GET", me + "&add_http_cors_header=1", header("Origin", "http://a.example"), 200, "reader\n"},
		{"an address that cannot be read", "GET", "query=%zz", nil, 400, "cannot be read"},
		{"a write", "POST", "query=DROP+TABLE+darkmap.panel", nil, 500, "ACCESS_DENIED"},
		{"an insert", "POST", "query=INSERT+INTO+darkmap.panel+(dataset)+VALUES+('x')", nil, 500, "ACCESS_DENIED"},
		{"a file", "POST", "query=SELECT+file('/etc/hostname')", nil, 503, "Permission denied"},
		{"a setting beyond limits", "POST", "query=SELECT+1&max_memory_usage=0", nil, 500, "SETTING_CONSTRAINT_VIOLATION"},
		{"readonly off", "POST", "query=SELECT+1&readonly=0", nil, 500, "readonly"},
		{"a ping", "GET", "", func(r *http.Request) { r.URL.Path = "/ping" }, 200, "Ok.\n"},
		{"a header without end", "GET", me, header("X-Long", strings.Repeat("x", 100<<10)), 431, ""},
	} {
		status, got, body := knock(t, tt.method, addr, tt.query, tt.edit)
		if status != tt.status || !strings.Contains(body, tt.want) || strings.Contains(body, s.Password) || strings.Contains(body, s.Key) {
			t.Errorf("%s: got %d %.300q, want %d and %q", tt.name, status, body, tt.status, tt.want)
		}
		for name := range got {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: the answer has %s", tt.name, name)
			}
		}
	}
}

// TestDoorForDriver uses the door through clickhouse-go over HTTP, as Grafana's plugin does, with
// and without compression.
func TestDoorForDriver(t *testing.T) {
	t.Parallel()
	addr, s := openDoor(t)
	must(t, open(t, s), "INSERT INTO darkmap.panel (dataset, position_sequence, appended_at) SELECT 'a', number, now() FROM numbers(1000)")
	for _, method := range []ch.CompressionMethod{ch.CompressionNone, ch.CompressionLZ4, ch.CompressionGZIP} {
		conn, err := ch.Open(&ch.Options{
			Protocol: ch.HTTP, Addr: []string{addr}, Auth: ch.Auth{Database: "darkmap", Username: "grafana", Password: doorPassword}, Compression: &ch.Compression{Method: method},
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := one[uint64](t, conn, "SELECT count() FROM panel WHERE dataset = ?", "a"); n != 1000 {
			t.Errorf("compression %v: got %d rows, want 1000", method, n)
		}
		if err := conn.Exec(t.Context(), "INSERT INTO panel (dataset) VALUES ('x')"); clickhouse.Code(err) != 497 {
			t.Errorf("compression %v: an insert: got %v, want a refusal", method, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDoorStreams: output of a statement arrives while it runs, a failure in the middle is
// reported, and a client that disconnects ends its statement.
func TestDoorStreams(t *testing.T) {
	t.Parallel()
	addr, s := openDoor(t)
	writer := open(t, s)
	running := func() uint64 {
		return one[uint64](t, writer, "SELECT count() FROM system.processes WHERE query LIKE 'SELECT repeat(''x'', 1000000), number, sleepEachRow(0.2)%'")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/?query=SELECT+repeat('x',+1000000),+number,+sleepEachRow(0.2)+FROM+numbers(280)+SETTINGS+max_block_size=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("grafana", doorPassword)
	resp, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || running() != 1 {
		t.Error("the first octets came when the statement was through")
	}
	_ = resp.Body.Close() // it is not read to its end
	for deadline := time.Now().Add(30 * time.Second); running() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the statement of a client that has left goes on")
		}
	}
	_, _, body := knock(t, "GET", addr, "query=SELECT+throwIf(number+=+3000000)+FROM+numbers(4000000)", nil)
	if !strings.Contains(body, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO") && !strings.Contains(body, "EOF") {
		t.Errorf("a failure half way: the answer ends with %.300q", body[max(0, len(body)-300):])
	}
}

// TestDoorIsBounded: connections beyond the limit wait and are served later.
func TestDoorIsBounded(t *testing.T) {
	t.Parallel()
	addr, _ := openDoor(t)
	var idle []net.Conn
	began := time.Now()
	for range 64 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	answered := make(chan string, 1)
	go func() { // ends with the answer
		defer close(answered)
		_, _, body, err := tryKnock(t.Context(), "GET", addr, "query=SELECT+1", nil)
		if err != nil {
			t.Errorf("one more than the slots: %v", err)
			return
		}
		answered <- body
	}()
	select {
	case body := <-answered:
		const idleLimit = 5 * time.Second // a slow machine may have lost idle ones by then
		if time.Since(began) < idleLimit {
			t.Errorf("answered beyond the bound: %q", body)
		}
		answered = nil
	case <-time.After(200 * time.Millisecond):
	}
	for _, conn := range idle {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if answered == nil {
		return
	}
	if body := <-answered; body != "1\n" {
		t.Errorf("got %q, want 1", body)
	}
}

// TestDoorDoesNotWaitForStrangers: the door closes the connection of a rejected request whose body
// does not arrive.
func TestDoorDoesNotWaitForStrangers(t *testing.T) {
	t.Parallel()
	addr := openDoorTo(t, clickhouse.Server{Embedded: true, Confined: true, Socket: filepath.Join(t.TempDir(), "none"), Reader: &clickhouse.Login{User: "reader"}})
	const body = "Content-Length: 10\r\n\r\n"
	for request, status := range map[string]string{
		"POST / HTTP/1.1\r\nHost: localhost\r\n" + body:                                 "401",
		"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n": "401",
		"POST / HTTP/1.1\r\nHost: rebound.example\r\n" + body:                           "421",
		"POST / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n" + body:   "403",
		"PUT / HTTP/1.1\r\nHost: localhost\r\n" + body:                                  "405",
		"POST /?query=%zz HTTP/1.1\r\nHost: localhost\r\n" + body:                       "400",
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() //nolint:errcheck // a test's connection
			// The deadline is shorter than the 11 minutes of an answer.
			if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 "+status+" ") {
				t.Errorf("got %q, %v; want %s and the end", got, err, status)
			}
		})
	}
}

// TestDoorNeedsLandlock: no door opens if the kernel does not deny the engine access to files.
func TestDoorNeedsLandlock(t *testing.T) {
	t.Parallel()
	_, err := clickhouse.OpenDoor(t.Context(), clickhouse.DoorConfig{Listen: "127.0.0.1:0", User: "x"}, clickhouse.Server{Embedded: true}, slog.New(slog.DiscardHandler))
	if !errors.Is(err, clickhouse.ErrNotConfined) {
		t.Errorf("got %v, want ErrNotConfined", err)
	}
}

// TestDoorConfig: a door needs a loopback address, a user and a password.
func TestDoorConfig(t *testing.T) {
	t.Parallel()
	password := config.Secret{Env: "X"}
	for _, tt := range []struct {
		door clickhouse.DoorConfig
		want []string
	}{
		{clickhouse.DoorConfig{}, nil},
		{clickhouse.DoorConfig{Listen: "127.0.0.1:8123", User: "grafana", Password: password}, nil},
		{clickhouse.DoorConfig{Listen: "[::1]:8123", User: "grafana", Password: password}, nil},
		{clickhouse.DoorConfig{Listen: "0.0.0.0:8123", User: "grafana", Password: password}, []string{"want a loopback address"}},
		{clickhouse.DoorConfig{Listen: ":8123", User: "grafana", Password: password}, []string{"want a loopback address"}},
		{clickhouse.DoorConfig{Listen: "example.org:8123", User: "grafana", Password: password}, []string{"want a loopback address"}},
		{clickhouse.DoorConfig{Listen: "127.0.0.1:0", User: "grafana", Password: password}, []string{"want a loopback address"}},
		{clickhouse.DoorConfig{Listen: "127.0.0.1:8123"}, []string{"door.user: ", "door.password: "}},
		{clickhouse.DoorConfig{User: "a b", Password: password}, []string{"door.listen: is empty", "door.user"}},
	} {
		cfg := clickhouse.DefaultConfig()
		cfg.Door = tt.door
		err := config.Validate(&cfg)
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%+v: got %v", tt.door, err)
		}
		for _, part := range tt.want {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: got %v, want %q in it", tt.door, err, part)
			}
		}
		cfg.Addresses = []string{"192.0.2.1:9000"}
		if err := config.Validate(&cfg); tt.door != (clickhouse.DoorConfig{}) && (err == nil || !strings.Contains(fmt.Sprint(err), "for the embedded engine")) {
			t.Errorf("%+v with a configured server: got %v", tt.door, err)
		}
	}
}
