package kafkatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/darkmap/darkmap/internal/kafka"
)

// childEnv is the environment variable with the function and the configuration of a child process.
const childEnv = "DARKMAP_KAFKATEST_CHILD"

type child struct {
	Name        string
	Brokers     []string
	Credentials kafka.Credentials
	Dataset     string
	Partitions  int32
	Instance    string
}

// Child runs the named function if Start started this process, and reports whether it did. A
// TestMain calls it first. The function runs until the process is killed or receives SIGTERM.
func Child(runs map[string]func(ctx context.Context, cfg kafka.Config, instance string) error) bool {
	text, ok := os.LookupEnv(childEnv)
	if !ok {
		return false
	}
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	cfg := kafka.DefaultConfig().Through(c.Brokers, c.Credentials)
	cfg.Partitions = c.Partitions
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := runs[c.Name](ctx, cfg.WithDataset(c.Dataset), c.Instance); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n") // the only way to report it
	}
	return true
}

// Process is a child that runs a stage.
type Process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stderr *bytes.Buffer
}

// Start runs the named function of the test binary's Child in a process of its own, on the brokers
// of cfg.
func Start(tb testing.TB, name string, cfg kafka.Config, instance string) *Process {
	tb.Helper()
	dataset := strings.TrimSuffix(strings.TrimPrefix(cfg.Topic(""), cfg.TopicPrefix), ".")
	text, err := json.Marshal(child{
		Name: name, Brokers: cfg.Brokers, Credentials: cfg.Credentials(),
		Dataset: dataset, Partitions: cfg.Partitions, Instance: instance,
	})
	if err != nil {
		tb.Fatal(err)
	}
	p := &Process{
		t: tb,
		cmd: exec.CommandContext( //nolint:gosec // the test binary itself
			context.WithoutCancel(tb.Context()), os.Args[0]),
		stderr: &bytes.Buffer{},
	}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Kill)
	return p
}

// Kill ends the process with SIGKILL, if it still runs.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Stop sends SIGTERM to the process and waits for its end.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

// Pause stops the process at any point (SIGSTOP), as on a machine that has no time for it. Resume
// continues it.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume continues the process after Pause (SIGCONT).
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(sig os.Signal) {
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Error(err)
	}
}

func (p *Process) end(sig os.Signal) {
	if p.cmd.ProcessState != nil {
		return
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	_ = p.cmd.Wait() // the signal is its error
	if p.stderr.Len() > 0 {
		p.t.Logf("child: %s", p.stderr)
	}
}
