package clickhouse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/waittest"
)

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestEngineComesBack: after kill -9 the engine runs again, with the same server and the same rows.
func TestEngineComesBack(t *testing.T) {
	t.Parallel()
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			e, dir := n.start(t)
			s := e.Server()
			if _, err := clickhouse.Migrate(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			conn := open(t, s)
			if err := conn.Exec(t.Context(), "INSERT INTO darkmap.datasets (dataset) VALUES ('kept')"); err != nil {
				t.Fatal(err)
			}
			registry := prometheus.NewRegistry()
			e.Register(registry)
			for i := range 2 {
				old := e.PID()
				kill(t, old)
				waittest.Until(t, 2*time.Minute, "the engine's end", func() bool { return e.Ready() != nil || e.State().Restarts > i })
				if err := e.Ready(); err != nil && !strings.Contains(err.Error(), "killed by signal 9") {
					t.Errorf("down: got %v, want the signal in it", err)
				}
				waittest.Until(t, 2*time.Minute, "its return", func() bool { return e.Ready() == nil && e.State().Restarts == i+1 })
				if e.PID() == old {
					t.Error("it is the same process")
				}
				if got := one[string](t, conn, "SELECT max(dataset) FROM darkmap.datasets"); got != "kept" {
					t.Errorf("after end %d: got %q", i+1, got)
				}
			}
			if e.Server().Key != s.Key || e.Server().Password != s.Password || e.Server().Socket != s.Socket {
				t.Error("the server has changed")
			}
			state, ok, err := clickhouse.ReadEngineState(dir)
			if err != nil || !ok || !state.Up || state.Restarts != 2 || !strings.Contains(state.Why, "signal 9") {
				t.Errorf("the state on disk is %+v, %v, %v", state, ok, err)
			}
			families, err := registry.Gather()
			if err != nil || len(families) != 2 {
				t.Fatalf("got metrics %v, %v", families, err)
			}
			if n := families[0].GetMetric()[0].GetCounter().GetValue(); n != 2 {
				t.Errorf("%s is %v, want 2", families[0].GetName(), n)
			}
		})
	}
}

// TestEngineGivesUp: the engine gives up when it cannot be restarted any more, and reports the
// reason.
func TestEngineGivesUp(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "clickhouse")
	library := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.Symlink(clickhousetest.Library(t), library); err != nil {
		t.Fatal(err)
	}
	e, err := clickhouse.StartEngine(t.Context(), clickhouse.EngineConfig{Dir: dir, Library: library, GiveUpAfter: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() //nolint:errcheck // a test's engine
	if err := os.Remove(library); err != nil {
		t.Fatal(err)
	}
	kill(t, e.PID())
	select {
	case <-e.Done():
	case <-t.Context().Done():
	case <-time.After(time.Minute):
		t.Fatal("it goes on trying")
	}
	if err := e.Err(); !errors.Is(err, clickhouse.ErrGaveUp) || !strings.Contains(err.Error(), "loading the library") || !strings.Contains(err.Error(), "killed by signal 9") {
		t.Errorf("got %v, want ErrGaveUp, the end and why it is not started", err)
	}
	if _, err := answer(t, e.Server(), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "loading the library") {
		t.Errorf("asking it: got %v, want the reason", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("closing it: %v", err)
	}
}

// ownerEnv makes the test's program the owner of an engine, to be killed.
const ownerEnv = "CLICKHOUSE_TEST_OWNER"

// owner starts an engine, prints its process id, and waits to be killed.
func owner(dirAndLibrary string) {
	clickhouse.RunEngineChild(nil)
	dir, library, _ := strings.Cut(dirAndLibrary, "|")
	e, err := clickhouse.StartEngine(context.Background(), clickhouse.EngineConfig{Dir: dir, Library: library})
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	fmt.Println(e.PID())
	select {}
}

// TestEngineEndsWithItsOwner: the engine ends with its owner, even if the owner is killed.
func TestEngineEndsWithItsOwner(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), ownerEnv+"="+dir+"|"+clickhousetest.Library(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, numberErr := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || numberErr != nil {
		t.Fatalf("the owner said %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waittest.Until(t, 2*time.Minute, "the engine's end", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(b), ") Z ")
	})
	clickhousetest.StartIn(t, dir)
}
