package ptytest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/darkmap/darkmap/internal/datatest"
)

// Terminal is a terminal with a program in it. The test's goroutine calls its methods.
type Terminal struct {
	t      testing.TB
	master *os.File
	ended  chan struct{} // closed at the end of the output

	mu  sync.Mutex
	out strings.Builder
}

// Start starts a program with its three standard files on a new terminal of the given size. The
// program ends with the test.
func Start(t testing.TB, cmd *exec.Cmd, columns, rows uint16) *Terminal {
	t.Helper()
	master, slave, err := open(columns, rows)
	if err != nil {
		datatest.Missing(t, "there are no pseudo-terminals: "+err.Error())
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	if closeErr := slave.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &Terminal{t: t, master: master, ended: make(chan struct{})}
	go p.read() // ends with the program
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		<-p.ended
		if err := master.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// open opens a pseudo-terminal: its two files.
func open(columns, rows uint16) (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, master.Close())
		}
	}()
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		return nil, nil, err
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	return master, slave, err
}

func (p *Terminal) read() {
	defer close(p.ended)
	b := make([]byte, 64<<10)
	for {
		n, err := p.master.Read(b)
		p.mu.Lock()
		p.out.Write(b[:n])
		p.mu.Unlock()
		if err != nil { // EIO once the program has ended
			return
		}
	}
}

// Type types text: \r is Enter, \x03 Ctrl-C.
func (p *Terminal) Type(text string) {
	p.t.Helper()
	if _, err := p.master.WriteString(text); err != nil && !errors.Is(err, fs.ErrClosed) {
		p.t.Fatal(err)
	}
}

// Await waits until the program has written text since the last Await, and returns all up to it.
func (p *Terminal) Await(text string) string {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for look := time.NewTicker(5 * time.Millisecond); ; <-look.C {
		select {
		case <-p.ended:
			deadline = time.Now().Add(-time.Second) // look once more
		default:
		}
		p.mu.Lock()
		all := p.out.String()
		if i := strings.Index(all, text); i >= 0 {
			p.out.Reset()
			p.out.WriteString(all[i+len(text):])
			p.mu.Unlock()
			return all[:i+len(text)]
		}
		p.mu.Unlock()
		if time.Now().After(deadline) {
			p.t.Fatalf("%q is not written; the terminal got %q", text, all)
		}
	}
}

// AwaitEnd waits until the program has ended, and returns what it wrote since the last Await.
func (p *Terminal) AwaitEnd() string {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.t.Fatal("the program goes on")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}
