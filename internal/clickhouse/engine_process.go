package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/darkmap/darkmap/internal/retry"
)

// child is one process of the engine.
type child struct {
	cmd *exec.Cmd
	// stdio is our end of the socket pair that is the child's standard input and error. When it
	// closes, the child ends.
	stdio  *os.File
	stderr *tail
	// started is the time of its first answer.
	started time.Time
	// sharedNetwork is the reason why the child has no network of its own. It is nil if the child
	// has one, or was not meant to have one.
	sharedNetwork error
	// done is closed after the end of the process. exit is set before.
	done chan struct{}
	exit error
}

// startChild starts a process and waits until it answers on the server's socket. The process gets a
// network of its own if the kernel permits that.
func startChild(ctx context.Context, cfg EngineConfig, s Server) (*child, error) {
	var refused error
	for _, attr := range processAttrs(cfg.SharedNetwork) {
		c, err := startOnFreePort(ctx, cfg, s, attr)
		if err == nil {
			if !attr.ownNetwork {
				c.sharedNetwork = refused
			}
			return c, nil
		}
		if !attr.ownNetwork || !errors.Is(err, errNoNetwork) {
			return nil, err
		}
		refused = err
	}
	return nil, refused // not reached: the last attempt shares the network
}

// portTries caps the children that startOnFreePort starts when their ports are taken.
const portTries = 3

// startOnFreePort starts a child with the attributes of attr. If another program takes the child's
// port before the server listens, it starts another child, which selects another port.
func startOnFreePort(ctx context.Context, cfg EngineConfig, s Server, attr processAttr) (*child, error) {
	for try := 1; ; try++ {
		c, err := spawn(cfg, s, attr)
		if err != nil {
			return nil, err
		}
		if err = c.handshake(ctx, s); err == nil {
			err = removeConfiguration(cfg.Dir)
		}
		if err == nil {
			c.started = time.Now()
			return c, nil
		}
		c.kill()
		if try == portTries || !errors.Is(err, errPortTaken) {
			return nil, err
		}
	}
}

// errPortTaken means that another program listens on the child's port.
var errPortTaken = errors.New("another program took its port")

// errNoNetwork means that the kernel gives the child no network of its own.
var errNoNetwork = errors.New("no network of its own")

// processAttr is a way to start a child.
type processAttr struct {
	sys        *syscall.SysProcAttr
	ownNetwork bool
}

// spawn starts the process. The process inherits the listening socket, so it does not control the
// path and the mode of the socket.
func spawn(cfg EngineConfig, s Server, attr processAttr) (*child, error) {
	if err := writeConfiguration(cfg, s); err != nil {
		return nil, err
	}
	listener, err := listenSocket(s.Socket)
	if err != nil {
		return nil, err
	}
	defer listener.Close() //nolint:errcheck // the child has its own copy
	network := sharedArg + strconv.Itoa(cfg.NativePort)
	if attr.ownNetwork {
		network = ownArg
	}
	// CommandContext is unsuitable: the engine outlives the context of the start, until Close. The
	// path is that of the running program even if its file was replaced.
	cmd := exec.Command("/proc/self/exe", //nolint:gosec,noctx // starts itself; see above
		engineArg, cfg.Library, cfg.Dir, network)
	cmd.Args[0] = os.Args[0]
	cmd.Dir = dataDir(cfg.Dir)
	cmd.Env = engineEnv()
	cmd.SysProcAttr = attr.sys
	cmd.ExtraFiles = []*os.File{listener}
	// Use sockets instead of pipes: a statement that opened a pipe through /proc/self/fd would wait
	// forever.
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("connecting to the child: %w", err)
	}
	defer theirs.Close() //nolint:errcheck // the child has its own copy
	cmd.Stdin, cmd.Stderr = theirs, theirs
	c := &child{cmd: cmd, stdio: ours, stderr: &tail{}, done: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		if attr.ownNetwork {
			err = fmt.Errorf("%w: %w", errNoNetwork, err)
		}
		return nil, errors.Join(fmt.Errorf("starting the child: %w", err), ours.Close())
	}
	go c.wait() // ends with the child
	return c, nil
}

// wait collects the child's standard error and waits for its end.
func (c *child) wait() {
	_, _ = io.Copy(c.stderr, c.stdio) // until the child has closed its end
	c.exit = c.cmd.Wait()
	_ = c.stdio.Close()
	close(c.done)
}

// listenSocket makes the socket and denies other users access to it.
func listenSocket(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing the last start's socket: %w", err)
	}
	var file *os.File
	err := withSocket(path, func(path string) error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		if err = os.Chmod(path, 0o600); err == nil { // until here the folder denies others access
			file, err = l.File()
		}
		return errors.Join(err, l.Close())
	})
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	return file, nil
}

// handshake waits until the child answers, and notifies the child.
func (c *child) handshake(ctx context.Context, s Server) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit,
		fmt.Errorf("it does not answer after %v", startLimit))
	defer cancel()
	for {
		err := s.Ask(ctx, "SELECT 1")
		if err == nil {
			break
		}
		select {
		case <-c.done:
			return c.whyNot()
		default:
		}
		if retry.Sleep(ctx, 5*time.Millisecond) != nil {
			return fmt.Errorf("waiting for its answer (%w): %w", err, context.Cause(ctx))
		}
	}
	// The child may restore its signal handlers now.
	if _, err := io.WriteString(c.stdio, "r"); err != nil {
		return fmt.Errorf("talking to the child: %w", err)
	}
	return nil
}

// whyNot returns the reason of an end before the server answered.
func (c *child) whyNot() error {
	said := strings.TrimSpace(c.stderr.String())
	switch {
	case c.cmd.ProcessState != nil && c.cmd.ProcessState.ExitCode() == exitNoNetwork:
		return fmt.Errorf("%w: %s", errNoNetwork, said)
	case strings.Contains(said, "Code: 76"),
		strings.Contains(said, "CANNOT_OPEN_FILE") && strings.Contains(said, "lock"):
		return ErrInUse
	case strings.Contains(said, "Address already in use"): // EADDRINUSE in the library's error text
		return fmt.Errorf("%w: its standard error: %s", errPortTaken, said)
	case said == "" && c.exit != nil:
		return fmt.Errorf("it ended: %w", c.exit)
	}
	return fmt.Errorf("it ended; its standard error: %s", said)
}

// why returns the reason of an end after the server answered.
func (c *child) why() error {
	exit := c.exit
	if exit == nil {
		exit = errors.New("exit status 0")
	}
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok &&
		status.Signaled() && status.Signal() == syscall.SIGKILL {
		exit = errors.New("killed by signal 9: by someone, or for want of memory")
	}
	if said := lastLines(c.stderr.String()); said != "" {
		return fmt.Errorf("%w; its standard error: %s", exit, said)
	}
	return exit
}

// lastLines returns the last few lines of a process's output as one line. It omits the lines that
// only announce logging.
func lastLines(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Logging ") })
	const most = 3
	return strings.Join(lines[max(0, len(lines)-most):], " | ")
}

// kill ends the process and waits for its end.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
}

// tail holds the end of the data written to it.
type tail struct {
	mu sync.Mutex
	b  []byte // guarded by mu
}

const tailBytes = 8 << 10

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b) - tailBytes; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// dataDir returns the folder of the server's data.
func dataDir(dir string) string { return filepath.Join(dir, "data") }
