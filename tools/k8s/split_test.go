package main

import (
	"slices"
	"testing"
)

// TestSplit: with components.detect.split there is a detector for each address family, with its own
// pods, Service and budget. The rules hold, and the network policies apply to both.
func TestSplit(t *testing.T) {
	t.Parallel()
	all, err := renderChart(chartDir, map[string]any{"components": map[string]any{"detect": map[string]any{"split": true}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range broken(all, slices.Concat(rules, baseRules)) {
		t.Error(f)
	}
	var got []string
	for _, o := range all {
		if o.kind() == "StatefulSet" && o.component() == "detect" {
			got = append(got, o.name())
		}
	}
	if want := []string{"darkmap-detect-ipv4", "darkmap-detect-ipv6"}; !slices.Equal(got, want) {
		t.Fatalf("got the detectors %q, want %q", got, want)
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		name := "darkmap-detect-" + family
		set := find(t, all, "StatefulSet", name)
		find(t, all, "Service", name)
		find(t, all, "PodDisruptionBudget", name)
		args, _ := at(asObject(at(set.pod(), "spec")).containers()[0], "args").([]any)
		if !slices.Contains(args, any("--set=detect.families="+family)) {
			t.Errorf("%s has the arguments %q", name, args)
		}
	}
	for _, o := range all {
		if o.kind() != "NetworkPolicy" {
			continue
		}
		of := workloads(all, at(o, "spec", "podSelector", "matchLabels"))
		four := slices.ContainsFunc(of, func(w object) bool { return w.name() == got[0] })
		six := slices.ContainsFunc(of, func(w object) bool { return w.name() == got[1] })
		if four != six {
			t.Errorf("%s applies to one of the two detectors", o)
		}
	}
}
