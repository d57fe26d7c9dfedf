package year

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// The sizes at scale 1.
const (
	fullCountries = 250
	fullRegions   = 14 // of a country
	fullASes      = 80_000
	fullPeers     = 240
)

// firstASN is the first AS number for private use (RFC 6996) with room for 80,000.
const firstASN = 4_200_000_000

// storyASes is the number of ASes of the stories. They come first, and have the same numbers and
// prefixes at every scale. Each has 8 prefixes of IPv4 and one of IPv6.
const (
	storyASes     = 64
	storyPrefixes = 8
)

// transits is the number of storyASes that sell transit to the others.
const transits = 12

// as is a network.
type as struct {
	country, region int
	// first is the number of its first prefix and prefixes the number of its prefixes, by family.
	first, prefixes [2]int
	// upstreams are the ASes from which it buys transit, as indices of transits or of an incumbent.
	upstreams [2]int
}

// country is a country. Its networks are adjacent in world.ases.
type country struct {
	code, name string
	regions    []region
	from, to   int // in world.ases
	prefixes   [2]int
	// offset is local time minus UTC, in seconds.
	offset int64
}

type region struct {
	code     string
	prefixes [2]int
}

// collector is a collector and its peers.
type collector struct {
	name, source string
	peers        []bgp.Peer
}

// world holds the ASes, countries and collectors. It does not change over the year.
type world struct {
	ases       []as
	countries  []country
	byCode     map[string]int
	collectors []collector
	prefixes   [2]int // by family
}

// storyCountries exist at every scale. They are sorted by size, biggest first, and have their
// offset from UTC in seconds.
var storyCountries = []struct {
	code   string
	offset int64
}{
	{"US", -5 * hour},
	{"DE", hour},
	{"BR", -3 * hour},
	{"IQ", 3 * hour},
	{"MM", 6*hour + 30*minute},
	{"SD", 2 * hour},
	{"TD", hour},
	{"SS", 2 * hour},
	{"GA", hour},
	{"CU", -5 * hour},
	{"TO", 13 * hour},
	{"KE", 3 * hour},
	{"NG", hour},
	{"IN", 5*hour + 30*minute},
	{"FR", hour},
	{"JP", 9 * hour},
}

// newWorld draws a world.
func newWorld(scale float64, seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose
	w := &world{byCode: map[string]int{}}
	for _, s := range storyCountries {
		w.addCountry(s.code, s.offset)
	}
	want := max(len(storyCountries), int(fullCountries*math.Sqrt(scale)))
	for _, code := range bgp.CountryCodes() {
		if _, have := w.byCode[code]; !have && len(w.countries) < min(want, fullCountries) {
			w.addCountry(code, int64(rng.IntN(24)-11)*hour)
		}
	}
	for i := range w.countries {
		c := &w.countries[i]
		for n := range max(2, int(fullRegions*math.Sqrt(scale))) {
			c.regions = append(c.regions, region{code: fmt.Sprintf("%s-%02d", c.code, n+1)})
		}
	}
	w.addASes(max(storyASes+8*len(w.countries), int(fullASes*scale)), rng)
	w.addCollectors(max(60, int(fullPeers*min(scale, 1))))
	return w
}

func (w *world) addCountry(code string, offset int64) {
	w.byCode[code] = len(w.countries)
	w.countries = append(w.countries, country{code: code, name: bgp.CountryName(code), offset: offset})
}

// addASes gives the countries their networks. The networks of the stories come first and are in the
// United States. Then the networks of each country follow in a row; countries earlier in the list
// get more.
func (w *world) addASes(n int, rng *rand.Rand) {
	for i := range storyASes {
		a := as{region: i % len(w.countries[0].regions), upstreams: [2]int{i % transits, (i + 1) % transits}}
		a.first, a.prefixes = [2]int{i * storyPrefixes, i}, [2]int{storyPrefixes, 1}
		w.ases = append(w.ases, a)
	}
	w.prefixes = [2]int{storyASes * storyPrefixes, storyASes}
	total := 0.0
	for i := range w.countries {
		total += 1 / float64(i+6)
	}
	for i := range w.countries {
		c := &w.countries[i]
		c.from = len(w.ases)
		for range max(8, int(float64(n-storyASes)/float64(i+6)/total)) {
			w.addAS(i, len(w.ases)-c.from, rng)
		}
		c.to = len(w.ases)
	}
	for i := range w.ases {
		a := &w.ases[i]
		c := &w.countries[a.country]
		for f := range a.prefixes {
			c.prefixes[f] += a.prefixes[f]
			c.regions[a.region].prefixes[f] += a.prefixes[f]
		}
	}
}

// addAS appends the n-th AS of a country. The first one is the incumbent, from which half of the
// others buy transit.
func (w *world) addAS(of, n int, rng *rand.Rand) {
	c := &w.countries[of]
	a := as{country: of, region: n % len(c.regions), upstreams: [2]int{rng.IntN(transits), rng.IntN(transits)}}
	if n > 0 && n%2 == 0 {
		a.upstreams[0] = c.from
	}
	a.first = w.prefixes
	a.prefixes = [2]int{1 + min(400, int(rng.ExpFloat64()*11.5)), 0}
	if n == 0 {
		a.prefixes[0] += 16
	}
	if n%3 != 1 {
		a.prefixes[1] = 1 + rng.IntN(7)
	}
	for f := range a.prefixes {
		w.prefixes[f] += a.prefixes[f]
	}
	w.ases = append(w.ases, a)
}

// addCollectors makes twelve collectors and shares n peers out among them. Each peer is an AS of
// its own.
func (w *world) addCollectors(n int) {
	for i := range 12 {
		c := collector{name: fmt.Sprintf("ris/rrc%02d", i), source: "rislive"}
		if i >= 8 {
			c.name, c.source = fmt.Sprintf("routeviews/route-views%d", i-5), "routeviews"
		}
		for p := range n / 12 {
			c.peers = append(c.peers, bgp.Peer{
				Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(p + 1)}),
				ASN:     bgp.ASN(firstASN + 1_000_000 + i*1000 + p),
			})
		}
		w.collectors = append(w.collectors, c)
	}
}

// voters returns the number of peers.
func (w *world) voters() int { return len(w.collectors) * len(w.collectors[0].peers) }

// asn returns the number of an AS.
func asn(i int) bgp.ASN { return bgp.ASN(firstASN + i) }

// owner returns the name of an AS.
func (w *world) owner(i int) string {
	if i < transits {
		return fmt.Sprintf("Simulated Transit %d", i)
	}
	return fmt.Sprintf("Simulated Network %d (%s)", i, w.countries[w.ases[i].country].code)
}

// asOf returns an AS as outages name it.
func (w *world) asOf(i int) bgp.AS { return bgp.AS{ASN: asn(i), Name: w.owner(i)} }

// prefix returns the n-th prefix of a family (0 is IPv4): a /24 of 240.0.0.0/4, or a /48 of
// 3fff::/20.
func prefix(family, n int) netip.Prefix {
	if family == 0 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(240 + n>>16), byte(n >> 8), byte(n), 0}), 24)
	}
	a := [16]byte{0x3f, 0xff, byte(n >> 24 & 0xf), byte(n >> 16), byte(n >> 8), byte(n)}
	return netip.PrefixFrom(netip.AddrFrom16(a), 48)
}

// biggest returns the ASes of a country with the most IPv4 prefixes, at most n.
func (w *world) biggest(c *country, n int) []int {
	var all []int
	for i := c.from; i < c.to; i++ {
		all = append(all, i)
	}
	slices.SortStableFunc(all, func(a, b int) int { return w.ases[b].prefixes[0] - w.ases[a].prefixes[0] })
	return all[:min(n, len(all))]
}
