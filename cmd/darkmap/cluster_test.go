package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafkatest"
)

// TestReplayOnACluster replays over a real Apache Kafka and a separate ClickHouse, named in the
// configuration. The results equal those of the embedded ones.
func TestReplayOnACluster(t *testing.T) {
	brokers := kafkatest.Apache(t).Brokers
	_, server := clickhousetest.Configured(t)
	const secret = "DARKMAP_TEST_CLICKHOUSE_PASSWORD"
	t.Setenv(secret, server.Password)
	if got, err := (config.Secret{Env: secret}).Read(); err != nil || got != server.Password {
		t.Fatalf("the secret: got %v", err)
	}
	files, flags := archives(t), append(offline(t), "--all", "--dataset", "cluster")
	want := replay(t, t.TempDir(), slices.Concat(flags, []string{"--no-store"}, files)...)
	cluster := []string{
		"--set", "kafka.brokers=[" + brokers[0] + "]", "--set", "kafka.topic_prefix=test.", "--set", "kafka.replication_factor=1",
		"--set", "clickhouse.addresses=['" + server.Addresses[0] + "']", "--set", "clickhouse.http_address='" + server.HTTPAddress + "'",
		"--set", "clickhouse.user=" + server.User, "--set", "clickhouse.password.env=" + secret,
	}
	dir := t.TempDir()
	for range 2 { // twice into one dataset: the same rows
		if diff := cmp.Diff(want, replay(t, dir, slices.Concat(flags, cluster, files)...)); diff != "" {
			t.Errorf("(-embedded +cluster):\n%s", diff)
		}
		code, out, errs := darkmap(t, "", slices.Concat([]string{"sql", "--data-dir", dir}, cluster,
			[]string{"SELECT countIf(type = 'announce'), countIf(type = 'withdraw'), uniqExact(sequence, idx) FROM route_changes"})...)
		if code != 0 || out != "123682\t13730\t137412\n" {
			t.Errorf("got %q, exit %d: %s", out, code, errs)
		}
	}
}
