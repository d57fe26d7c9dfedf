package alertmanagertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

const module = "github.com/prometheus/alertmanager"

// program returns the path of Alertmanager's program, and builds it if it is missing. Several test
// processes may do so at the same time: each builds in its own folder, and the last one to finish
// gives its program the final name.
func program(tb testing.TB) string {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	source, version, err := find(tb)
	if err != nil {
		datatest.Missing(tb, fmt.Sprintf("a real Alertmanager is built from its module: make deps (%v)", err))
	}
	parent := filepath.Join(cache, "darkmap", "alertmanagertest")
	path := filepath.Join(parent, "alertmanager-"+version)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		tb.Fatal(err)
	}
	// It is renamed within the cache folder, so it has to be on its disk.
	tmp, err := os.MkdirTemp(parent, "build-") //nolint:usetesting // on the disk of the cache folder
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // a failure leaves a folder in the cache
	built := filepath.Join(tmp, "alertmanager")
	if err := build(tb, source, filepath.Join(tmp, "source"), built); err != nil {
		datatest.Missing(tb, fmt.Sprintf("Alertmanager %s could not be built: %v", version, err))
	}
	if err := os.Rename(built, path); err != nil {
		tb.Fatal(err)
	}
	return path
}

// find returns the folder of Alertmanager's module, and its version.
func find(tb testing.TB) (dir, version string, err error) {
	tb.Helper()
	list := exec.CommandContext(tb.Context(), "go", "list", "-m", "-json", module)
	list.Dir = filepath.Join(datatest.Root(tb), "tools", "alertmanager")
	out, err := list.Output()
	if err != nil {
		return "", "", fmt.Errorf("looking for the module: %w", err)
	}
	var m struct{ Dir, Version string }
	if err := json.Unmarshal(out, &m); err != nil {
		return "", "", fmt.Errorf("looking for the module: %w", err)
	}
	if m.Dir == "" {
		return "", "", errors.New("the module is not in the module cache")
	}
	return m.Dir, m.Version, nil
}

// build copies the module, to which it adds files, and builds the program with the versions in the
// module's own go.mod.
func build(tb testing.TB, source, dir, program string) error {
	tb.Helper()
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		return fmt.Errorf("copying the module: %w", err)
	}
	for _, ui := range []string{"elm", "mantine"} {
		dist := filepath.Join(dir, "ui", "app", "dist", ui)
		if err := errors.Join(os.MkdirAll(dist, 0o700),
			os.WriteFile(filepath.Join(dist, "index.html"), []byte("<!DOCTYPE html>"), 0o600)); err != nil {
			return fmt.Errorf("making an empty user interface: %w", err)
		}
	}
	cmd := exec.CommandContext(tb.Context(), "go", "build", //nolint:gosec // our own arguments
		"-trimpath", "-buildvcs=false", "-o", program, "./cmd/alertmanager")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
