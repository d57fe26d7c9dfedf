package datadir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{d.Kafka(), d.ClickHouse(), d.Temp(), filepath.Join(path, "VERSION")} {
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
	left := filepath.Join(d.Temp(), "left")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatalf("opening it again: %v", err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what an earlier run left in tmp is still there")
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if r, err := ReadRun(path); r != nil || err != nil {
		t.Errorf("nothing runs: got %v, %v", r, err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Run{Command: "replay", Dataset: "x", Kafka: []string{"127.0.0.1:9"}, ClickHouse: &clickhouse.Server{Addresses: []string{"127.0.0.1:1"}, Database: "darkmap"}}
	if err := d.WriteRun(want); err != nil {
		t.Fatal(err)
	}
	want.PID = os.Getpid()
	got, err := ReadRun(path)
	if err != nil || !cmp.Equal(got, &want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	info, err := os.Stat(filepath.Join(path, "run.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("run.json: got mode %v, %v; want 0600", info.Mode(), err)
	}
	left, err := os.ReadFile(filepath.Join(path, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	// A killed instance leaves run.json, and a lock file without a holder.
	if err := os.WriteFile(filepath.Join(path, "run.json"), left, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadRun(path); r != nil || err != nil {
		t.Errorf("a dead instance: got %v, %v", r, err)
	}
}

// TestInstallation checks that a folder keeps its id, and that two folders have different ids.
func TestInstallation(t *testing.T) {
	t.Parallel()
	var ids []string
	path := t.TempDir()
	for _, p := range []string{path, path, t.TempDir()} {
		d, err := Open(p)
		if err != nil {
			t.Fatal(err)
		}
		id, err := d.Installation()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if ids[0] != ids[1] || ids[0] == ids[2] || ids[0] == "" {
		t.Errorf("ids %v: want the same for the same folder alone", ids)
	}
}
