package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	goyaml "go.yaml.in/yaml/v3"
)

// TestRendered: deploy/k8s equals the rendered chart, and holds no other file.
func TestRendered(t *testing.T) {
	t.Parallel()
	files, err := generated(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(k8sDir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("deploy/k8s/%s is not what the chart says (%v): run make manifests", name, err)
		}
	}
	there, err := existing(k8sDir)
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(maps.Keys(files)); !slices.Equal(slices.Sorted(slices.Values(there)), want) {
		t.Errorf("got the files %q, want %q", there, want)
	}
}

// TestSecure: the components tls and sasl, which are written by hand, have the effect of the
// chart's values.
func TestSecure(t *testing.T) {
	t.Parallel()
	want, err := renderChart(chartDir, map[string]any{"kafka": map[string]any{"tls": map[string]any{"enabled": true}, "sasl": map[string]any{"enabled": true}}})
	if err != nil {
		t.Fatal(err)
	}
	forKustomize(want)
	dir := beside(t, "resources: [../base]\ncomponents: [../components/tls, ../components/sasl]\n")
	out, err := buildOverlay(dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := readObjects(out)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, w := range want {
		if w.pod() == nil {
			continue
		}
		got := find(t, all, w.kind(), w.name())
		compared++
		if g, w := canonical(t, got), canonical(t, w); g != w {
			t.Errorf("%s: with components\n%s\nby values\n%s", got, g, w)
		}
	}
	if compared != 8 {
		t.Errorf("compared %d workloads, want 8", compared)
	}
}

// beside writes a kustomization beside the base, because kustomize loads no absolute paths, and
// removes it after the test.
func beside(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.MkdirTemp(k8sDir, "test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// canonical returns an object as text in which ConfigMaps have no hash in their names.
func canonical(t *testing.T, o object) string {
	t.Helper()
	for _, v := range objects(at(o.pod(), "spec", "volumes")) {
		if c := asObject(v["configMap"]); c != nil {
			c["name"] = configMapName
		}
	}
	b, err := goyaml.Marshal(map[string]any(o))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDeterministic: an overlay is built twice with the same octets.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"single", "cluster"} {
		a, err := buildOverlay(filepath.Join(k8sDir, "overlays", name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := buildOverlay(filepath.Join(k8sDir, "overlays", name))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: built twice, it differs (%v)", name, err)
		}
	}
}

// overlaySingle returns the objects of the overlay single.
func overlaySingle(t *testing.T) []object {
	t.Helper()
	out, err := buildOverlay(filepath.Join(k8sDir, "overlays/single"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := readObjects(out)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSingle: the smallest overlay starts only the stages that it names, and reaches only the
// services that it starts.
func TestSingle(t *testing.T) {
	t.Parallel()
	all := overlaySingle(t)
	var got []string
	for _, o := range all {
		if o.pod() == nil {
			continue
		}
		if n, ok := number(at(o, "spec", "replicas")); ok && n != 1 {
			t.Errorf("%s: %d replicas", o, n)
		}
		got = append(got, strings.TrimPrefix(o.name(), "darkmap-"))
	}
	slices.Sort(got)
	if want := []string{"clickhouse", "detect", "enrich", "ingest", "kafka", "migrate", "notify", "serve", "sink", "topics"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestValues: values that are misspelt, of another type or incomplete are refused.
func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"replicas: 3": "Additional property replicas", "components: {sink: {replica: 3}}": "Additional property replica",
		"components: {sink: {replicas: many}}": "replicas", "components: {sink: {goMemLimit: 80%}}": "goMemLimit", "image: {tag: latest}": "image.tag",
		"config: {kafka: {brokers: []}}": "brokers", "bmp: {enabled: true}": "sourceRanges", "kafka: {sasl: {mechanism: gssapi}}": "mechanism",
	} {
		var values map[string]any
		if err := goyaml.Unmarshal([]byte(text), &values); err != nil {
			t.Fatal(err)
		}
		if _, err := renderChart(chartDir, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error about %s", text, err, want)
		}
	}
}

// TestVersions: the chart accepts versions of Kubernetes with the suffixes of providers.
func TestVersions(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(chartDir, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var chart map[string]any
	if err := goyaml.Unmarshal(b, &chart); err != nil {
		t.Fatal(err)
	}
	if v := text(chart["kubeVersion"]); v != ">="+kubernetesVersion+".0-0" {
		t.Errorf("got kubeVersion %s, want that of the schemas, with -0", v)
	}
	if chart["version"] != chart["appVersion"] {
		t.Errorf("got versions %v and %v: the chart is released with the program", chart["version"], chart["appVersion"])
	}
}

// TestJobsAreNewOnes: another configuration or version gives Jobs other names. The same ones give
// the same names.
func TestJobsAreNewOnes(t *testing.T) {
	t.Parallel()
	names := func(values map[string]any) (all []string) {
		objects, err := renderChart(chartDir, values)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if o.kind() == "Job" {
				all = append(all, o.name())
			}
		}
		return all
	}
	first := names(nil)
	if len(first) != 2 || !reflect.DeepEqual(first, names(nil)) {
		t.Errorf("got %q and %q", first, names(nil))
	}
	for _, values := range []map[string]any{
		{"image": map[string]any{"tag": "9.9.9"}}, {"config": map[string]any{"drain": "20s"}}, {"kafka": map[string]any{"tls": map[string]any{"enabled": true}}},
	} {
		if reflect.DeepEqual(first, names(values)) {
			t.Errorf("%v: the Jobs have the same names", values)
		}
	}
}
