package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/datatest"
)

const (
	// asProbe in the environment makes the test's binary a probe: another user's program.
	asProbe = "DARKMAP_TEST_AS_PROBE"
	// stranger is the user that runs a probe: nobody.
	stranger = 65534
	// probeTimeout bounds each single try.
	probeTimeout = 2 * time.Second
)

// targets are the places that a probe tries to enter.
type targets struct {
	// Addresses are host:port of listening TCP sockets.
	Addresses []string
	// Sockets are paths of Unix sockets, Files of files that hold secrets.
	Sockets, Files []string
	// Topic exists in the broker, if any of Addresses is one.
	Topic string
	// Resets is how many connections to each address are reset half way.
	Resets int
}

// probeMain is the main function of a probe. It reads targets from standard input and prints the
// ones that answered, one a line.
func probeMain() {
	var t targets
	if err := json.NewDecoder(os.Stdin).Decode(&t); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	found := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	for _, path := range t.Files {
		if b, err := os.ReadFile(path); err == nil {
			found("%s can be read: %d octets", path, len(b))
		}
	}
	for _, path := range t.Sockets {
		if c, err := (&net.Dialer{Timeout: probeTimeout}).Dial("unix", path); err == nil {
			_ = c.Close()
			found("%s can be connected to", path)
		}
	}
	for _, addr := range t.Addresses {
		for i := range t.Resets {
			breakOff(addr, i%2 == 0)
		}
		probeHTTP(addr, t.Files, found)
		probeNative(addr, found)
		probeKafka(addr, t.Topic, found)
	}
	os.Exit(0)
}

// breakOff opens a connection and ends it with a reset: after the first octets of an answer, or in
// the middle of a request.
func breakOff(addr string, answered bool) {
	c, err := (&net.Dialer{Timeout: probeTimeout}).Dial("tcp", addr)
	if err != nil {
		return
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.SetDeadline(time.Now().Add(probeTimeout))
	if answered {
		_, _ = io.WriteString(c, "GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		_, _ = io.ReadFull(c, make([]byte, 15))
	} else {
		_, _ = io.WriteString(c, "POS")
	}
	_ = c.Close()
}

// spokeHTTP begins the line on an address that speaks HTTP.
const spokeHTTP = "speaks HTTP: "

// probeHTTP tries ClickHouse's HTTP interface in ways that were answered once. An address that is
// silent three times in a row does not speak HTTP.
func probeHTTP(addr string, files []string, found func(string, ...any)) {
	silent, spoke := 0, false
	statements := []string{"SELECT 1", "SELECT 1 FROM numbers(1)", "SYSTEM STOP LISTEN HTTP"}
	for _, f := range files {
		statements = append(statements, "SELECT file('"+f+"')", "SELECT * FROM file('"+f+"', 'LineAsString')")
	}
	logins := []http.Header{
		{},
		{"X-Clickhouse-User": {"default"}, "X-Clickhouse-Key": {""}},
		{"X-Clickhouse-User": {"writer"}},
		{"X-Clickhouse-User": {"reader"}},
		{"X-Clickhouse-User": {"app"}},
		{"Authorization": {"Basic ZGVmYXVsdDo="}},
		{"X-Darkmap-Key": {"guess"}},
		{"Origin": {"http://example.org"}},
	}
	for _, path := range []string{"/", "/ping", "/play", "/dashboard", "/replicas_status", "/metrics?query=", "/?add_http_cors_header=1&default_format=TSV"} {
		for _, statement := range statements {
			for _, h := range logins {
				for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
					status, body, header, err := askHTTP(method, "http://"+addr+path, statement, h)
					if silent++; err == nil {
						silent = 0
					}
					if silent >= 3 && !spoke {
						return
					}
					if err == nil && !spoke {
						spoke = true
						found(spokeHTTP + addr)
					}
					metrics := strings.HasPrefix(path, "/metrics") && strings.Contains(body, "darkmap_")
					if err == nil && answered(status, body, header) && !metrics && !isPage(body, header) {
						found("%s %s%s %q with %v: %d %.200q", method, addr, path, statement, h, status, body)
					}
				}
			}
		}
	}
}

// answered reports whether a server did more than refuse.
func answered(status int, body string, header http.Header) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusMisdirectedRequest, http.StatusNotImplemented:
		return strings.Contains(body, "DB::Exception") || header.Get("Access-Control-Allow-Origin") != "" || header.Get("X-Clickhouse-Server-Display-Name") != ""
	}
	return true
}

// isPage reports whether the answer is a page of the pages' server, which every user of this
// machine may read. It must hold no more than a page, and must not be readable by other sites.
func isPage(body string, header http.Header) bool {
	return header.Get("Content-Security-Policy") != "" && header.Get("Access-Control-Allow-Origin") == "" && !strings.Contains(body, "DB::") && header.Get("X-Clickhouse-Format") == ""
}

// askHTTP makes one request. The statement is a parameter of a GET, and else the body.
func askHTTP(method, url, statement string, h http.Header) (int, string, http.Header, error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(statement))
	if err != nil {
		return 0, "", nil, err
	}
	if method == http.MethodGet {
		q := req.URL.Query()
		q.Set("query", statement)
		req.URL.RawQuery, req.Body, req.ContentLength = q.Encode(), nil, 0
	}
	req.Header = h.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, string(b), resp.Header, err
}

// probeNative sends a hello in ClickHouse's native protocol. A server answers with its own hello,
// or with an exception.
func probeNative(addr string, found func(string, ...any)) {
	c, err := (&net.Dialer{Timeout: probeTimeout}).Dial("tcp", addr)
	if err != nil {
		return
	}
	defer c.Close() //nolint:errcheck // nothing is pending
	_ = c.SetDeadline(time.Now().Add(probeTimeout))
	// Hello, name, version, database, user, password.
	_, _ = c.Write([]byte("\x00\x05probe\x18\x01\xb5\xa9\x03\x00\x07default\x00"))
	b := make([]byte, 1)
	if n, _ := c.Read(b); n == 1 && (b[0] == 0 || b[0] == 2) {
		more, _ := io.ReadAll(io.LimitReader(c, 200))
		if strings.Contains(string(more), "ClickHouse") || strings.Contains(string(more), "DB::") {
			found("%s answers a native hello: %q", addr, more)
		}
	}
}

// probeKafka tries to list, write and delete topics without a password and with a wrong one.
func probeKafka(addr, topic string, found func(string, ...any)) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*probeTimeout)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0), kgo.RecordRetries(0), kgo.DialTimeout(probeTimeout),
		kgo.RetryTimeout(probeTimeout), kgo.RecordDeliveryTimeout(probeTimeout), kgo.DisableIdempotentWrite())
	if err != nil {
		found("%s: %v", addr, err)
		return
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if topics, err := adm.ListTopics(ctx); err == nil {
		found("%s lists topics: %v", addr, topics.Names())
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("forged")}).FirstErr(); err == nil {
		found("%s takes a record into %s", addr, topic)
	}
	if resp, err := adm.DeleteTopics(ctx, topic); err == nil && resp[topic].Err == nil {
		found("%s deletes %s", addr, topic)
	}
}

// probe runs the binary as another user against the targets. It returns the answers, and the
// addresses that speak HTTP.
func probe(t *testing.T, binary string, at targets) (answers, speak []string) {
	t.Helper()
	in, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = []string{asProbe + "=1", "PATH=" + os.Getenv("PATH")}
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(string(in))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger, Groups: []uint32{}}}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the probe: %v\n%s", err, errs.String())
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if addr, ok := strings.CutPrefix(line, spokeHTTP); ok {
			speak = append(speak, addr)
			continue
		}
		answers = append(answers, line)
	}
	return answers, speak
}

// strangersBinary returns a copy of the test's binary that every user can run. With it, other users
// can reach the test's temporary folders, as far as the modes of the files there permit.
func strangersBinary(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		datatest.Missing(t, "only root can become another user: run this test as root")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "probe")
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // only read
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close(), os.Chmod(filepath.Dir(dir), 0o711), os.Chmod(dir, 0o711)); err != nil {
		t.Fatal(err)
	}
	return path
}

// sockets lists the Unix sockets below dir.
func sockets(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // the running processes remove files
			return nil
		}
		if err == nil && d.Type()&fs.ModeSocket != 0 {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
