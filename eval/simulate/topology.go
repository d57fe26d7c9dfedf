package simulate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// The relation to the neighbour from which a route was learned decides preference and export (Gao
// and Rexford): routes from customers are preferred to those from peers, and these to those from
// providers. Only customers' routes go to peers and providers.
const (
	fromNobody = iota
	fromCustomer
	fromPeer
	fromProvider
)

// topology is the graph of the world's ASes.
type topology struct {
	networks  []Network
	node      map[bgp.ASN]int
	providers [][]int
	customers [][]int
	tops      []int
}

func newTopology(networks []Network) (*topology, error) {
	t := &topology{
		networks: networks, node: make(map[bgp.ASN]int, len(networks)),
		providers: make([][]int, len(networks)), customers: make([][]int, len(networks)),
	}
	for i, n := range networks {
		if _, twice := t.node[n.ASN]; twice {
			return nil, fmt.Errorf("networks.tsv: %v occurs twice", n.ASN)
		}
		t.node[n.ASN] = i
	}
	for i, n := range networks {
		for _, a := range n.Providers {
			p, ok := t.node[a]
			if !ok {
				return nil, fmt.Errorf("networks.tsv: %v is a provider of %v and not a network", a, n.ASN)
			}
			t.providers[i] = append(t.providers[i], p)
			t.customers[p] = append(t.customers[p], i)
		}
		if len(n.Providers) == 0 {
			t.tops = append(t.tops, i)
		}
	}
	return t, nil
}

// route is a node's best route to a destination.
type route struct {
	learned int
	path    []int // from the node itself to the destination, both included
}

// better reports whether a is preferred to b: by the relation, then by the length, then by the
// order of the nodes in the table.
func better(a, b route) bool {
	if b.learned == fromNobody {
		return true
	}
	if a.learned != b.learned {
		return a.learned < b.learned
	}
	if len(a.path) != len(b.path) {
		return len(a.path) < len(b.path)
	}
	return slices.Compare(a.path, b.path) < 0
}

// routes computes the best route of each node to the destination.
func (t *topology) routes(destination int) []route {
	best := make([]route, len(t.networks))
	best[destination] = route{fromCustomer, []int{destination}}
	// Up: routes go to providers, breadth first, so that the shortest comes first.
	queue := []int{destination}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, p := range t.providers[n] {
			r := route{fromCustomer, prepend(p, best[n].path)}
			if best[p].learned == fromNobody {
				queue = append(queue, p)
			}
			if better(r, best[p]) {
				best[p] = r
			}
		}
	}
	// Across: routes go between the nodes at the top.
	across := make([]route, len(t.networks))
	for _, n := range t.tops {
		for _, o := range t.tops {
			if n != o && best[n].learned == fromNobody && best[o].learned == fromCustomer {
				if r := (route{fromPeer, prepend(n, best[o].path)}); better(r, across[n]) {
					across[n] = r
				}
			}
		}
	}
	for _, n := range t.tops {
		if across[n].learned != fromNobody {
			best[n] = across[n]
		}
	}
	t.down(best)
	return best
}

// down spreads routes to customers until nothing changes, shortest first as in Dijkstra, with
// buckets by length.
func (t *topology) down(best []route) {
	var buckets [][]int
	put := func(n int) {
		l := len(best[n].path)
		for len(buckets) <= l {
			buckets = append(buckets, nil)
		}
		buckets[l] = append(buckets[l], n)
	}
	for n := range best {
		if best[n].learned != fromNobody {
			put(n)
		}
	}
	for l := 0; l < len(buckets); l++ { //nolint:intrange // the buckets become more meanwhile
		for _, n := range buckets[l] {
			for _, c := range t.customers[n] {
				if best[c].learned == fromCustomer || best[c].learned == fromPeer || slices.Contains(best[n].path, c) {
					continue
				}
				fresh := best[c].learned == fromNobody
				if r := (route{fromProvider, prepend(c, best[n].path)}); better(r, best[c]) {
					best[c] = r
					if fresh {
						put(c)
					}
				}
			}
		}
	}
}

// candidates returns the routes that the node's neighbours export to it, best first, at most limit.
func (t *topology) candidates(node int, best []route, limit int) []route {
	if len(best[node].path) == 1 {
		return []route{best[node]}
	}
	var out []route
	add := func(learned int, neighbours []int, all bool) {
		for _, n := range neighbours {
			r := best[n]
			if n != node && r.learned != fromNobody && (all || r.learned == fromCustomer) &&
				!slices.Contains(r.path, node) {
				out = append(out, route{learned, prepend(node, r.path)})
			}
		}
	}
	add(fromCustomer, t.customers[node], false)
	if len(t.providers[node]) == 0 {
		add(fromPeer, t.tops, false)
	}
	add(fromProvider, t.providers[node], true)
	slices.SortFunc(out, func(a, b route) int {
		return cmp.Or(cmp.Compare(a.learned, b.learned), cmp.Compare(len(a.path), len(b.path)),
			slices.Compare(a.path, b.path))
	})
	return out[:min(len(out), limit)]
}

// asns returns the AS numbers of a path of nodes.
func (t *topology) asns(path []int) []bgp.ASN {
	out := make([]bgp.ASN, len(path))
	for i, n := range path {
		out[i] = t.networks[n].ASN
	}
	return out
}

func prepend(n int, path []int) []int {
	return append(append(make([]int, 0, len(path)+1), n), path...)
}
