package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/kafka"
)

// TestIngestDataset: archives alone have a dataset of their own, and cannot go into live.
func TestIngestDataset(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    ingestCmd
		want string
	}{
		{ingestCmd{}, "live"},
		{ingestCmd{Follow: true}, "follow"},
		{ingestCmd{Follow: true, Dataset: "late"}, "late"},
		{ingestCmd{Dataset: "late"}, "late"},
	} {
		if got := tt.c.dataset(); got != tt.want {
			t.Errorf("follow %v, dataset %q: got %s, want %s", tt.c.Follow, tt.c.Dataset, got, tt.want)
		}
	}
}

// TestDatasetsStayApart: played files, live sources, archives and demos never share a dataset.
func TestDatasetsStayApart(t *testing.T) {
	t.Parallel()
	const brokers = "kafka.brokers=[127.0.0.1:9]"
	for _, tt := range []struct{ args, want string }{
		{"ingest --follow --dataset live --set " + brokers, "archives are minutes late"},
		{"ingest --dataset follow --set " + brokers, "live sources cannot be mixed"},
		{"ingest --dataset demo --set " + brokers, "it is a demo's"},
		{"ingest --follow --dataset demo-7 --set " + brokers, "it is a demo's"},
		{"ingest x.gz --set " + brokers, "files need a dataset of their own"},
		{"ingest x.gz --dataset live --set " + brokers, "files do not go into it"},
		{"ingest x.gz --dataset follow --set " + brokers, "files do not go into it"},
		{"ingest x.gz --dataset demo --set " + brokers, "it is a demo's"},
		{"replay x.gz --dataset live --replace", "files do not go into it"},
		{"replay x.gz --dataset follow --replace", "files do not go into it"},
		{"replay x.gz --dataset demo-12 --replace", "it is a demo's"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		code, _, errs := darkmap(t, "", append(strings.Fields(tt.args), "--data-dir", dir)...)
		if code != exitUsage || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: got %d, %s; want %d and %q", tt.args, code, errs, exitUsage, tt.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: it made its folder (%v)", tt.args, err)
		}
	}
}

// TestTopicsTable: the changes of topics apply are printed as a table.
func TestTopicsTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := writeChanges(&out, []kafka.Change{
		{Topic: "bgp.updates.v1", Kind: kafka.Created, Detail: "12 partitions"}, {Topic: "bgp.panel.v1", Kind: kafka.Differs, Detail: "retention.ms is 1, want 2"}, {Topic: "x", Kind: kafka.Altered},
	})
	want := "TOPIC           CHANGE   DETAIL\nbgp.updates.v1  created  12 partitions\nbgp.panel.v1    differs  retention.ms is 1, want 2\nx               altered\n"
	got := regexp.MustCompile(` +\n`).ReplaceAllString(out.String(), "\n")
	if err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}
