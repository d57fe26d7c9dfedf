package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
)

var firstEdition = edition{
	version: "1.2.3-rc.1", repository: "registry.example.net/team/darkmap",
	digest: "sha256:" + strings.Repeat("ab", 32), date: time.Unix(1_000_000_000, 0),
}

// TestRelease: the package is a chart that helm loads, of the edition's version. Chart and overlays
// name the image by its digest. The same files come out a second time.
func TestRelease(t *testing.T) {
	t.Parallel()
	dir, again := t.TempDir(), t.TempDir()
	for _, out := range []string{dir, again} {
		if err := firstEdition.write(k8sDir, chartDir, out); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"darkmap-1.2.3-rc.1.tgz", "darkmap-cluster-1.2.3-rc.1.yaml", "darkmap-single-1.2.3-rc.1.yaml"}
	for _, name := range names {
		a, errA := os.ReadFile(filepath.Join(dir, name))
		b, errB := os.ReadFile(filepath.Join(again, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Fatalf("%s differs the second time (%v, %v)", name, errA, errB)
		}
	}
	c, err := loader.LoadFile(filepath.Join(dir, names[0]))
	if err != nil || c.Metadata.Version != "1.2.3-rc.1" || c.Metadata.AppVersion != "1.2.3-rc.1" {
		t.Fatalf("got the chart %+v (%v)", c.Metadata, err)
	}
	unpacked := filepath.Join(t.TempDir(), "darkmap")
	for _, f := range c.Raw {
		path := filepath.Join(unpacked, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ofChart, err := renderChart(unpacked, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkOwnImages(t, "the chart", ofChart, "registry.example.net/team/darkmap@"+firstEdition.digest)
	for _, name := range names[1:] {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all, err := readObjects(text)
		if err != nil {
			t.Fatal(err)
		}
		checkOwnImages(t, name, all, "registry.example.net/team/darkmap:1.2.3-rc.1@"+firstEdition.digest)
	}
}

// checkOwnImages checks the image of each workload of darkmap. There are eight.
func checkOwnImages(t *testing.T, where string, all []object, want string) {
	t.Helper()
	found := 0
	for _, o := range all {
		for _, c := range asObject(at(o.pod(), "spec")).containers() {
			image := text(c["image"])
			if !strings.Contains(image, "darkmap") {
				continue
			}
			found++
			if image != want {
				t.Errorf("%s: %s has the image %s, want %s", where, o, image, want)
			}
		}
	}
	if found != 8 {
		t.Errorf("%s: found the image %d times, want 8", where, found)
	}
}

// TestReleaseOtherValues: a chart whose values cannot take the image is refused.
func TestReleaseOtherValues(t *testing.T) {
	t.Parallel()
	for old, want := range map[string]string{`  digest: ""`: "an empty digest", "  repository: darkmap\n": "the repository darkmap"} {
		c, err := loader.LoadDir(chartDir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range c.Raw {
			f.Data = bytes.Replace(f.Data, []byte(old), []byte("  other: x\n"), 1)
		}
		if err := firstEdition.pinValues(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %q: got %v", old, err)
		}
	}
}
