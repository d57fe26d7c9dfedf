package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rule is a rule for all objects that are deployed together. check returns the faults.
type rule struct {
	name  string
	check func(all []object) []string
}

// drainSeconds is the default of the configuration key drain. A stage that has not stopped after
// twice that time is given up.
const drainSeconds = 10

// graceSpare is the number of seconds in a pod's grace period beyond its preStop and its drain.
const graceSpare = 5

// writableRoot are containers of other projects whose root cannot be read-only, with the reason.
var writableRoot = map[string]string{
	"kafka": "its start-up script writes the configuration to /opt/kafka/config",
}

// rules are the rules for all rendered objects: the base, the overlays and the chart.
var rules = []rule{
	{"images have a version", eachContainer(func(_, c object) []string {
		image := text(c["image"])
		_, after, _ := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
		if strings.Contains(image, "@sha256:") || after != "" && after != "latest" {
			return nil
		}
		return []string{fmt.Sprintf("image %q has no version", image)}
	})},
	{"requests and limits", eachContainer(func(_, c object) (faults []string) {
		r := c["resources"]
		for _, want := range [][]string{{"requests", "cpu"}, {"requests", "memory"}, {"limits", "memory"}} {
			if text(at(r, want...)) == "" {
				faults = append(faults, "has no "+strings.Join(want, "."))
			}
		}
		return faults
	})},
	{"GOMEMLIMIT is 75 to 90 % of the limit", eachOurs(func(_, c object) []string {
		limit, ok := quantity(text(at(c, "resources", "limits", "memory")))
		soft, ok2 := quantity(strings.TrimSuffix(env(c, "GOMEMLIMIT"), "B"))
		if !ok || !ok2 || soft*100 < limit*75 || soft*100 > limit*90 {
			return []string{fmt.Sprintf("GOMEMLIMIT %q with a limit of %q",
				env(c, "GOMEMLIMIT"), text(at(c, "resources", "limits", "memory")))}
		}
		return nil
	})},
	{"GOMAXPROCS follows the request", eachOurs(func(_, c object) []string {
		for _, e := range objects(c["env"]) {
			if e["name"] == "GOMAXPROCS" &&
				text(at(e, "valueFrom", "resourceFieldRef", "resource")) == "requests.cpu" {
				return nil
			}
		}
		return []string{"GOMAXPROCS does not come from requests.cpu"}
	})},
	{"restricted", eachPod(func(o, pod object) (faults []string) {
		spec := pod["spec"]
		s := at(spec, "securityContext")
		if at(s, "runAsNonRoot") != true || at(s, "seccompProfile", "type") != "RuntimeDefault" {
			faults = append(faults, "does not say runAsNonRoot and the seccomp profile RuntimeDefault")
		}
		if isOurs(o) && at(s, "runAsUser") != 65532 {
			faults = append(faults, fmt.Sprintf("runs as %v, not as 65532", at(s, "runAsUser")))
		}
		for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
			if at(spec, key) != nil {
				faults = append(faults, "has "+key)
			}
		}
		for _, c := range asObject(spec).containers() {
			s := at(c, "securityContext")
			if at(s, "allowPrivilegeEscalation") != false ||
				!slices.Equal(texts(at(s, "capabilities", "drop")), []string{"ALL"}) ||
				at(s, "capabilities", "add") != nil || at(s, "privileged") != nil {
				faults = append(faults, text(c["name"])+": may gain privileges, or keeps capabilities")
			}
			if _, excused := writableRoot[text(c["name"])]; at(s, "readOnlyRootFilesystem") != true &&
				!excused {
				faults = append(faults, text(c["name"])+": its root can be written to")
			}
		}
		return faults
	})},
	{"no token, no service links", eachPod(func(_, pod object) (faults []string) {
		for _, key := range []string{"automountServiceAccountToken", "enableServiceLinks"} {
			if at(pod, "spec", key) != false {
				faults = append(faults, key+" is not false")
			}
		}
		return faults
	})},
	{"no hostPath", eachPod(func(_, pod object) (faults []string) {
		for _, v := range objects(at(pod, "spec", "volumes")) {
			if v["hostPath"] != nil {
				faults = append(faults, "volume "+text(v["name"])+" is a hostPath")
			}
		}
		return faults
	})},
	{"grace is longer than the drain", eachPod(func(o, pod object) []string {
		if !isOurs(o) {
			return nil
		}
		grace, _ := number(at(pod, "spec", "terminationGracePeriodSeconds"))
		sleep := 0
		for _, c := range asObject(pod["spec"]).containers() {
			if n, ok := number(at(c, "lifecycle", "preStop", "sleep", "seconds")); ok {
				sleep = max(sleep, n)
			}
		}
		if want := sleep + 2*drainSeconds + graceSpare; grace < want {
			return []string{fmt.Sprintf("the grace period is %d s, want at least %d", grace, want)}
		}
		return nil
	})},
	{"probes", eachContainer(probes)},
	{"a pod behind a Service that is not headless sleeps before it ends", preStops},
	{"budgets", budgets},
	{"spread", eachPod(func(o, pod object) (faults []string) {
		if !isOurs(o) || o.kind() == "Job" {
			return nil
		}
		var keys []string
		for _, c := range objects(at(pod, "spec", "topologySpreadConstraints")) {
			keys = append(keys, text(c["topologyKey"]))
		}
		if !slices.Equal(keys, []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"}) {
			faults = append(faults, fmt.Sprintf("spreads over %q, want zones and nodes", keys))
		}
		if slices.Contains([]string{"detect", "notify"}, o.component()) {
			terms := objects(at(pod, "spec", "affinity", "podAntiAffinity",
				"requiredDuringSchedulingIgnoredDuringExecution"))
			if len(terms) != 1 || terms[0]["topologyKey"] != "kubernetes.io/hostname" {
				faults = append(faults, "the active member and the one that stands by may be on one node")
			}
		}
		return faults
	})},
	{"members are named by their pods", eachPod(func(o, pod object) []string {
		if !isOurs(o) || o.kind() != "StatefulSet" {
			return nil
		}
		c := asObject(pod["spec"]).containers()[0]
		if !slices.Contains(texts(c["args"]), "--instance=$(POD_NAME)") ||
			!fieldRef(c, "POD_NAME", "metadata.name") || at(o, "spec", "podManagementPolicy") != "Parallel" {
			return []string{"its members are not named by their pods, or it is not Parallel"}
		}
		return nil
	})},
	{"a Deployment has no member of a group", eachPod(func(o, pod object) []string {
		for _, c := range asObject(pod["spec"]).containers() {
			if o.kind() == "Deployment" && slices.ContainsFunc(texts(c["args"]), func(a string) bool {
				return strings.HasPrefix(a, "--instance")
			}) {
				return []string{"two pods of a Deployment can have one name"}
			}
		}
		return nil
	})},
	{"selectors match one workload", selectors},
	{"ports exist", ports},
	{"mounts exist", eachPod(func(_, pod object) (faults []string) {
		names := map[string]bool{}
		for _, v := range objects(at(pod, "spec", "volumes")) {
			names[text(v["name"])] = true
		}
		for _, c := range asObject(pod["spec"]).containers() {
			for _, m := range objects(c["volumeMounts"]) {
				// data is a claim of the StatefulSet.
				if name := text(m["name"]); !names[name] && name != "data" {
					faults = append(faults, "there is no volume "+name)
				}
			}
		}
		return faults
	})},
	{"no secret in an environment variable of darkmap", eachOurs(func(_, c object) (faults []string) {
		for _, e := range objects(c["env"]) {
			if at(e, "valueFrom", "secretKeyRef") != nil {
				faults = append(faults, text(e["name"])+" is a secret: mount it as a file")
			}
		}
		return faults
	})},
}

// baseRules are the rules for the base alone.
var baseRules = []rule{
	{"no namespace", func(all []object) (faults []string) {
		for _, o := range all {
			if at(o, "metadata", "namespace") != nil || o.kind() == "Namespace" {
				faults = append(faults, fmt.Sprintf("%s: names a namespace", o))
			}
		}
		return faults
	}},
	{"no secrets", func(all []object) (faults []string) {
		for _, o := range all {
			if o.kind() == "Secret" {
				faults = append(faults, fmt.Sprintf("%s: holds a secret", o))
			}
		}
		return faults
	}},
}

// broken returns the faults of objects under rules.
func broken(all []object, rules []rule) []string {
	var faults []string
	for _, r := range rules {
		for _, f := range r.check(all) {
			faults = append(faults, r.name+": "+f)
		}
	}
	return faults
}

func isOurs(o object) bool {
	return text(at(o, "metadata", "labels", "app.kubernetes.io/name")) == "darkmap"
}

// eachPod returns a check of the pods of each workload.
func eachPod(check func(o, pod object) []string) func([]object) []string {
	return func(all []object) (faults []string) {
		for _, o := range all {
			if pod := o.pod(); pod != nil {
				for _, f := range check(o, pod) {
					faults = append(faults, fmt.Sprintf("%s: %s", o, f))
				}
			}
		}
		return faults
	}
}

// eachContainer returns a check of each container of each workload.
func eachContainer(check func(o, c object) []string) func([]object) []string {
	return eachPod(func(o, pod object) (faults []string) {
		for _, c := range asObject(pod["spec"]).containers() {
			faults = append(faults, check(o, c)...)
		}
		return faults
	})
}

// eachOurs returns a check of each container of darkmap's workloads.
func eachOurs(check func(o, c object) []string) func([]object) []string {
	return eachContainer(func(o, c object) []string {
		if !isOurs(o) {
			return nil
		}
		return check(o, c)
	})
}

func env(c object, name string) string {
	for _, e := range objects(c["env"]) {
		if e["name"] == name {
			return text(e["value"])
		}
	}
	return ""
}

func fieldRef(c object, name, path string) bool {
	for _, e := range objects(c["env"]) {
		if e["name"] == name && text(at(e, "valueFrom", "fieldRef", "fieldPath")) == path {
			return true
		}
	}
	return false
}

// quantity reads sizes of Kubernetes and of Go, such as 1638Mi; ok is false if text is none.
func quantity(text string) (octets int64, ok bool) {
	m := regexp.MustCompile(`^(\d+)(Ki|Mi|Gi)$`).FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n << map[string]int{"Ki": 10, "Mi": 20, "Gi": 30}[m[2]], err == nil
}

// probes checks that each container of a workload other than a Job has three probes, on ports that
// it has. The probes of a stage use its admin server.
func probes(o, c object) (faults []string) {
	if o.kind() == "Job" {
		return nil
	}
	paths := map[string]string{
		"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz",
	}
	for _, kind := range slices.Sorted(maps.Keys(paths)) {
		p := at(c, kind)
		port := at(p, "httpGet", "port")
		if port == nil {
			port = at(p, "tcpSocket", "port")
		}
		switch {
		case p == nil:
			faults = append(faults, "has no "+kind)
		case !hasPort(c, text(port)):
			faults = append(faults, fmt.Sprintf("%s asks port %v, which it does not have", kind, port))
		case isOurs(o) && at(p, "httpGet", "path") != paths[kind]:
			faults = append(faults, fmt.Sprintf("%s asks for %v, want %s",
				kind, at(p, "httpGet", "path"), paths[kind]))
		}
	}
	return faults
}

func hasPort(c object, name string) bool {
	return slices.ContainsFunc(objects(c["ports"]), func(p object) bool { return p["name"] == name })
}

// matches reports whether the pods of a workload have all labels of an equality selector. An empty
// selector matches none.
func matches(selector any, o object) bool {
	want := asObject(selector)
	labels := at(o.pod(), "metadata", "labels")
	for k, v := range want {
		if at(labels, k) != v {
			return false
		}
	}
	return len(want) > 0
}

// workloads returns the objects whose pods a selector matches.
func workloads(all []object, selector any) []object {
	var found []object
	for _, o := range all {
		if o.pod() != nil && matches(selector, o) {
			found = append(found, o)
		}
	}
	return found
}

// selectors checks that each selector of a workload, Service or budget matches the pods of one
// workload.
func selectors(all []object) (faults []string) {
	for _, o := range all {
		selector := at(o, "spec", "selector", "matchLabels")
		switch o.kind() {
		case "Service":
			selector = at(o, "spec", "selector")
		case "StatefulSet", "Deployment", "PodDisruptionBudget":
		default:
			continue
		}
		if found := workloads(all, selector); len(found) != 1 {
			faults = append(faults, fmt.Sprintf("%s: its selector takes the pods of %v", o, found))
		}
	}
	return faults
}

// ports checks that the ports of Services are ports of the pods behind them, and that the Service
// of each StatefulSet exists.
func ports(all []object) (faults []string) {
	for _, o := range all {
		if o.kind() == "StatefulSet" && !slices.ContainsFunc(all, func(s object) bool {
			return s.kind() == "Service" && s.name() == text(at(o, "spec", "serviceName"))
		}) {
			faults = append(faults,
				fmt.Sprintf("%s: there is no Service %v", o, at(o, "spec", "serviceName")))
		}
		if o.kind() != "Service" {
			continue
		}
		for _, w := range workloads(all, at(o, "spec", "selector")) {
			for _, p := range objects(at(o, "spec", "ports")) {
				if !slices.ContainsFunc(asObject(w.pod()["spec"]).containers(), func(c object) bool {
					return hasPort(c, text(p["targetPort"]))
				}) {
					faults = append(faults, fmt.Sprintf("%s: %s has no port %v", o, w, p["targetPort"]))
				}
			}
		}
	}
	return faults
}

// budgets checks that each workload other than a Job has one budget, which allows one pod to be
// away at a time.
func budgets(all []object) (faults []string) {
	for _, o := range all {
		if o.pod() == nil || o.kind() == "Job" {
			continue
		}
		found := 0
		for _, b := range all {
			if b.kind() == "PodDisruptionBudget" && matches(at(b, "spec", "selector", "matchLabels"), o) {
				found++
				if at(b, "spec", "maxUnavailable") != 1 {
					faults = append(faults, fmt.Sprintf("%s: maxUnavailable is %v, want 1: a drain must go on",
						b, at(b, "spec", "maxUnavailable")))
				}
			}
		}
		if found != 1 {
			faults = append(faults, fmt.Sprintf("%s: has %d budgets", o, found))
		}
	}
	return faults
}

// preStops checks that pods behind a Service with an address sleep at least 5 seconds before they
// end, because such a Service still sends connections to a pod for a moment after its end has
// begun.
func preStops(all []object) (faults []string) {
	for _, s := range all {
		if s.kind() != "Service" || at(s, "spec", "clusterIP") == "None" {
			continue
		}
		for _, w := range workloads(all, at(s, "spec", "selector")) {
			if s.name() == release+"-bmp" { // a router connects again by itself
				continue
			}
			for _, c := range asObject(w.pod()["spec"]).containers() {
				if n, ok := number(at(c, "lifecycle", "preStop", "sleep", "seconds")); !ok || n < 5 {
					faults = append(faults, fmt.Sprintf("%s: %s ends at once", s, w))
				}
			}
		}
	}
	return faults
}
