package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// party is the other end of a connection: a pod with labels in a namespace with labels, or an
// address outside.
type party struct {
	name              string
	namespace, labels map[string]string
	addr              netip.Addr
}

// policies evaluates NetworkPolicies as the API defines them. A pod that no policy of a direction
// selects is open in that direction. Otherwise every connection that one of them allows is open.
type policies struct {
	all []object
	// own are the labels of the namespace of the policies.
	own map[string]string
}

// allows reports whether a pod may open a connection to a party (Egress), or accept one from it
// (Ingress), on a protocol and port. names are the named ports of the pod that accepts the
// connection.
func (p policies) allows(
	direction string, pod, other party, protocol string, port int, names map[string]int,
) bool {
	taken := false
	for _, o := range p.all {
		if o.kind() != "NetworkPolicy" || !slices.Contains(texts(at(o, "spec", "policyTypes")), direction) ||
			!selects(at(o, "spec", "podSelector"), pod.labels) {
			continue
		}
		taken = true
		list, peers := "egress", "to"
		if direction == "Ingress" {
			list, peers = "ingress", "from"
		}
		for _, r := range objects(at(o, "spec", list)) {
			if p.anyPeer(r[peers], other) && anyPort(r["ports"], protocol, port, names) {
				return true
			}
		}
	}
	return !taken
}

func (p policies) anyPeer(list any, other party) bool {
	if list == nil {
		return true
	}
	return slices.ContainsFunc(objects(list), func(peer object) bool {
		if block := asObject(peer["ipBlock"]); block != nil {
			return other.addr.IsValid() && inside(text(block["cidr"]), other.addr) &&
				!slices.ContainsFunc(texts(block["except"]), func(c string) bool {
					return inside(c, other.addr)
				})
		}
		if other.addr.IsValid() {
			return false
		}
		namespace, pods := peer["namespaceSelector"], peer["podSelector"]
		if namespace == nil {
			return same(other.namespace, p.own) && selects(pods, other.labels)
		}
		return selects(namespace, other.namespace) && (pods == nil || selects(pods, other.labels))
	})
}

func same(a, b map[string]string) bool {
	const name = "kubernetes.io/metadata.name"
	return a[name] == b[name]
}

func inside(cidr string, addr netip.Addr) bool {
	prefix, err := netip.ParsePrefix(cidr)
	return err == nil && prefix.Contains(addr)
}

// selects reports whether a label selector matches labels. An empty selector matches all.
func selects(selector any, labels map[string]string) bool {
	for k, v := range asObject(at(selector, "matchLabels")) {
		if labels[k] != text(v) {
			return false
		}
	}
	for _, e := range objects(at(selector, "matchExpressions")) {
		has := slices.Contains(texts(e["values"]), labels[text(e["key"])])
		switch e["operator"] {
		case "In":
			if !has {
				return false
			}
		case "NotIn":
			if has {
				return false
			}
		default:
			panic(fmt.Sprintf("selectors with %v are not known", e["operator"]))
		}
	}
	return true
}

func anyPort(list any, protocol string, port int, names map[string]int) bool {
	if list == nil {
		return true
	}
	return slices.ContainsFunc(objects(list), func(p object) bool {
		n, ok := number(p["port"])
		if !ok {
			n = names[text(p["port"])]
		}
		return text(p["protocol"]) == protocol && n == port
	})
}

// matrix returns a table of the allowed connections: a line for each stage, direction and party,
// with the open ports.
func (p policies) matrix(
	stages []party, parties []party, ports []string, names map[string]map[string]int,
) string {
	var out strings.Builder
	for _, stage := range stages {
		for _, direction := range []string{"Egress", "Ingress"} {
			for _, other := range append(slices.Clone(parties), stages...) {
				var open []string
				for _, text := range ports {
					protocol, port := "TCP", 0
					if number, udp := strings.CutSuffix(text, "/udp"); udp {
						protocol, text = "UDP", number
					}
					fmt.Sscan(text, &port)
					own := names[other.name]
					if direction == "Ingress" {
						own = names[stage.name]
					}
					if p.allows(direction, stage, other, protocol, port, own) {
						open = append(open, fmt.Sprintf("%d/%s", port, strings.ToLower(protocol)))
					}
				}
				if len(open) > 0 {
					arrow := "to"
					if direction == "Ingress" {
						arrow = "from"
					}
					fmt.Fprintf(&out, "%s\t%s\t%s\t%s\n",
						stage.name, arrow, other.name, strings.Join(open, " "))
				}
			}
		}
	}
	return out.String()
}
