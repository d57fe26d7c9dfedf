//go:build linux

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"testing"
	"time"
)

// descriptor names a blob of an OCI image.
type descriptor struct {
	MediaType string
	Digest    string
	Platform  struct{ OS, Architecture string }
}

// blobs are the files of an OCI archive, by the last element of their names.
type blobs map[string][]byte

// readTar returns the regular files of a tar file by name, and checks that all have the date.
func readTar(t *testing.T, r io.Reader, name func(string) string) blobs {
	t.Helper()
	files := blobs{}
	for all := tar.NewReader(r); ; {
		h, err := all.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(time.Unix(date, 0)) {
			t.Errorf("%s has the date %v, want %v", h.Name, h.ModTime, time.Unix(date, 0))
		}
		text, err := io.ReadAll(all)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			files[name(h.Name)] = text
		}
	}
}

// decode reads the blob that a descriptor names.
func (b blobs) decode(t *testing.T, d descriptor, v any) {
	t.Helper()
	if err := json.Unmarshal(b[d.Digest[len("sha256:"):]], v); err != nil {
		t.Fatalf("reading %s: %v", d.Digest, err)
	}
}

// checkArchive checks that the archive holds an index of both architectures, and in each image the
// program that was built, the user, and no other date.
func checkArchive(t *testing.T, b build) {
	t.Helper()
	text, err := os.ReadFile(b.archive)
	if err != nil {
		t.Fatal(err)
	}
	all := readTar(t, bytes.NewReader(text), path.Base)
	var top, index struct{ Manifests []descriptor }
	if err := json.Unmarshal(all["index.json"], &top); err != nil || len(top.Manifests) != 1 || top.Manifests[0].Digest != b.digest {
		t.Fatalf("got the index %s (%v), want %s", all["index.json"], err, b.digest)
	}
	all.decode(t, top.Manifests[0], &index)
	var found []string
	for _, d := range index.Manifests {
		found = append(found, d.Platform.OS+"/"+d.Platform.Architecture)
		checkOne(t, all, d, b)
	}
	if slices.Sort(found); !slices.Equal(found, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("got images for %q", found)
	}
}

func checkOne(t *testing.T, all blobs, d descriptor, b build) {
	t.Helper()
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	var config struct {
		Created          time.Time
		OS, Architecture string
		Config           struct{ User string }
	}
	all.decode(t, d, &manifest)
	all.decode(t, manifest.Config, &config)
	if config.Architecture != d.Platform.Architecture || config.Config.User != "65532:65532" || !config.Created.Equal(time.Unix(date, 0)) {
		t.Errorf("the image for %s is %s", d.Platform.Architecture, all[manifest.Config.Digest[len("sha256:"):]])
	}
	files := blobs{}
	for _, l := range manifest.Layers {
		unpacked, err := gzip.NewReader(bytes.NewReader(all[l.Digest[len("sha256:"):]]))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(files, readTar(t, unpacked, func(name string) string { return name }))
	}
	program, err := os.ReadFile(path.Join(b.dir, d.Platform.Architecture, "darkmap"))
	if err != nil || !bytes.Equal(files["darkmap"], program) {
		t.Errorf("the image for %s holds another program than make image built (%v)", d.Platform.Architecture, err)
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"darkmap", "etc/group", "etc/passwd"}) {
		t.Errorf("the image for %s holds %q", d.Platform.Architecture, got)
	}
}
