package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

// stageProcess is a stage that can be killed and started again. Its methods are for one goroutine.
type stageProcess struct {
	t    *testing.T
	name string
	args []string
	env  []string // added to the test's own
	log  string   // the file of its standard error
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how, once done is closed
}

func (p *stageProcess) start() {
	p.t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // the process has its own
	cmd := exec.Command(os.Args[0], p.args...)
	cmd.Env = slices.Concat(os.Environ(), p.env, []string{asDarkmap + "=1"})
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() { // ends with the process, which kill ends
		p.err = cmd.Wait()
		close(done)
	}()
}

// running reports whether it has not ended.
func (p *stageProcess) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *stageProcess) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// kill ends it with SIGKILL.
func (p *stageProcess) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// term asks it to end. It has to do so by itself, without a fault.
func (p *stageProcess) term() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(p.t.Context(), 60*time.Second)
	defer cancel()
	select {
	case <-p.done:
		p.ended()
	case <-ctx.Done():
		p.t.Errorf("%s does not end within 60 s: %s", p.name, p.said())
		p.kill()
	}
}

// ended checks that it has ended without a fault.
func (p *stageProcess) ended() {
	p.t.Helper()
	if p.err != nil {
		p.t.Errorf("%s: %v: %s", p.name, p.err, p.said())
	}
}

// said is the end of its log.
func (p *stageProcess) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
