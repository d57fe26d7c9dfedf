//go:build embedded && linux && amd64

package clickhouse

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/fetch"
)

// nobody is the uid of another user.
const nobody = 65533

// listenAs listens on a port of loopback as the user uid.
func listenAs(t *testing.T, uid int) (l net.Listener, port string) {
	t.Helper()
	type result struct {
		l   net.Listener
		err error
	}
	made := make(chan result)
	go func() { // ends with the result; its thread ends with it
		runtime.LockOSThread()
		_, err := unix.SetfsuidRetUid(uid) // a socket's user is its maker's
		var l net.Listener
		if err == nil {
			l, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		}
		made <- result{l, err}
	}()
	r := <-made
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { _ = r.l.Close() })
	_, port, err := net.SplitHostPort(r.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return r.l, port
}

// TestListensHere: a listener of this user counts. A listener of another user, or a closed one,
// does not.
func TestListensHere(t *testing.T) {
	t.Parallel()
	l, port := listenAs(t, os.Geteuid())
	if here, err := listensHere(port); err != nil || !here {
		t.Errorf("listening: got %v, %v", here, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		datatest.Missing(t, "it takes root to be another user")
	}
	_, port = listenAs(t, nobody)
	if here, err := listensHere(port); err != nil || here {
		t.Errorf("another user's: got %v, %v", here, err)
	}
}

// TestPortTaken: if another user took the port before the server, the engine does not start,
// reports the reason, and connects no client to that user's program.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		datatest.Missing(t, "it takes root to be another user")
	}
	item, ok := fetch.Engine()
	if !ok {
		datatest.Missing(t, "there is no embedded ClickHouse for this platform")
	}
	library, err := fetch.Dir("", item)
	if err != nil {
		datatest.Missing(t, "the embedded ClickHouse is not here: make deps")
	}
	l, port := listenAs(t, nobody)
	cfg := EngineConfig{Dir: filepath.Join(t.TempDir(), "clickhouse"), Library: filepath.Join(library, "libchdb.so"), Database: DefaultDatabase, MemoryBytes: defaultEngineMemory}
	if err := closedFolder(cfg.Dir); err != nil {
		t.Fatal(err)
	}
	s := Server{
		Socket: filepath.Join(cfg.Dir, "http.sock"), Key: "key", Database: cfg.Database, User: writerUser, Password: "a",
		Reader: &Login{User: readerUser, Password: "b"}, Embedded: true,
	}
	if err := writeConfiguration(cfg, s); err != nil {
		t.Fatal(err)
	}
	listener, err := listenSocket(s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the child has it
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	// The command is this program.
	cmd := exec.Command("/proc/self/exe", engineArg, cfg.Library, cfg.Dir, port+"/"+noPort)
	cmd.Dir, cmd.Env, cmd.ExtraFiles, cmd.Stdin, cmd.Stderr = dataDir(cfg.Dir), engineEnv(), []*os.File{listener}, theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	c := &child{cmd: cmd, stdio: ours, stderr: &tail{}, done: make(chan struct{})}
	go c.wait() // ends with the child
	defer c.kill()
	if err := c.handshake(t.Context(), s); !errors.Is(err, errPortTaken) {
		t.Errorf("got %v, want errPortTaken", err)
	}
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if conn, err := l.Accept(); err == nil {
		_ = conn.Close()
		t.Error("the other user's program got a connection")
	}
}
