package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
)

// apart is a pipeline whose stages are processes of their own, on a real Kafka and a ClickHouse
// engine.
type apart struct {
	t       *testing.T
	dataset string
	dir     string // of the stages
	cluster *kafkatest.ApacheCluster
	cfg     kafka.Config
	engine  *clickhouse.Engine
	store   clickhouse.Server
	flags   []string // of every process
}

// newApart starts an engine, and makes the topics of a dataset and the tables. flags are added to
// every command.
func newApart(t *testing.T, cluster *kafkatest.ApacheCluster, dataset string, flags []string) *apart {
	t.Helper()
	a := &apart{t: t, dataset: dataset, dir: t.TempDir(), cluster: cluster, cfg: cluster.Config.WithDataset(dataset)}
	a.engine, a.store = clickhousetest.Configured(t)
	password := filepath.Join(a.dir, "password")
	if err := os.WriteFile(password, []byte(a.store.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{
		"kafka.brokers=[" + strings.Join(a.cfg.Brokers, ",") + "]",
		"clickhouse.addresses=[" + strings.Join(a.store.Addresses, ",") + "]",
		"clickhouse.http_address=" + a.store.HTTPAddress, "clickhouse.user=" + a.store.User,
		"clickhouse.database=" + a.store.Database, "clickhouse.password.file=" + password,
	} {
		a.flags = append(a.flags, "--set", set)
	}
	a.flags = append(a.flags, flags...)
	a.once("topics", "apply", "--dataset", dataset)
	a.once("migrate")
	return a
}

// once runs a command to its end.
func (a *apart) once(args ...string) {
	a.t.Helper()
	process(a.t, 0, slices.Concat(args, a.flags)...)
}

// stage returns a stage that is not started. Its admin server has any port, unless args have
// another address.
func (a *apart) stage(name, instance string, args ...string) *stageProcess {
	own := filepath.Join(a.dir, name+instance)
	if !slices.Contains(args, "--admin-addr") {
		args = append([]string{"--admin-addr", "127.0.0.1:0"}, args...)
	}
	all := slices.Concat([]string{
		name, "--dataset", a.dataset, "--instance", instance, "--data-dir", own,
	}, a.flags, args)
	return &stageProcess{t: a.t, name: name + "/" + instance, args: all, log: own + ".log"}
}

// drain waits until a stage has read everything. Brokers that have just come back may not answer
// yet.
func (a *apart) drain(r kafka.Reading) {
	a.t.Helper()
	const limit = 5 * time.Minute
	adm, err := kafka.NewAdmin(a.cfg, kafkatest.Log())
	if err != nil {
		a.t.Fatal(err)
	}
	defer adm.Close()
	waittest.Until(a.t, limit, r.Stage+" has read everything", func() bool {
		ctx, cancel := context.WithTimeout(a.t.Context(), 10*time.Second)
		defer cancel()
		ok, err := kafka.Drained(ctx, adm, a.cfg, kafkatest.Log(), r)
		return err == nil && ok
	})
}
