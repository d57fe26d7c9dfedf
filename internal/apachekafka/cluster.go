package apachekafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
)

const (
	// startLimit is generous, because a busy machine starts several Java processes slowly.
	startLimit = 4 * time.Minute
	// stopLimit is the time that a broker has to end before it is killed.
	stopLimit = 20 * time.Second
)

// Cluster is a set of brokers. One goroutine calls its methods.
type Cluster struct {
	// Authority signs the certificates that a secure cluster trusts; nil for other clusters.
	Authority *Authority

	options Options
	ports   []ports
	java    string
	library string // the class path
	id      string
	brokers []*exec.Cmd // nil: the broker does not run
}

// Start starts a cluster and returns when all of its brokers answer. ctx bounds only the start.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Cluster{options: o, brokers: make([]*exec.Cmd, o.Brokers)}
	var err error
	if c.java, err = Java(); err != nil {
		return nil, err
	}
	library, err := Fetch(ctx)
	if err != nil {
		return nil, err
	}
	c.library = filepath.Join(library, "*")
	if c.ports, err = o.addresses(ctx); err != nil {
		return nil, err
	}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	for i := range c.brokers {
		if err := c.launch(ctx, i); err != nil {
			c.Close()
			return nil, err
		}
	}
	if err := c.await(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// prepare writes the brokers' files, and formats their storage unless an earlier start did.
func (c *Cluster) prepare(ctx context.Context) error {
	for i := range c.brokers {
		if err := os.MkdirAll(c.path(i, ""), 0o700); err != nil {
			return fmt.Errorf("preparing Kafka: %w", err)
		}
	}
	if c.options.Secure {
		if err := c.prepareSecrets(); err != nil {
			return err
		}
	}
	if err := c.identify(); err != nil {
		return fmt.Errorf("preparing Kafka: %w", err)
	}
	if err := c.format(ctx); err != nil {
		return err
	}
	for i := range c.brokers {
		if err := c.copyFormat(i); err != nil {
			return fmt.Errorf("formatting Kafka's storage: %w", err)
		}
	}
	return nil
}

// identify reads the cluster's id, or creates one.
func (c *Cluster) identify() error {
	path := filepath.Join(c.options.Dir, "cluster-id")
	var err error
	if c.id, err = readFile(path); err != nil || c.id != "" {
		return err
	}
	c.id = newID()
	return os.WriteFile(path, []byte(c.id), 0o600)
}

// format writes the settings of all brokers and formats the storage of the first one.
func (c *Cluster) format(ctx context.Context) error {
	for i := range c.brokers {
		if err := errors.Join(
			os.WriteFile(c.path(i, "server.properties"), lines(c.properties(i)), 0o600),
			os.WriteFile(c.path(i, "log4j2.properties"), []byte(c.logging()), 0o600)); err != nil {
			return fmt.Errorf("preparing Kafka: %w", err)
		}
	}
	if _, err := os.Stat(c.path(0, metaFile)); err == nil {
		return nil
	}
	args := []string{
		"-cp", c.library, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "kafka.tools.StorageTool",
		"format", "-t", c.id, "-c", c.path(0, "server.properties"),
	}
	if c.options.Secure {
		password, err := readFile(c.secret(AdminUser + ".password"))
		if err != nil {
			return fmt.Errorf("preparing Kafka: %w", err)
		}
		args = append(args, "--add-scram", "SCRAM-SHA-512=[name="+AdminUser+",password="+password+"]")
	}
	out, err := exec.CommandContext(ctx, c.java, args...).CombinedOutput() //nolint:gosec // our own arguments
	if err != nil {
		return fmt.Errorf("formatting Kafka's storage: %w\n%s", err, out)
	}
	return nil
}

// metaFile names the cluster and the broker of a data folder.
const metaFile = "data/meta.properties"

// copyFormat formats the storage of broker i as a copy of the first one's, because the tool takes
// seconds of CPU.
func (c *Cluster) copyFormat(i int) error {
	if _, err := os.Stat(c.path(i, metaFile)); err == nil {
		return nil
	}
	meta, err := readFile(c.path(0, metaFile))
	if err != nil {
		return err
	}
	settings := strings.Split(meta, "\n")
	for n, line := range settings {
		switch key, _, _ := strings.Cut(line, "="); key {
		case "node.id":
			settings[n] = fmt.Sprintf("node.id=%d", i+1)
		case "directory.id":
			settings[n] = "directory.id=" + newID()
		}
	}
	if err := os.CopyFS(c.path(i, "data"), os.DirFS(c.path(0, "data"))); err != nil {
		return err
	}
	return os.WriteFile(c.path(i, metaFile), lines(settings), 0o600)
}

// newID returns a random id in Kafka's form.
func newID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id)      // never fails
	id[0] = id[0]&0x1f | 0x40 // an id that begins with a minus would be an option
	return base64.RawURLEncoding.EncodeToString(id)
}

func lines(list []string) []byte {
	var out []byte
	for _, l := range list {
		out = append(append(out, l...), '\n')
	}
	return out
}

// StartKilled starts the brokers that do not run, with their data, and returns when all answer.
func (c *Cluster) StartKilled(ctx context.Context) error {
	for i, cmd := range c.brokers {
		if cmd != nil {
			continue
		}
		if err := c.launch(ctx, i); err != nil {
			return err
		}
	}
	return c.await(ctx)
}

func (c *Cluster) launch(ctx context.Context, i int) error {
	out, err := os.OpenFile(c.LogFile(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("starting Kafka: %w", err)
	}
	defer func() { _ = out.Close() }() // the process has its own file
	// Not with ctx: it bounds the start, and the broker outlives the start.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.java, //nolint:gosec // our own arguments
		fmt.Sprintf("-Xmx%dm", c.options.HeapMB),
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxDirectMemorySize=128m",
		"-Dlog4j2.configurationFile="+c.path(i, "log4j2.properties"), "-cp", c.library,
		"kafka.Kafka", c.path(i, "server.properties"))
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, c.path(i, "")
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting Kafka: %w", err)
	}
	c.brokers[i] = cmd
	return nil
}

// LogFile returns the log file of broker i, from 0.
func (c *Cluster) LogFile(i int) string { return c.path(i, "log") }

// PID returns the process of broker i, from 0, or 0 if it does not run.
func (c *Cluster) PID(i int) int {
	if cmd := c.brokers[i]; cmd != nil {
		return cmd.Process.Pid
	}
	return 0
}

// Kill ends broker i, from 0, with SIGKILL, if it runs.
func (c *Cluster) Kill(i int) {
	if cmd := c.brokers[i]; cmd != nil {
		_ = cmd.Process.Kill() // ends it by id; an error means that it has ended already
		_ = cmd.Wait()
		c.brokers[i] = nil
	}
}

// Close asks all brokers to end, and kills those that have not ended after stopLimit.
func (c *Cluster) Close() {
	var wg sync.WaitGroup
	for i, cmd := range c.brokers {
		if cmd == nil {
			continue
		}
		_ = cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
		wg.Go(func() {                          // ends with the process
			kill := time.AfterFunc(stopLimit, func() { _ = cmd.Process.Kill() })
			defer kill.Stop()
			_ = cmd.Wait() // its error is the signal
		})
		c.brokers[i] = nil
	}
	wg.Wait()
}

// await returns when all started brokers have registered and the cluster returns its metadata.
func (c *Cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	adm, err := kafka.NewAdmin(c.Config(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer adm.Close()
	wait := retry.Backoff{Max: time.Second}
	for {
		running := 0
		for i, cmd := range c.brokers {
			if cmd == nil {
				continue
			}
			running++
			if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
				return fmt.Errorf("starting Kafka: broker %d has ended: see %s", i+1, c.LogFile(i))
			}
		}
		m, err := adm.Metadata(ctx)
		if err == nil && len(m.Brokers) >= running {
			return nil
		}
		if wait.Wait(ctx) != nil {
			return fmt.Errorf("starting Kafka: %d of %d brokers answer after %v: %w",
				len(m.Brokers), running, startLimit, errors.Join(err, ctx.Err()))
		}
	}
}
