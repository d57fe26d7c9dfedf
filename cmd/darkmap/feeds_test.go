package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/datadir"
)

// TestFeedsOfNothing: what is missing is named, nothing that runs or another dataset.
func TestFeedsOfNothing(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	ask := func(want string) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"feeds", "--data-dir", path, "--dataset", "nope"}, nil, &out, &errs); code != exitFailed || !strings.Contains(errs.String(), want) {
			t.Errorf("got %d, %q, want %d and %q in it", code, errs.String(), exitFailed, want)
		}
	}
	ask("nothing runs on this data directory")
	d, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a test's folder
	if err := d.WriteRun(datadir.Run{Command: "up", Dataset: "live", Kafka: []string{"127.0.0.1:9"}}); err != nil {
		t.Fatal(err)
	}
	ask("darkmap up, has the dataset live and not nope")
}
