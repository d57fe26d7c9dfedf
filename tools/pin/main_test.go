package main

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
)

// serveImage starts a registry with one image, and returns its reference and digest.
func serveImage(t *testing.T) (reference, digest string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	i, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	d, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	reference = strings.TrimPrefix(server.URL, "http://") + "/team/store:1.2"
	if err := crane.Push(i, reference); err != nil {
		t.Fatal(err)
	}
	return reference, d.String()
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPin: an image gets the digest that a real registry has, wherever it is named. Other lines,
// images of this repository and pinned images stay.
func TestPin(t *testing.T) {
	t.Parallel()
	reference, digest := serveImage(t)
	rest := "  image: darkmap:${DARKMAP_VERSION:-0.1.0}\nimage: a/b:1@sha256:00\nimagePullPolicy: Always\n# image: c:1\n"
	path := file(t, "a:\n  - image: "+reference+"\nb:\n  image: \""+reference+"\" # why\n"+rest)
	var out strings.Builder
	if err := pin(t.Context(), []string{path}, func(ctx context.Context, r string) (string, error) {
		return crane.Digest(r, crane.WithContext(ctx))
	}, &out); err != nil {
		t.Fatal(err)
	}
	pinned := reference + "@" + digest
	want := "a:\n  - image: " + pinned + "\nb:\n  image: \"" + pinned + "\" # why\n" + rest
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("got\n%s(%v), want\n%s", got, err, want)
	}
	if out.String() != pinned+"\n" {
		t.Errorf("printed %q", out.String())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file is now %v (%v)", info.Mode(), err)
	}
}

// TestPinFails: an image that the registry does not have, and one whose registry does not answer,
// are named and stay. The others get their digests.
func TestPinFails(t *testing.T) {
	t.Parallel()
	reference, digest := serveImage(t)
	server := httptest.NewServer(nil)
	gone := strings.TrimPrefix(server.URL, "http://") + "/team/gone:1"
	server.Close()
	missing := strings.TrimSuffix(reference, "1.2") + "3"
	path := file(t, "image: "+missing+"\nimage: "+gone+"\nimage: "+reference+"\n")
	err := pin(t.Context(), []string{path}, func(ctx context.Context, r string) (string, error) {
		return crane.Digest(r, crane.WithContext(ctx))
	}, io.Discard)
	for _, r := range []string{missing, gone} {
		if err == nil || !strings.Contains(err.Error(), "image "+r+" stays without a digest") {
			t.Errorf("got %v, want one that names %s", err, r)
		}
	}
	want := "image: " + missing + "\nimage: " + gone + "\nimage: " + reference + "@" + digest + "\n"
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("got\n%s(%v), want\n%s", got, err, want)
	}
}

// TestUnpinned: the check names each image without a digest, those of this repository too.
func TestUnpinned(t *testing.T) {
	t.Parallel()
	path := file(t, "image: a:1\n- image: b@sha256:00\n  image: darkmap:1\n")
	err := unpinned([]string{path})
	if want := path + ": image a:1 has no digest\n" + path + ": image darkmap:1 has no digest"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := unpinned([]string{file(t, "image: b:1@sha256:00\n")}); err != nil {
		t.Error(err)
	}
}

// TestFound: the files that `make pin` changes name these images.
func TestFound(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][]string{
		"k8s/overlays/single/kafka.yaml":      {"apache/kafka:"},
		"k8s/overlays/single/clickhouse.yaml": {"clickhouse/clickhouse-server:"},
		"clickhouse/altinity.yaml":            {"clickhouse/clickhouse-keeper:", "clickhouse/clickhouse-server:"},
		"compose/compose.yaml":                {"apache/kafka:", "clickhouse/clickhouse-server:", "prom/prometheus:", "grafana/grafana:"},
	} {
		text, err := os.ReadFile(filepath.Join("../../deploy", path))
		if err != nil {
			t.Fatal(err)
		}
		found := strings.Join(references(text), " ")
		for _, w := range want {
			if !strings.Contains(found, w) {
				t.Errorf("%s: found %q, want %s", path, found, w)
			}
		}
	}
}
