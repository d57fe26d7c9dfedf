package datatest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"
)

// StrictYAML decodes a file into v. A key that v does not have is an error.
func StrictYAML(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path) //nolint:gosec // a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

var metricRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\| ([^|]*) \\|")

// Metrics returns the types and the labels of all metrics by name, as docs/metrics.md has them. That
// page is generated from the code.
func Metrics(t testing.TB) (types, labels map[string]string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(Root(t), "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	types, labels = map[string]string{}, map[string]string{}
	for _, m := range metricRow.FindAllStringSubmatch(string(page), -1) {
		types[m[1]], labels[m[1]] = m[2], m[3]
	}
	return types, labels
}
