package controlplane

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// checkDrain: while pods need 8 s to become ready, each node can be drained within two minutes. Of
// two evictions at once from one workload the second is refused with 429.
func checkDrain(t *testing.T, p *plane) {
	p.ready(t, 8*time.Second)
	for _, stage := range []string{"ingest", "enrich", "detect", "sink", "notify", "serve"} {
		pods := p.list(t, "pods", "-l", "app.kubernetes.io/component="+stage)
		if len(pods) < 2 {
			continue
		}
		first, second := p.evict(t, pods[0]), p.evict(t, pods[1])
		if first != http.StatusCreated || second != http.StatusTooManyRequests {
			t.Errorf("%s: two evictions at once gave %d and %d, want 201 and 429", stage, first, second)
		}
	}
	p.allReady(t, 2*time.Minute)
	for i := range 6 {
		node := fmt.Sprintf("node-%d", i)
		p.kubectl(t, "", "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s")
		for _, pod := range p.list(t, "pods", "--field-selector=spec.nodeName="+node+",status.phase=Running") {
			t.Errorf("%s is still on the drained node %s", pod, node)
		}
		p.kubectl(t, "", "uncordon", node)
		p.allReady(t, 2*time.Minute)
	}
}

// evict asks for the eviction of a pod and returns the status of the answer.
func (p *plane) evict(t *testing.T, pod object) int {
	t.Helper()
	name := pod.Metadata.Name
	status, _ := p.request(t, http.MethodPost, "/api/v1/namespaces/"+namespace+"/pods/"+name+"/eviction",
		fmt.Sprintf(`{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": %q, "namespace": %q}}`, name, namespace))
	return status
}
