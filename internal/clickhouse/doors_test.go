package clickhouse_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datatest"
)

// answer returns the beginning of the server's answer, or its rejection.
func answer(t *testing.T, s clickhouse.Server, sql string) (string, error) {
	t.Helper()
	body, err := s.HTTP(t.Context(), clickhouse.Query{SQL: sql})
	if err != nil {
		return "", err
	}
	defer body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(body, 1000))
	return string(b), err
}

// networks lists the possible networks of an engine.
var networks = []network{{"own network", false}, {"shared network", true}}

type network struct {
	name   string
	shared bool
}

// start starts an engine in the network, on a folder in one of the test's own.
func (n network) start(t *testing.T) (e *clickhouse.Engine, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "clickhouse")
	e = clickhousetest.Start(t, clickhouse.EngineConfig{Dir: dir, SharedNetwork: n.shared})
	if !n.shared && !e.OwnNetwork() {
		datatest.Missing(t, "the kernel gives a process no network of its own")
	}
	return e, dir
}

// listeners returns the ports on which the process listens in its network.
func listeners(t *testing.T, pid int) []string {
	t.Helper()
	var ports []string
	for _, name := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			const listening = "0A"
			if len(f) < 10 || f[3] != listening || !hasSocket(pid, f[9]) {
				continue
			}
			var port int
			if _, err := fmt.Sscanf(f[1][strings.LastIndexByte(f[1], ':')+1:], "%X", &port); err != nil {
				t.Fatal(err)
			}
			ports = append(ports, fmt.Sprint(port))
		}
	}
	return ports
}

func hasSocket(pid int, inode string) bool {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}

// TestOnePort: the server listens on its HTTP port and on no other. If it has a network of its own,
// the port is not reachable from outside.
func TestOnePort(t *testing.T) {
	t.Parallel()
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			e, _ := n.start(t)
			port := strconv.Itoa(clickhousetest.Port(t, e))
			if got := listeners(t, e.PID()); len(got) != 1 || got[0] != port {
				t.Errorf("it listens on %v, want %s alone", got, port)
			}
			if _, err := net.Dial("tcp", "127.0.0.1:"+port); e.OwnNetwork() != (err != nil) {
				t.Errorf("own network %v: connecting to the port gives %v", e.OwnNetwork(), err)
			}
		})
	}
}

// TestPortWithoutKey: a client without the key gets 404 for every request, and no header that
// permits a page of another origin to read it.
func TestPortWithoutKey(t *testing.T) {
	t.Parallel()
	e := clickhousetest.Start(t, clickhouse.EngineConfig{Dir: t.TempDir(), SharedNetwork: true})
	s := e.Server()
	base := "http://127.0.0.1:" + strconv.Itoa(clickhousetest.Port(t, e))
	user, reader := "user="+s.User+"&password="+s.Password, "user="+s.Reader.User+"&password="+s.Reader.Password
	var paths []string
	for _, login := range []string{"", user, reader, "user=default", "user=lookup"} {
		for _, path := range []string{"/?query=SELECT+1&", "/?add_http_cors_header=1&query=SELECT+1&", "/ping?", "/play?", "/dashboard?", "/replicas_status?", "/metrics?", "/?query=SELECT+file('/etc/passwd')&"} {
			paths = append(paths, path+login)
		}
	}
	for _, path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodPut} {
			for _, key := range []string{"", "wrong"} {
				req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader("SELECT 1"))
				if err != nil {
					t.Fatal(err)
				}
				if key != "" {
					s.Authorize(req.Header)
					req.Header.Set("X-Darkmap-Key", key)
				}
				req.Header.Set("Origin", "http://example.org")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatalf("%s %s: %v", method, path, err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusNotImplemented {
					t.Errorf("%s %s, key %q: got %s, want 404 or 501", method, path, key, resp.Status)
				}
				if cors := resp.Header.Get("Access-Control-Allow-Origin"); cors != "" {
					t.Errorf("%s %s: other origins are let in: %q", method, path, cors)
				}
			}
		}
	}
}

// TestDefaultUserIsClosed: even with the key, the server accepts no user without a password.
func TestDefaultUserIsClosed(t *testing.T) {
	t.Parallel()
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			e, _ := n.start(t)
			transport := e.Server().Transport()
			t.Cleanup(transport.CloseIdleConnections)
			for _, query := range []string{"user=default", "", "user=default&password=", "user=lookup"} {
				for _, user := range []string{"default", "lookup", "none", ""} {
					u := e.Server().BaseURL()
					u.RawQuery = query + "&query=SELECT+1"
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
					if err != nil {
						t.Fatal(err)
					}
					e.Server().Authorize(req.Header)
					req.Header.Del("X-ClickHouse-Key")
					req.Header.Del("X-ClickHouse-User")
					if user != "none" {
						req.Header.Set("X-ClickHouse-User", user)
					}
					resp, err := transport.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusNotFound {
						t.Errorf("user %q, query %q: got %s, want 404", user, query, resp.Status)
					}
				}
			}
		})
	}
}

// TestFilesAreClosed: neither user reads or writes files except through tables. Backups are written
// to their folder only, by the writer.
func TestFilesAreClosed(t *testing.T) {
	t.Parallel()
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			e, dir := n.start(t)
			s := e.Server()
			if !s.Confined {
				datatest.Missing(t, "this kernel has no Landlock")
			}
			if _, err := answer(t, s, "CREATE DATABASE darkmap"); err != nil {
				t.Fatal(err)
			}
			secret := filepath.Join(filepath.Dir(dir), "secret")
			if err := os.WriteFile(secret, []byte("1\tSECRET\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, server := range []clickhouse.Server{s, s.AsReader()} {
				for _, sql := range []string{
					"SELECT file('" + secret + "')", "SELECT file('" + dir + "/state.json')", "SELECT file('" + dir + "/lock')", "SELECT file('/etc/passwd')",
					"SELECT file('/proc/self/fd/0')", "SELECT file('/proc/self/fd/2')", "SELECT file('/proc/1/environ')",
					"SELECT file('/proc/self/root/etc/passwd')", "SELECT file('/proc/self/cwd/../../secret')",
					"SELECT * FROM file('" + secret + "', 'LineAsString')", "INSERT INTO FUNCTION file('" + secret + ".tsv', 'TSV', 'a String') SELECT 'x'",
					"SELECT 1 INTO OUTFILE '" + secret + ".tsv'", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
					"SELECT * FROM remote('127.0.0.1', system.one)", "SELECT * FROM s3('http://bucket.s3.amazonaws.com/x', 'TSV', 'a String')",
					"SELECT * FROM executable('cat', 'TSV', 'a String')", "SELECT * FROM sqlite('" + secret + "', 'x')",
					"SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')", "CREATE DATABASE other", "SYSTEM STOP LISTEN HTTP", "SYSTEM SHUTDOWN",
					"BACKUP DATABASE darkmap TO File('" + secret + ".tsv')", "BACKUP DATABASE darkmap TO File('../../secret.tsv')",
					"BACKUP DATABASE darkmap TO Disk('default', 'backup')", "BACKUP DATABASE darkmap TO S3('http://127.0.0.1:1/x', 'a', 'b')",
				} {
					if got, err := answer(t, server, sql); err == nil {
						t.Errorf("%s: %s: got %q, want a refusal", server.User, sql, got)
					}
				}
				throughObjects(t, server, secret)
			}
			if _, err := answer(t, s.AsReader(), "BACKUP DATABASE darkmap TO File('reader')"); err == nil {
				t.Error("the reader made a backup")
			}
			if _, err := answer(t, s, "BACKUP DATABASE darkmap TO File('writer')"); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "backups", "writer")); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(secret + ".tsv"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a file was written (%v)", err)
			}
		})
	}
}

// TestReader: the reader reads tables, but cannot change them or its limits.
func TestReader(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	if !s.Embedded {
		datatest.Missing(t, "the reader is that of the embedded engine")
	}
	r := s.AsReader()
	if r.User == s.User || r.Password == s.Password || r.Reader != nil {
		t.Errorf("the reader is %v, the writer %v", r, s)
	}
	for sql, want := range map[string]string{
		"SELECT count() FROM darkmap.outages":                                                 "0\n",
		"SELECT count() > 5 FROM system.tables WHERE database = 'darkmap'":                    "1\n",
		"SELECT count() > 50 FROM system.columns WHERE database = 'darkmap'":                  "1\n",
		"SHOW TABLES FROM darkmap LIKE 'panel'":                                               "panel\n",
		"SELECT sum(number) FROM numbers(10) SETTINGS max_execution_time = 5":                 "45\n",
		"DESCRIBE darkmap.schema_migrations FORMAT Null":                                      "",
		"SELECT count() FROM (SELECT * FROM system.settings WHERE name = 'readonly') LIMIT 1": "1\n",
		"SELECT currentUser()": "reader\n",
	} {
		if got, err := answer(t, r, sql); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", sql, got, err, want)
		}
	}
	for _, sql := range []string{
		"DROP TABLE darkmap.panel", "DROP DATABASE darkmap", "TRUNCATE TABLE darkmap.panel", "ALTER TABLE darkmap.panel DELETE WHERE 1", "OPTIMIZE TABLE darkmap.panel",
		"INSERT INTO darkmap.datasets (dataset) VALUES ('x')", "CREATE TABLE darkmap.x (a Int8) ENGINE = Memory", "CREATE VIEW darkmap.x AS SELECT 1", "RENAME TABLE darkmap.panel TO darkmap.x",
		"SELECT * FROM system.users", "SELECT * FROM system.server_settings", "SYSTEM FLUSH LOGS", "SYSTEM STOP MERGES darkmap.panel", "SYSTEM RELOAD DICTIONARY darkmap.as_info",
		"DROP VIEW darkmap.prefix_changes_filled", "INSERT INTO darkmap.prefix_changes (dataset) VALUES ('x')", "CREATE DICTIONARY darkmap.x (a UInt64) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT())", "BACKUP TABLE darkmap.panel TO File('/tmp/x')",
		"SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 SETTINGS max_memory_usage = 100000000000", "SELECT 1 SETTINGS max_execution_time = 0",
		"SELECT 1 SETTINGS max_execution_time = 100000", "SELECT 1 SETTINGS max_result_rows = 0", "SELECT 1 SETTINGS max_threads = 1000", "SELECT 1 SETTINGS max_untracked_memory = 100000000000",
		"SELECT 1 SETTINGS max_memory_usage_for_user = 0", "SELECT 1 SETTINGS max_concurrent_queries_for_user = 0",
		"SELECT groupArray(number) FROM numbers(200000000)", "SELECT number FROM numbers(10000001) FORMAT Null",
		"SELECT count() FROM numbers(1000000000000) SETTINGS max_execution_time = 1",
	} {
		if got, err := answer(t, r, sql); err == nil {
			t.Errorf("%s: got %q, want a refusal", sql, got)
		}
	}
}

// TestLongPath: the path of the socket may exceed the kernel's limit for such paths.
func TestLongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if got, err := answer(t, clickhousetest.StartIn(t, dir).Server(), "SELECT 1"); err != nil || got != "1\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// strangerEnv makes the test's program act as another user, who queries an engine through its
// socket.
const strangerEnv = "CLICKHOUSE_TEST_STRANGER"

// stranger connects to the socket and prints the answer.
func stranger(socket string) {
	conn, err := net.DialTimeout("unix", socket, 5*time.Second)
	if err != nil {
		fmt.Print(err)
		return
	}
	_, _ = io.WriteString(conn, "GET /ping HTTP/1.0\r\n\r\n")
	b, _ := io.ReadAll(io.LimitReader(conn, 1000))
	fmt.Print(string(b))
	_ = conn.Close()
}

// TestOtherUser: another user cannot pass the folder, and gets no answer even if the folder is
// opened.
func TestOtherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		datatest.Missing(t, "it takes root to be another user")
	}
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			e, dir := n.start(t)
			self := filepath.Join(t.TempDir(), "stranger") // a place where another user may run it
			if b, err := os.ReadFile("/proc/self/exe"); err != nil || os.WriteFile(self, b, 0o755) != nil {
				t.Fatal("copying the test's program:", err)
			}
			ask := func() string {
				cmd := exec.CommandContext(t.Context(), self)
				cmd.Env = []string{strangerEnv + "=" + e.Server().Socket}
				cmd.Dir = "/"
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("running the stranger: %v: %s", err, out)
				}
				return string(out)
			}
			// The folders above t.TempDir.
			for parent := dir; parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
				if info, err := os.Stat(parent); err == nil && parent != dir && info.Mode().Perm()&0o005 != 0o005 && strings.HasPrefix(parent, filepath.Dir(filepath.Dir(dir))) {
					if err := os.Chmod(parent, 0o755); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := ask(); !strings.Contains(got, "permission denied") {
				t.Errorf("closed folder: got %q, want permission denied", got)
			}
			if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(e.Server().Socket, 0o666)); err != nil {
				t.Fatal(err)
			}
			if got := ask(); !strings.HasPrefix(got, "HTTP/1.1 403") {
				t.Errorf("opened folder: got %q, want 403", got)
			}
		})
	}
}
