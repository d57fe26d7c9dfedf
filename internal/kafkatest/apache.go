package kafkatest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
)

// apacheVersion is what pom.xml pins.
const apacheVersion = "4.4.0"

// startLimit is generous: a busy machine starts a JVM slowly.
const startLimit = 3 * time.Minute

// ApacheBroker is a real Apache Kafka.
type ApacheBroker struct {
	// Config reaches it.
	Config kafka.Config

	tb     testing.TB
	java   string
	args   []string
	dir    string
	cmd    *exec.Cmd // nil: it does not run
	output bytes.Buffer
}

// Apache is the configuration of a real Apache Kafka that runs until the test ends.
func Apache(tb testing.TB) kafka.Config {
	tb.Helper()
	return StartApache(tb).Config
}

// StartApache starts a real Apache Kafka, one broker in KRaft mode on loopback, and ends it with the test. Where Java or Maven
// is missing the test is skipped by name. The first start on a machine fetches 43 MB from Maven's repository.
func StartApache(tb testing.TB) *ApacheBroker {
	tb.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		datatest.Missing(tb, "a real Kafka needs Java 17: apt-get install openjdk-17-jre-headless")
	}
	classpath := filepath.Join(apacheLibrary(tb), "*")
	dir := tb.TempDir()
	client, controller := freePort(tb), freePort(tb)
	properties := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(properties, []byte(serverProperties(dir, client, controller)), 0o600); err != nil {
		tb.Fatal(err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)                                                                                                                                                       // never fails
	id[0] = id[0]&0x1f | 0x40                                                                                                                                                  // an id that begins with a minus would be an option
	format := exec.CommandContext(tb.Context(), java, "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id), "-c", properties) //nolint:gosec // our own arguments
	if out, err := format.CombinedOutput(); err != nil {
		tb.Fatalf("formatting Kafka's storage: %v\n%s", err, out)
	}
	b := &ApacheBroker{Config: kafka.DefaultConfig(), tb: tb, java: java, args: []string{"-Xmx512m", "-cp", classpath, "kafka.Kafka", properties}, dir: dir}
	b.Config.Brokers = []string{client}
	b.Config.ReplicationFactor = 1
	tb.Cleanup(func() {
		b.Kill()
		if tb.Failed() && b.output.Len() > 0 {
			tb.Logf("Kafka: %s", &b.output)
		}
	})
	b.Start()
	return b
}

// Start starts it, with what it holds, and waits until it answers.
func (b *ApacheBroker) Start() {
	b.tb.Helper()
	// Not with the test's context: that ends before the clean-up, which still needs the broker.
	b.cmd = exec.CommandContext(context.WithoutCancel(b.tb.Context()), b.java, b.args...) //nolint:gosec // our own arguments
	b.cmd.Stdout, b.cmd.Stderr, b.cmd.Dir = &b.output, &b.output, b.dir
	if err := b.cmd.Start(); err != nil {
		b.tb.Fatal(err)
	}
	waitReady(b.tb, b.Config)
}

// Kill ends it with SIGKILL, if it runs.
func (b *ApacheBroker) Kill() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Kill() // by id; an error means that it has ended already
	_ = b.cmd.Wait()
	b.cmd = nil
}

// apacheLibrary returns the folder of Kafka's jars, fetching them if they are not there. Several test processes may do so
// at the same time: each fetches into a folder of its own, and the first to finish gives it the name.
func apacheLibrary(tb testing.TB) string {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	parent := filepath.Join(cache, "darkmap", "kafkatest")
	lib := filepath.Join(parent, "apache-kafka-"+apacheVersion)
	if _, err := os.Stat(lib); err == nil {
		return lib
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		datatest.Missing(tb, "a real Kafka is fetched with Maven: apt-get install maven")
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		tb.Fatal(err)
	}
	tmp, err := os.MkdirTemp(parent, "fetch-") //nolint:usetesting // renamed within the cache folder, so it has to be on its disk
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // what stays is in the cache folder
	pom := filepath.Join(datatest.Root(tb), "internal", "kafkatest", "pom.xml")
	fetch := exec.CommandContext(tb.Context(), mvn, "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(tmp, "lib")) //nolint:gosec // our own arguments
	out, err := fetch.CombinedOutput()
	if err != nil {
		datatest.Missing(tb, fmt.Sprintf("a real Kafka could not be fetched from Maven: %v\n%s", err, out))
	}
	if err := os.Rename(filepath.Join(tmp, "lib"), lib); err != nil {
		if _, statErr := os.Stat(lib); statErr != nil {
			tb.Fatal(err)
		}
	}
	return lib
}

func serverProperties(dir, client, controller string) string {
	return strings.Join([]string{
		"process.roles=broker,controller",
		"node.id=1",
		"controller.quorum.voters=1@" + controller,
		"listeners=PLAINTEXT://" + client + ",CONTROLLER://" + controller,
		"advertised.listeners=PLAINTEXT://" + client,
		"controller.listener.names=CONTROLLER",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs=" + filepath.Join(dir, "data"),
		"offsets.topic.replication.factor=1",
		"offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
		"group.initial.rebalance.delay.ms=0",
		"auto.create.topics.enable=false",
	}, "\n") + "\n"
}

// freePort is a loopback address that nobody listens on at the moment.
func freePort(tb testing.TB) string {
	tb.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = ln.Close() }() // it has served its purpose
	return ln.Addr().String()
}

func waitReady(tb testing.TB, cfg kafka.Config) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), startLimit)
	defer cancel()
	adm, err := kafka.NewAdmin(cfg, Log())
	if err != nil {
		tb.Fatal(err)
	}
	defer adm.Close()
	var wait retry.Backoff
	for {
		_, err := adm.ListTopics(ctx)
		if err == nil {
			return
		}
		if wait.Wait(ctx) != nil {
			tb.Fatalf("Kafka is not ready after %v: %v", startLimit, err)
		}
	}
}
