package controlplane

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	namespace = "darkmap"
	workloads = "statefulsets,deployments"
)

// TestDeploy applies each overlay to an empty cluster, upgrades it, and drains each node.
func TestDeploy(t *testing.T) {
	for _, name := range []string{"cluster", "single"} {
		t.Run(name, func(t *testing.T) {
			overlay := filepath.Join("..", "..", "deploy", "k8s", "overlays", name)
			p := newPlane(t)
			p.defineKinds(t)
			_ = t.Run("dry run", func(t *testing.T) { checkDryRun(t, p, overlay) }) &&
				t.Run("apply", func(t *testing.T) { checkApply(t, p, overlay) }) &&
				t.Run("upgrade", func(t *testing.T) { checkUpgrade(t, p, overlay) }) &&
				t.Run("drain", func(t *testing.T) { checkDrain(t, p) })
		})
	}
}

// checkDryRun: the API server accepts all objects of an overlay and warns of none. It refuses or
// warns of objects with a fault, so the check finds faults.
func checkDryRun(t *testing.T, p *plane, overlay string) {
	p.kubectl(t, "", "create", "-f", filepath.Join(overlay, "namespace.yaml"))
	defer p.kubectl(t, "", "delete", "namespace", namespace, "--timeout=120s")
	dry := []string{"apply", "--server-side", "--dry-run=server", "-f", "-"}
	text := p.kubectl(t, "", "kustomize", overlay)
	p.kubectl(t, text, dry...)
	for what, change := range map[string][2]string{
		"a misspelt field":    {"minReadySeconds:", "minReadySecond:"},
		"a wrong type":        {"terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: long"},
		"root":                {"runAsNonRoot: true", "runAsNonRoot: false"},
		"an impossible limit": {"memory: 3Gi", "memory: 3Gb"},
		"another's namespace": {"  namespace: darkmap\n", "  namespace: missing\n"},
		"a removed version":   {"apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n"},
	} {
		bad := strings.Replace(text, change[0], change[1], 1)
		if bad == text {
			t.Fatalf("%s: the overlay does not contain %q", what, change[0])
		}
		if _, err := p.try(t, bad, dry...); err == nil {
			t.Errorf("%s: the API server neither refuses it nor warns", what)
		}
	}
}

// checkApply: all pods become ready and the Jobs complete within a minute. detect's pods are on
// different nodes and, if there are several, in different zones. No pod failed to be made or
// placed.
func checkApply(t *testing.T, p *plane, overlay string) {
	p.kubectl(t, "", "apply", "-k", overlay)
	p.kubectl(t, "", "wait", "-n", namespace, "--for=condition=complete", "--timeout=60s", "job", "--all")
	p.allReady(t, 3*time.Minute)
	for _, stage := range []string{"detect", "notify"} {
		nodes, zones := map[string]bool{}, map[string]bool{}
		pods := p.list(t, "pods", "-l", "app.kubernetes.io/component="+stage)
		for _, pod := range pods {
			nodes[pod.Spec.NodeName] = true
			zones[p.zone(t, pod.Spec.NodeName)] = true
		}
		if len(pods) == 0 || len(nodes) != len(pods) || len(zones) != len(pods) {
			t.Errorf("%s: %d pods are on %d nodes in %d zones", stage, len(pods), len(nodes), len(zones))
		}
	}
	if f := p.failures(t, namespace); len(f) > 0 {
		t.Errorf("pods failed:\n%s", strings.Join(f, "\n"))
	}
	if filepath.Base(overlay) == "cluster" {
		checkNoPlace(t, p)
	}
}

// checkNoPlace: a seventh pod of detect has no node, and the check of failures finds that.
func checkNoPlace(t *testing.T, p *plane) {
	t.Helper()
	p.kubectl(t, "", "scale", "-n", namespace, "statefulset/darkmap-detect", "--replicas=7")
	within(t, time.Minute, "a pod without a place is noticed", func() bool { return len(p.failures(t, namespace)) > 0 })
	p.kubectl(t, "", "scale", "-n", namespace, "statefulset/darkmap-detect", "--replicas=2")
	p.kubectl(t, "", "delete", "events", "-n", namespace, "--all")
	p.allReady(t, 3*time.Minute)
}

func (p *plane) zone(t *testing.T, node string) string {
	t.Helper()
	return p.kubectl(t, "", "get", "node", node, "-o", `jsonpath={.metadata.labels.topology\.kubernetes\.io/zone}`)
}

// allReady waits until each workload has all its pods, and each is ready.
func (p *plane) allReady(t *testing.T, limit time.Duration) {
	t.Helper()
	within(t, limit, "all pods are ready", func() bool {
		all := p.list(t, workloads)
		return len(all) > 5 && !slices.ContainsFunc(all, func(o object) bool {
			return o.Spec.Replicas == nil || o.Status.ReadyReplicas != *o.Spec.Replicas
		})
	})
}

// checkUpgrade: the documented script installs the same version again and changes nothing, and then
// the next version: no object is refused, deleted or made anew but for the Jobs, and only what
// contains the version changes. A changed selector stops the script.
func checkUpgrade(t *testing.T, p *plane, overlay string) {
	const kinds = "statefulsets,deployments,services,poddisruptionbudgets,networkpolicies,serviceaccounts,configmaps"
	before := p.list(t, kinds)
	if err := p.upgrade(t, overlay); err != nil {
		t.Fatal(err)
	}
	compare(t, "the same version", before, p.list(t, kinds), 0)
	next := nextVersion(t, filepath.Base(overlay))
	if err := p.upgrade(t, next); err != nil {
		t.Fatal(err)
	}
	compare(t, "the next version", before, p.list(t, kinds), 1)
	if f := p.failures(t, namespace); len(f) > 0 {
		t.Errorf("pods failed:\n%s", strings.Join(f, "\n"))
	}
	change(t, filepath.Join(next, "..", "..", "base", "sink", "statefulset.yaml"), "    matchLabels:\n", "    matchLabels:\n      other: label\n")
	if err := p.upgrade(t, next); err == nil {
		t.Error("the script does not stop at a selector that cannot change")
	}
}

// compare checks that the objects before are still there, and that darkmap's workloads have a
// generation that is higher by raised; all other objects have the same.
func compare(t *testing.T, what string, before, after []object, raised int64) {
	t.Helper()
	for _, o := range before {
		i := slices.IndexFunc(after, func(a object) bool { return a.String() == o.String() })
		switch {
		case i < 0:
			t.Errorf("%s: %s was deleted", what, o)
			continue
		case after[i].Metadata.UID != o.Metadata.UID:
			t.Errorf("%s: %s was made anew", what, o)
		}
		want := o.Metadata.Generation
		if o.Metadata.Labels["app.kubernetes.io/name"] == "darkmap" && (o.Kind == "StatefulSet" || o.Kind == "Deployment") {
			want += raised
		}
		if got := after[i].Metadata.Generation; got != want {
			t.Errorf("%s: %s has the generation %d, want %d", what, o, got, want)
		}
	}
}

// upgrade runs the script of docs/operations.md.
func (p *plane) upgrade(t *testing.T, overlay string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../deploy/k8s/upgrade", overlay, namespace)
	cmd.Env = p.env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("upgrading: %w\n%s", err, out)
	}
	if strings.Contains(string(out), "Warning:") {
		return fmt.Errorf("upgrading: warnings\n%s", out)
	}
	return nil
}

// nextVersion returns an overlay of a copy of deploy that names another version.
func nextVersion(t *testing.T, overlay string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"k8s", "strimzi"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join("../../deploy", name))); err != nil {
			t.Fatal(err)
		}
	}
	changed := 0
	err := filepath.WalkDir(filepath.Join(dir, "k8s", "base"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), "0.1.0") {
			return err
		}
		changed++
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(b), "0.1.0", "0.2.0")), 0o600)
	})
	if err != nil || changed == 0 {
		t.Fatalf("no file names the version (%v)", err)
	}
	return filepath.Join(dir, "k8s", "overlays", overlay)
}

// change replaces a text in a file.
func change(t *testing.T, path, old, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s does not contain %q", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, text, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
