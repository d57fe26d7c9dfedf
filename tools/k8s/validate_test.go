package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goyaml "go.yaml.in/yaml/v3"
)

// crds returns the folders of definitions that crds.txt names.
func crds(t *testing.T) []fs.FS {
	t.Helper()
	b, err := os.ReadFile("crds.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []fs.FS
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if len(words) != 2 {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", words[0])
		cmd.Dir = t.TempDir() // no go.mod is read
		out, err := cmd.Output()
		var module struct{ Dir string }
		if jsonErr := json.Unmarshal(out, &module); err != nil || jsonErr != nil {
			if os.Getenv("TEST_INTEGRATION") != "" {
				t.Fatalf("%s: %v %v\n%s", words[0], err, jsonErr, out)
			}
			t.Skipf("%s cannot be fetched: %v", words[0], err)
		}
		all = append(all, os.DirFS(filepath.Join(module.Dir, words[1])))
	}
	if len(all) != 4 {
		t.Fatalf("crds.txt names %d modules", len(all))
	}
	return all
}

// everything has values that switch on all options of the chart.
const everything = `{bmp: {enabled: true, sourceRanges: [198.51.100.0/24]}, ingress: {enabled: true}, httpRoute: {enabled: true}, monitoring: {enabled: true}, keda: {enabled: true},
  externalSecrets: {enabled: true}, networkPolicy: {enabled: true}, kafka: {tls: {enabled: true}, sasl: {enabled: true}}, imagePullSecrets: [{name: registry}], image: {digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
  components: {sink: {extraArgs: [--set=sink.flush_interval=2s, --pprof]}}, nodeSelector: {kubernetes.io/arch: amd64}, tolerations: [{key: a, operator: Exists, effect: NoSchedule}],
  extraVolumes: [{name: pager, secret: {secretName: pager}}], extraVolumeMounts: [{name: pager, mountPath: /run/secrets/darkmap/pager, readOnly: true}]}`

// withEverything returns the objects of the chart with everything.
func withEverything(t *testing.T) []object {
	t.Helper()
	var values map[string]any
	if err := goyaml.Unmarshal([]byte(everything), &values); err != nil {
		t.Fatal(err)
	}
	all, err := renderChart(chartDir, values)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestValid: the validation of the API server accepts the chart with all options, and the overlays.
// Strimzi's kinds are not validated, because no module has their definitions.
func TestValid(t *testing.T) {
	t.Parallel()
	v, err := newValidator(crds(t)...)
	if err != nil {
		t.Fatal(err)
	}
	all := withEverything(t)
	for _, name := range []string{"single", "cluster"} {
		out, err := buildOverlay(filepath.Join(k8sDir, "overlays", name))
		if err != nil {
			t.Fatal(err)
		}
		more, err := readObjects(out)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, more...)
	}
	kinds := map[string]int{}
	for _, o := range all {
		if strings.HasPrefix(text(o["apiVersion"]), "kafka.strimzi.io/") {
			continue
		}
		b, err := marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		kinds[o.kind()]++
		if err := validate(v, b); err != nil {
			t.Error(err)
		}
	}
	for _, kind := range []string{"StatefulSet", "Deployment", "Job", "NetworkPolicy", "PodMonitor", "PrometheusRule", "ScaledObject", "ExternalSecret", "HTTPRoute", "Ingress"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s was validated", kind)
		}
	}
	for kind, field := range map[string]string{"PodMonitor": "podMetricsEndpoints", "ScaledObject": "triggers", "ExternalSecret": "refreshInterval", "HTTPRoute": "hostnames"} {
		i := slices.IndexFunc(all, func(o object) bool { return o.kind() == kind })
		spec := asObject(all[i]["spec"])
		spec[field+"s"] = spec[field]
		delete(spec, field)
		b, err := marshal(all[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(v, b); err == nil {
			t.Errorf("%s with a misspelt %s: it passes", kind, field)
		}
	}
}

// TestMisspelt: a misspelt key and a wrong type are refused, also in the output of kustomize.
// (Quantities are not checked.)
func TestMisspelt(t *testing.T) {
	t.Parallel()
	v, err := newValidator()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(k8sDir, "base/sink/statefulset.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	if err := validate(v, b); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"readinessProbe:": "readynessProbe:", "minReadySeconds: 10": "minReadySeconds: ten", "serviceName: darkmap-sink": "serviceNames: darkmap-sink",
	} {
		if !strings.Contains(good, from) {
			t.Fatalf("the fixture has no %q", from)
		}
		if err := validate(v, []byte(strings.Replace(good, from, to, 1))); err == nil {
			t.Errorf("%s: it passes", to)
		}
	}
	out, err := buildOverlay(beside(t, "resources: [../base/sink]\npatches: [{target: {kind: StatefulSet}, patch: '[{\"op\": \"add\", \"path\": \"/spec/replica\", \"value\": 3}]'}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(v, out); err == nil || !strings.Contains(err.Error(), "replica") {
		t.Errorf("an overlay with a misspelt key: got %v", err)
	}
}

// TestOptions: each option of the chart has its effect.
func TestOptions(t *testing.T) {
	t.Parallel()
	all := withEverything(t)
	for _, f := range broken(all, rules) {
		t.Error(f)
	}
	sink := asObject(find(t, all, "StatefulSet", "darkmap-sink").pod()["spec"])
	c := sink.containers()[0]
	if args := texts(c["args"]); !slices.Contains(args, "--set=sink.flush_interval=2s") || !slices.Contains(args, "--pprof") || !strings.HasPrefix(text(c["image"]), "darkmap@sha256:") {
		t.Errorf("got the image %v and the arguments %q", c["image"], args)
	}
	if at(sink, "nodeSelector", "kubernetes.io/arch") != "amd64" || len(objects(sink["tolerations"])) != 1 || len(objects(sink["imagePullSecrets"])) != 1 {
		t.Errorf("got %v", sink)
	}
	bmp := find(t, all, "Service", "darkmap-bmp")
	if at(bmp, "spec", "externalTrafficPolicy") != "Local" || len(texts(at(bmp, "spec", "loadBalancerSourceRanges"))) != 1 || at(bmp, "spec", "ipFamilyPolicy") != "PreferDualStack" {
		t.Errorf("got %v", bmp)
	}
	annotations := at(find(t, all, "Ingress", "darkmap-serve"), "metadata", "annotations")
	if at(annotations, "nginx.ingress.kubernetes.io/proxy-buffering") != "off" || at(annotations, "nginx.ingress.kubernetes.io/proxy-read-timeout") != "3600" {
		t.Errorf("a stream through the Ingress: got %v", annotations)
	}
	if at(objects(at(find(t, all, "HTTPRoute", "darkmap-serve"), "spec", "rules"))[0], "timeouts", "request") != "0s" {
		t.Error("a stream through the HTTPRoute ends")
	}
	rules := objects(at(objects(at(find(t, all, "PrometheusRule", "darkmap"), "spec", "groups"))[0], "rules"))
	if len(rules) < 12 {
		t.Errorf("got %d alerts", len(rules))
	}
	partitions := at(find(t, all, "ConfigMap", configMapName), "data", "darkmap.yaml")
	if !strings.Contains(partitions.(string), "partitions: 4") {
		t.Fatalf("got the configuration %v", partitions)
	}
	for _, stage := range []string{"enrich", "sink"} {
		o := find(t, all, "ScaledObject", "darkmap-"+stage)
		if n, _ := number(at(o, "spec", "maxReplicaCount")); n != 4 {
			t.Errorf("%s: up to %d members, and four partitions", o, n)
		}
	}
}
