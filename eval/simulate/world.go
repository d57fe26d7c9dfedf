package simulate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Config selects a variant of the reconstruction. The zero value is December 2014 as it was.
type Config struct {
	// Seed 0 is North Korea at the published times. Any other seed draws a country and shifts all
	// times.
	Seed uint64
	// Late names a collector that joins LateBy after the others. Early names one that ends EarlyBy
	// before them. Empty means none.
	Late, Early string
}

// LateBy is the delay of the late collector, and EarlyBy the time by which the early one ends
// before the others.
const (
	LateBy  = 2 * time.Hour
	EarlyBy = 36 * time.Hour
)

// period is the span of the reconstruction, unshifted.
var period = [2]time.Time{
	time.Date(2014, 12, 21, 0, 0, 0, 0, time.UTC), time.Date(2014, 12, 30, 0, 0, 0, 0, time.UTC),
}

// group holds the prefixes that one network announces in one family. They share a path. absent
// marks the prefixes that the network does not announce at the beginning.
type group struct {
	network  int
	family   bgp.Family
	prefixes []netip.Prefix
	absent   uint32
}

func (g *group) all() uint32 { return 1<<len(g.prefixes) - 1 }

// World is a generated world. It is read-only and may be shared.
type World struct {
	cfg        Config
	label      string
	country    string // the country that goes dark; empty in a scenario
	shift      time.Duration
	start, end int64 // microseconds since 1970
	topo       *topology
	peers      []*peer
	sessions   []*session
	groups     []group
	paths      [][][][]bgp.ASN // candidate paths by peer and network, best first
	plan       plan
	truth      []Event
	schedule   []Row // schedule holds the shifted rows of a reconstruction.
}

// December2014 makes the reconstruction. It returns an error for a fault in the committed tables or
// in cfg.
func December2014(cfg Config) (*World, error) {
	schedule, err := Schedule()
	if err != nil {
		return nil, err
	}
	w, err := newWorld(nil)
	if err != nil {
		return nil, err
	}
	w.cfg = cfg
	for _, name := range []string{cfg.Late, cfg.Early} {
		if name != "" && !slices.Contains(w.Collectors(), name) {
			return nil, fmt.Errorf("no collector is called %q: there is %s", name, strings.Join(w.Collectors(), ", "))
		}
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 20141222)) //nolint:gosec // repeatable on purpose
	w.draw(rng)
	w.start, w.end = period[0].Add(w.shift).UnixMicro(), period[1].Add(w.shift).UnixMicro()
	p := newPlanner(w, rng)
	p.loseCountry(schedule)
	p.background()
	w.plan = p.finish()
	w.truth = w.makeTruth(schedule)
	w.schedule = w.shiftSchedule(schedule)
	w.label = december2014Label(w)
	return w, nil
}

// newWorld reads the committed tables, adds the prefixes of more, and connects peers and networks.
func newWorld(more []Origination) (*World, error) {
	networks, err := parseNetworks(networksTSV)
	if err != nil {
		return nil, err
	}
	for _, m := range more {
		i := slices.IndexFunc(networks, func(n Network) bool { return n.ASN == m.Origin })
		if i < 0 {
			return nil, fmt.Errorf("%v is not a network of the world", m.Origin)
		}
		networks[i].Prefixes = append(networks[i].Prefixes, m.Prefix)
	}
	w := &World{}
	if w.topo, err = newTopology(networks); err != nil {
		return nil, err
	}
	if w.peers, err = parsePeers(peersTSV); err != nil {
		return nil, err
	}
	return w, w.connect()
}

// connect gives the peers their sessions, the networks their groups, and each pair of them its
// paths.
func (w *World) connect() error {
	for _, p := range w.peers {
		n, ok := w.topo.node[p.asn]
		if !ok {
			return fmt.Errorf("peers.tsv: %v is not a network", p.asn)
		}
		p.node = n
		w.sessions = append(w.sessions, p.sessions...)
	}
	w.paths = make([][][][]bgp.ASN, len(w.peers))
	for i := range w.peers {
		w.paths[i] = make([][][]bgp.ASN, len(w.topo.networks))
	}
	for n, network := range w.topo.networks {
		for _, f := range bgp.Families {
			g := group{network: n, family: f}
			for _, p := range network.Prefixes {
				if bgp.FamilyOf(p) == f {
					g.prefixes = append(g.prefixes, p)
				}
			}
			if len(g.prefixes) > 32 {
				return fmt.Errorf("networks.tsv: %v has more than 32 prefixes of a family", network.ASN)
			}
			if len(g.prefixes) > 0 {
				w.groups = append(w.groups, g)
			}
		}
		best := w.topo.routes(n)
		for i, p := range w.peers {
			for _, r := range w.topo.candidates(p.node, best, 4) {
				w.paths[i][n] = append(w.paths[i][n], w.topo.asns(r.path))
			}
			if len(w.paths[i][n]) == 0 {
				return fmt.Errorf("%v has no path to %v", p.asn, network.ASN)
			}
		}
	}
	return nil
}

// path returns the peer's k-th path to the network: a candidate, or for a greater k the best path
// with the origin repeated at its end.
func (w *World) path(peerIndex, network, k int) []bgp.ASN {
	candidates := w.paths[peerIndex][network]
	if k < len(candidates) {
		return candidates[k]
	}
	path := slices.Clone(candidates[0])
	for range k - len(candidates) + 1 {
		path = append(path, path[len(path)-1])
	}
	return path
}

// hears reports whether the peer ever announces the group.
func (w *World) hears(p *peer, g *group) bool {
	return !p.partial || w.topo.networks[g.network].Country == w.topo.networks[p.node].Country
}

// draw picks the country that goes dark, and the shift of the times.
func (w *World) draw(rng *rand.Rand) {
	if w.cfg.Seed == 0 {
		w.country = "KP"
		return
	}
	countries := w.drawable()
	shuffle := rand.New(rand.NewPCG(1, 131279)) //nolint:gosec // repeatable on purpose
	shuffle.Shuffle(len(countries), func(i, j int) { countries[i], countries[j] = countries[j], countries[i] })
	w.country = countries[(w.cfg.Seed-1)%uint64(len(countries))]
	w.shift = time.Duration(rng.IntN(401)-200)*24*time.Hour + time.Duration(rng.IntN(86400))*time.Second
}

// drawable returns the sorted countries that can go dark without taking others along. No network
// abroad buys transit from their networks, none of their networks feeds a collector, and they have
// less than a hundredth of the world's space in each family. They have at most three networks, and
// at least three prefixes.
func (w *World) drawable() []string {
	type size struct {
		networks, prefixes int
		space              [3]uint64
		out                bool
	}
	sizes := map[string]*size{}
	var world [3]uint64
	at := func(country string) *size {
		if sizes[country] == nil {
			sizes[country] = &size{}
		}
		return sizes[country]
	}
	for i, n := range w.topo.networks {
		s := at(n.Country)
		s.networks++
		for _, c := range w.topo.customers[i] {
			s.out = s.out || w.topo.networks[c].Country != n.Country
		}
		for _, p := range n.Prefixes {
			f := bgp.FamilyOf(p)
			s.prefixes++
			s.space[f] += bgp.Space(p)
			world[f] += bgp.Space(p)
		}
	}
	for _, p := range w.peers {
		at(w.topo.networks[p.node].Country).out = true
	}
	var out []string
	for country, s := range sizes {
		small := s.space[bgp.IPv4]*100 < world[bgp.IPv4] && s.space[bgp.IPv6]*100 < world[bgp.IPv6]
		if !s.out && small && country != "KP" && s.prefixes >= 3 && s.networks <= 3 {
			out = append(out, country)
		}
	}
	slices.Sort(out)
	return out
}

// Country returns the code of the country that goes dark.
func (w *World) Country() string { return w.country }

// Start returns the first moment of the feeds.
func (w *World) Start() time.Time { return time.UnixMicro(w.start).UTC() }

// End returns the last moment of the feeds.
func (w *World) End() time.Time { return time.UnixMicro(w.end).UTC() }

// Networks returns the world's networks. They are shared and must not be changed.
func (w *World) Networks() []Network { return w.topo.networks }

// Peers returns the number of ASes that feed a collector, and the number of those with a full feed.
func (w *World) Peers() (all, full int) {
	for _, p := range w.peers {
		if !p.partial {
			full++
		}
	}
	return len(w.peers), full
}

// Collectors returns the names of the collectors, sorted.
func (w *World) Collectors() []string { return collectorsOf(w.peers) }

// CollectorNames returns the names of the collectors that every world has, sorted.
func CollectorNames() []string {
	peers, err := parsePeers(peersTSV)
	if err != nil {
		panic(err) // the table is committed, and tests read it
	}
	return collectorsOf(peers)
}

func collectorsOf(peers []*peer) []string {
	var out []string
	for _, p := range peers {
		if !slices.Contains(out, p.collector) {
			out = append(out, p.collector)
		}
	}
	slices.Sort(out)
	return out
}

// shortLabel returns the word that precedes every summary of an outage in this world.
func (w *World) shortLabel() string {
	if strings.HasPrefix(w.Label(), "RECONSTRUCTION") {
		return "Reconstruction"
	}
	return "Simulation"
}

// Label describes the world. Everything that shows the world shows its label.
func (w *World) Label() string { return w.label }

func december2014Label(w *World) string {
	if w.cfg.Seed == 0 {
		return "RECONSTRUCTION of North Korea's outages of December 2014: times as published, " +
			"or assumed where the schedule says so; messages simulated"
	}
	return fmt.Sprintf(
		"SIMULATION with seed %d: the schedule of December 2014 laid on %s from %s on; messages simulated",
		w.cfg.Seed, bgp.CountryName(w.country), w.Start().Format("2006-01-02 15:04:05"))
}
