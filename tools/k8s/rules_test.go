package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	chartDir = "../../deploy/chart"
	k8sDir   = "../../deploy/k8s"
)

// defaults returns the objects of the chart with its own values.
func defaults(t *testing.T) []object {
	t.Helper()
	all, err := renderChart(chartDir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// find returns the object of a kind and name.
func find(t *testing.T, all []object, kind, name string) object {
	t.Helper()
	i := slices.IndexFunc(all, func(o object) bool { return o.kind() == kind && o.name() == name })
	if i < 0 {
		t.Fatalf("there is no %s %s", kind, name)
	}
	return all[i]
}

// TestRules: the rules hold for the base and for the overlays.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, f := range broken(defaults(t), slices.Concat(rules, baseRules)) {
		t.Errorf("chart: %s", f)
	}
	for _, name := range []string{"base", "overlays/single", "overlays/cluster"} {
		text, err := buildOverlay(filepath.Join(k8sDir, name))
		if err != nil {
			t.Fatal(err)
		}
		all, err := readObjects(text)
		if err != nil {
			t.Fatal(err)
		}
		want := rules
		if name == "base" {
			want = slices.Concat(rules, baseRules)
		}
		for _, f := range broken(all, want) {
			t.Errorf("%s: %s", name, f)
		}
	}
}

// TestRulesBroken: each rule finds the change that breaks it, and no other rule does.
func TestRulesBroken(t *testing.T) {
	t.Parallel()
	pod := func(all []object, kind, name string) object { return asObject(find(t, all, kind, name).pod()["spec"]) }
	container := func(all []object, kind, name string) object { return pod(all, kind, name).containers()[0] }
	const set, deployment = "StatefulSet", "Deployment"
	fixtures := map[string][]func(all []object) []object{
		"images have a version": {
			func(all []object) []object {
				container(all, set, "darkmap-sink")["image"] = "darkmap:latest"
				return all
			},
			func(all []object) []object {
				container(all, set, "darkmap-sink")["image"] = "host:5000/darkmap"
				return all
			},
		},
		"requests and limits": {func(all []object) []object {
			delete(asObject(at(container(all, set, "darkmap-sink"), "resources", "requests")), "cpu")
			return all
		}},
		"GOMEMLIMIT is 75 to 90 % of the limit": {
			func(all []object) []object {
				setEnv(container(all, set, "darkmap-detect"), "GOMEMLIMIT", "3072MiB")
				return all
			},
			func(all []object) []object {
				setEnv(container(all, set, "darkmap-detect"), "GOMEMLIMIT", "1024MiB")
				return all
			},
			func(all []object) []object {
				setEnv(container(all, set, "darkmap-detect"), "GOMEMLIMIT", "")
				return all
			},
		},
		"GOMAXPROCS follows the request": {func(all []object) []object {
			c := container(all, set, "darkmap-sink")
			c["env"] = c["env"].([]any)[:2]
			return all
		}},
		"restricted": {
			func(all []object) []object {
				asObject(pod(all, set, "darkmap-sink")["securityContext"])["runAsUser"] = 0
				return all
			},
			func(all []object) []object {
				asObject(container(all, set, "darkmap-sink")["securityContext"])["readOnlyRootFilesystem"] = false
				return all
			},
			func(all []object) []object {
				asObject(at(container(all, set, "darkmap-sink"), "securityContext", "capabilities"))["drop"] = []any{}
				return all
			},
			func(all []object) []object { pod(all, set, "darkmap-sink")["hostNetwork"] = true; return all },
		},
		"no token, no service links": {
			func(all []object) []object {
				delete(pod(all, set, "darkmap-sink"), "automountServiceAccountToken")
				return all
			},
			func(all []object) []object { pod(all, set, "darkmap-sink")["enableServiceLinks"] = true; return all },
		},
		"no hostPath": {func(all []object) []object {
			s := pod(all, set, "darkmap-sink")
			s["volumes"] = append(s["volumes"].([]any), map[string]any{"name": "host", "hostPath": map[string]any{"path": "/"}})
			return all
		}},
		"grace is longer than the drain": {
			func(all []object) []object {
				pod(all, set, "darkmap-sink")["terminationGracePeriodSeconds"] = 24
				return all
			},
			func(all []object) []object {
				pod(all, deployment, "darkmap-serve")["terminationGracePeriodSeconds"] = 29
				return all
			},
		},
		"probes": {
			func(all []object) []object { delete(container(all, set, "darkmap-detect"), "startupProbe"); return all },
			func(all []object) []object {
				asObject(at(container(all, set, "darkmap-detect"), "readinessProbe", "httpGet"))["path"] = "/livez"
				return all
			},
			func(all []object) []object {
				asObject(at(container(all, set, "darkmap-detect"), "livenessProbe", "httpGet"))["port"] = "metrics"
				return all
			},
		},
		"a pod behind a Service that is not headless sleeps before it ends": {func(all []object) []object {
			delete(container(all, deployment, "darkmap-serve"), "lifecycle")
			return all
		}},
		"budgets": {
			func(all []object) []object {
				return slices.DeleteFunc(all, func(o object) bool { return o.kind() == "PodDisruptionBudget" && o.name() == "darkmap-detect" })
			},
			func(all []object) []object {
				asObject(find(t, all, "PodDisruptionBudget", "darkmap-detect")["spec"])["maxUnavailable"] = 0
				return all
			},
		},
		"spread": {
			func(all []object) []object {
				delete(pod(all, set, "darkmap-sink"), "topologySpreadConstraints")
				return all
			},
			func(all []object) []object { delete(pod(all, set, "darkmap-detect"), "affinity"); return all },
		},
		"members are named by their pods": {func(all []object) []object {
			c := container(all, set, "darkmap-enrich")
			c["args"] = slices.DeleteFunc(slices.Clone(c["args"].([]any)), func(a any) bool { return strings.HasPrefix(text(a), "--instance") })
			return all
		}},
		"a Deployment has no member of a group": {func(all []object) []object {
			c := container(all, deployment, "darkmap-serve")
			c["args"] = append(c["args"].([]any), "--instance=0")
			return all
		}},
		"selectors match one workload": {func(all []object) []object {
			asObject(at(find(t, all, "Service", "darkmap-sink"), "spec", "selector"))["app.kubernetes.io/component"] = "sinks"
			return all
		}},
		"ports exist": {
			func(all []object) []object {
				objects(at(find(t, all, "Service", "darkmap-sink"), "spec", "ports"))[0]["targetPort"] = "metrics"
				return all
			},
			func(all []object) []object {
				return slices.DeleteFunc(all, func(o object) bool { return o.kind() == "Service" && o.name() == "darkmap-sink" })
			},
		},
		"mounts exist": {func(all []object) []object {
			s := pod(all, set, "darkmap-sink")
			s["volumes"] = s["volumes"].([]any)[1:]
			return all
		}},
		"no secret in an environment variable of darkmap": {func(all []object) []object {
			c := container(all, set, "darkmap-sink")
			c["env"] = append(c["env"].([]any), map[string]any{"name": "X", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "a", "key": "b"}}})
			return all
		}},
		"no namespace": {func(all []object) []object {
			asObject(find(t, all, "Service", "darkmap-sink")["metadata"])["namespace"] = "darkmap"
			return all
		}},
		"no secrets": {func(all []object) []object {
			return append(all, object{"kind": "Secret", "metadata": map[string]any{"name": "x"}})
		}},
	}
	both := slices.Concat(rules, baseRules)
	for _, r := range both {
		if len(fixtures[r.name]) == 0 {
			t.Errorf("%s: no fixture breaks it", r.name)
		}
		for i, spoil := range fixtures[r.name] {
			faults := broken(spoil(defaults(t)), both)
			if len(faults) == 0 {
				t.Errorf("%s: fixture %d passes", r.name, i)
			}
			for _, f := range faults {
				if !strings.HasPrefix(f, r.name+": ") {
					t.Errorf("%s: fixture %d breaks another rule: %s", r.name, i, f)
				}
			}
		}
	}
	if len(fixtures) != len(both) {
		t.Errorf("there are %d rules and fixtures of %d", len(both), len(fixtures))
	}
}

func setEnv(c object, name, value string) {
	for _, e := range objects(c["env"]) {
		if e["name"] == name {
			e["value"] = value
			return
		}
	}
	panic(fmt.Sprintf("there is no variable %s", name))
}
