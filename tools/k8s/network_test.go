package main

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/network.tsv")

// Namespace labels, and the named ports of pods.
const namespaceLabel = "kubernetes.io/metadata.name"

var partyPorts = []string{"53/udp", "53", "80", "443", "587", "8123", "8480", "9000", "9092", "9093", "9440", "9464", "11019"}

func podIn(namespace, name string, labels ...string) party {
	p := party{name: name, namespace: map[string]string{namespaceLabel: namespace}, labels: map[string]string{}}
	for i := 0; i < len(labels); i += 2 {
		p.labels[labels[i]] = labels[i+1]
	}
	return p
}

// scene returns the pods of darkmap, and others.
func scene() (stages, others []party) {
	for _, name := range []string{"ingest", "enrich", "detect", "sink", "notify", "serve", "topics", "migrate"} {
		stages = append(stages, podIn("darkmap", name, "app.kubernetes.io/name", "darkmap", "app.kubernetes.io/instance", "darkmap", "app.kubernetes.io/component", name))
	}
	others = []party{
		podIn("kube-system", "DNS", "k8s-app", "kube-dns"),
		podIn("darkmap", "Kafka", "app.kubernetes.io/name", "kafka"),
		podIn("darkmap", "ClickHouse", "app.kubernetes.io/name", "clickhouse"),
		podIn("monitoring", "Prometheus or Alertmanager"),
		podIn("ingress-nginx", "ingress controller"),
		podIn("darkmap", "a pod with the label of the query door", "darkmap/query-door", "client"),
		podIn("darkmap", "another pod"),
		podIn("other", "a pod of another namespace", "darkmap/query-door", "client", "app.kubernetes.io/name", "kafka"),
		{name: "Internet", addr: netip.MustParseAddr("192.0.2.1")},
		{name: "Internet, IPv6", addr: netip.MustParseAddr("2001:db8::1")},
		{name: "private address", addr: netip.MustParseAddr("10.0.0.1")},
		{name: "metadata service", addr: netip.MustParseAddr("169.254.169.254")},
		{name: "router", addr: netip.MustParseAddr("198.51.100.7")},
	}
	return stages, others
}

// TestNetwork: the allowed connections, evaluated from the rendered policies, equal the table.
func TestNetwork(t *testing.T) {
	t.Parallel()
	all, err := renderChart(chartDir, map[string]any{
		"networkPolicy": map[string]any{"enabled": true}, "bmp": map[string]any{"enabled": true, "sourceRanges": []any{"198.51.100.0/24"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	stages, others := scene()
	p := policies{all: all, own: map[string]string{namespaceLabel: "darkmap"}}
	named := map[string]map[string]int{}
	for _, s := range stages {
		named[s.name] = map[string]int{"admin": 9464}
	}
	named["serve"]["http"], named["ingest"]["bmp"] = 8480, 11019
	got := "# stage, direction, peer, open ports. What is not here is closed. The ports are those of TestNetwork; bmp.sourceRanges is 198.51.100.0/24.\n" + p.matrix(stages, others, partyPorts, named)
	path := filepath.Join("testdata", "network.tsv")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNetworkOpen: without policies everything is open. Each policy that is left out changes the
// table.
func TestNetworkOpen(t *testing.T) {
	t.Parallel()
	stages, others := scene()
	own := map[string]string{namespaceLabel: "darkmap"}
	if open := (policies{own: own}).matrix(stages[:1], others[:1], []string{"1"}, nil); strings.Count(open, "1/tcp") != 4 {
		t.Errorf("without policies: got\n%s", open)
	}
	all, err := renderChart(chartDir, map[string]any{"networkPolicy": map[string]any{"enabled": true}})
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]map[string]int{}
	for _, s := range stages {
		named[s.name] = map[string]int{"admin": 9464, "http": 8480}
	}
	whole, tried := policies{all, own}.matrix(stages, others, partyPorts, named), 0
	for i, o := range all {
		if o.kind() != "NetworkPolicy" {
			continue
		}
		if o.name() == release+"-deny" { // policies add to each other: this one alone closes everything
			if open := (policies{all[i : i+1], own}).matrix(stages, others, partyPorts, named); open != "" {
				t.Errorf("%s: alone it leaves open\n%s", o, open)
			}
			continue
		}
		tried++
		rest := append(append([]object{}, all[:i]...), all[i+1:]...)
		if (policies{rest, own}).matrix(stages, others, partyPorts, named) == whole {
			t.Errorf("%s: without it nothing changes", o)
		}
	}
	if tried < 10 {
		t.Errorf("found %d policies", tried)
	}
}

// TestNetworkSingle: in the overlay single Kafka reaches itself, which transactions need, and only
// darkmap reaches Kafka and ClickHouse.
func TestNetworkSingle(t *testing.T) {
	t.Parallel()
	all := overlaySingle(t)
	p := policies{all, map[string]string{namespaceLabel: "darkmap"}}
	pods := map[string]party{"another pod": podIn("darkmap", "another pod"), "DNS": podIn("kube-system", "DNS", "k8s-app", "kube-dns"), "Internet": {name: "Internet", addr: netip.MustParseAddr("192.0.2.1")}}
	for _, o := range all {
		if o.pod() == nil {
			continue
		}
		labels := map[string]string{}
		for k, v := range asObject(at(o.pod(), "metadata", "labels")) {
			labels[k] = text(v)
		}
		pods[strings.TrimPrefix(o.name(), release+"-")] = party{name: o.name(), namespace: p.own, labels: labels}
	}
	for _, tt := range []struct {
		from, to string
		port     int
		want     bool
	}{
		{"kafka", "kafka", 9092, true},
		{"kafka", "DNS", 53, true},
		{"kafka", "Internet", 443, false},
		{"ingest", "kafka", 9092, true},
		{"topics", "kafka", 9092, true},
		{"migrate", "kafka", 9092, false},
		{"another pod", "kafka", 9092, false},
		{"sink", "clickhouse", 9000, true},
		{"serve", "clickhouse", 9000, true},
		{"migrate", "clickhouse", 9000, true},
		{"detect", "clickhouse", 9000, false},
		{"another pod", "clickhouse", 9000, false},
		{"sink", "clickhouse", 8123, false},
		{"clickhouse", "Internet", 443, false},
	} {
		got := p.allows("Egress", pods[tt.from], pods[tt.to], "TCP", tt.port, nil)
		if tt.to != "Internet" && tt.to != "DNS" {
			got = got && p.allows("Ingress", pods[tt.to], pods[tt.from], "TCP", tt.port, nil)
		}
		if got != tt.want {
			t.Errorf("%s to %s, port %d: got %t, want %t", tt.from, tt.to, tt.port, got, tt.want)
		}
	}
}
