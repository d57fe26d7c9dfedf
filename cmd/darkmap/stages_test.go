package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestIngestDataset: what archives alone say has a dataset of its own, and cannot be told to go into live.
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
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"ingest", "--follow", "--dataset", "live", "--set", "kafka.brokers=[127.0.0.1:9]"}, nil, &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "archives are minutes late") {
		t.Errorf("--follow into live: got %d, want %d: %s", code, exitUsage, errs.String())
	}
}
