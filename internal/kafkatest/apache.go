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
)

// apacheVersion is what pom.xml pins.
const apacheVersion = "4.4.0"

// startLimit is generous: a busy machine starts a JVM slowly.
const startLimit = 3 * time.Minute

// Apache starts a real Apache Kafka, one broker in KRaft mode on loopback, and ends it with the test. Where Java or Maven
// is missing the test is skipped by name. The first start on a machine fetches 43 MB from Maven's repository.
func Apache(t testing.TB) kafka.Config {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		datatest.Missing(t, "a real Kafka needs Java 17: apt-get install openjdk-17-jre-headless")
	}
	classpath := filepath.Join(apacheLibrary(t), "*")
	dir := t.TempDir()
	client, controller := freePort(t), freePort(t)
	properties := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(properties, []byte(serverProperties(dir, client, controller)), 0o600); err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)      // never fails
	id[0] = id[0]&0x1f | 0x40 // an id that begins with a minus would be an option
	if out, err := exec.CommandContext(t.Context(), java, "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id), "-c", properties).CombinedOutput(); err != nil {
		t.Fatalf("formatting Kafka's storage: %v\n%s", err, out)
	}
	var output bytes.Buffer
	cmd := exec.Command(java, "-Xmx512m", "-cp", classpath, "kafka.Kafka", properties)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &output, &output, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // by id; an error means that it has ended already
		_ = cmd.Wait()
		if t.Failed() && output.Len() > 0 {
			t.Logf("Kafka: %s", &output)
		}
	})
	cfg := kafka.DefaultConfig()
	cfg.Brokers = []string{client}
	cfg.ReplicationFactor = 1
	waitReady(t, cfg)
	return cfg
}

// apacheLibrary returns the folder of Kafka's jars, fetching them if they are not there. Several test processes may do so
// at the same time: each fetches into a folder of its own, and the first to finish gives it the name.
func apacheLibrary(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	parent := filepath.Join(cache, "darkmap", "kafkatest")
	lib := filepath.Join(parent, "apache-kafka-"+apacheVersion)
	if _, err := os.Stat(lib); err == nil {
		return lib
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		datatest.Missing(t, "a real Kafka is fetched with Maven: apt-get install maven")
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(parent, "fetch-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	pom := filepath.Join(datatest.Root(t), "internal", "kafkatest", "pom.xml")
	out, err := exec.CommandContext(t.Context(), mvn, "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(tmp, "lib")).CombinedOutput()
	if err != nil {
		datatest.Missing(t, fmt.Sprintf("a real Kafka could not be fetched from Maven: %v\n%s", err, out))
	}
	if err := os.Rename(filepath.Join(tmp, "lib"), lib); err != nil {
		if _, statErr := os.Stat(lib); statErr != nil {
			t.Fatal(err)
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
func freePort(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func waitReady(t testing.TB, cfg kafka.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	adm, err := kafka.NewAdmin(cfg, Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	var wait kafka.Backoff
	for {
		_, err := adm.ListTopics(ctx)
		if err == nil {
			return
		}
		if wait.Wait(ctx) != nil {
			t.Fatalf("Kafka is not ready after %v: %v", startLimit, err)
		}
	}
}
