package controlplane

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// defineKinds makes the kinds of operators known that the overlay cluster uses: those of
// Prometheus' operator from its module, and those of Strimzi without a schema, because no Go module
// has it.
func (p *plane) defineKinds(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile("../k8s/crds.txt")
	if err != nil {
		t.Fatal(err)
	}
	i := strings.Index(string(b), "github.com/prometheus-operator/")
	if i < 0 {
		t.Fatal("crds.txt does not name Prometheus' operator")
	}
	words := strings.Fields(string(b[i:]))
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", words[0])
	cmd.Dir = t.TempDir() // no go.mod is read
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("fetching %s: %v", words[0], err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"podmonitors", "prometheusrules"} {
		p.kubectl(t, "", "create", "-f", filepath.Join(module.Dir, words[1], "monitoring.coreos.com_"+kind+".yaml"))
	}
	for _, kind := range []string{"Kafka", "KafkaNodePool", "KafkaUser"} {
		p.kubectl(t, withoutSchema("kafka.strimzi.io", "v1", kind), "create", "-f", "-")
	}
	p.kubectl(t, "", "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
}

// withoutSchema returns the definition of a kind with any content.
func withoutSchema(group, version, kind string) string {
	plural := strings.ToLower(kind) + "s"
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.%[2]s}
spec:
  group: %[2]s
  names: {kind: %[4]s, listKind: %[4]sList, plural: %[1]s, singular: %[5]s}
  scope: Namespaced
  versions: [{name: %[3]s, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`, plural, group, version, kind, strings.ToLower(kind))
}

// object is what the tests read of an object.
type object struct {
	Kind     string
	Metadata struct {
		Name, UID  string
		Generation int64
		Labels     map[string]string
	}
	Spec struct {
		NodeName string
		Replicas *int
	}
	Status struct {
		Phase         string
		ReadyReplicas int
		Conditions    []struct{ Type, Status string }
	}
	Reason, Message string
}

func (o object) String() string { return o.Kind + "/" + o.Metadata.Name }

// list returns the objects of some kinds in the namespace.
func (p *plane) list(t *testing.T, kinds string, args ...string) []object {
	t.Helper()
	var all struct{ Items []object }
	out := p.kubectl(t, "", append([]string{"get", kinds, "-n", namespace, "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	return all.Items
}

// failures returns the events that say that a pod could not be made or placed.
func (p *plane) failures(t *testing.T, namespace string) (all []string) {
	t.Helper()
	var events struct {
		Items []struct {
			Reason, Message string
			InvolvedObject  struct{ Kind, Name string }
		}
	}
	out := p.kubectl(t, "", "get", "events", "-n", namespace, "-o", "json")
	if err := json.Unmarshal([]byte(out), &events); err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		if slices.Contains([]string{"FailedCreate", "FailedScheduling"}, e.Reason) {
			all = append(all, fmt.Sprintf("%s of %s %s: %s", e.Reason, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Message))
		}
	}
	return all
}
