package datadir

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// holdEnv turns the test's program into an instance that holds the folder until it is killed.
const holdEnv = "DATADIR_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdEnv); path != "" {
		d, err := Open(path)
		if err == nil {
			err = d.WriteRun(Run{Command: "up", ClickHouse: &clickhouse.Server{User: "app"}})
		}
		fmt.Println("held", err)
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed, or the test has ended
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func hold(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held <nil>\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	return cmd
}

func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	holder := hold(t, path)
	who := fmt.Sprintf("(up, process %d): end that", holder.Process.Pid)
	if d, err := Open(path); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), who) {
		t.Errorf("a second instance: got %v, %v; want ErrLocked and %q", d, err, who)
	}
	r, err := ReadRun(path)
	if err != nil || r == nil || r.PID != holder.Process.Pid || r.ClickHouse.User != "app" {
		t.Errorf("run.json: got %+v, %v; want that of process %d", r, err, holder.Process.Pid)
	}
	timer := time.AfterFunc(300*time.Millisecond, func() { _ = holder.Process.Kill() })
	defer timer.Stop()
	d, err := Open(path) // waits for the ending one
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestKilledInstance(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	holder := hold(t, path)
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	if r, err := ReadRun(path); r != nil || err != nil {
		t.Errorf("got %v, %v; want nothing running", r, err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a test's folder
	if _, err := os.Stat(d.runFile()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stale run.json is still there (%v)", err)
	}
}
