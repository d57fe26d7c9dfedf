package core

import (
	"slices"
	"testing"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestHasPermille: no product overflows.
func TestHasPermille(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		part, whole, permille uint64
		want                  bool
	}{
		{0, 0, 250, true},
		{25, 100, 250, true},
		{24, 100, 250, false},
		{1, 100, 0, true},
		{1 << 62, 1<<63 + 1<<62, 333, true},
		{1 << 62, 1<<63 + 1<<62, 334, false},
		{1<<64 - 1, 1<<64 - 1, 1000, true},
	} {
		if got := hasPermille(tt.part, tt.whole, tt.permille); got != tt.want {
			t.Errorf("%d of %d, %d thousandths: %t, want %t", tt.part, tt.whole, tt.permille, got, tt.want)
		}
	}
}

// TestGeographyOrder: of two geographies of a window the same one counts in either order, and that
// of a later window replaces it.
func TestGeographyOrder(t *testing.T) {
	t.Parallel()
	place := func(country, region string, ipv4 uint64) *pb.PlaceSpace {
		return &pb.PlaceSpace{Place: &pb.Place{Country: country, Region: region}, Ipv4: ipv4}
	}
	a := &pb.Geography{Places: []*pb.PlaceSpace{place("KP", "KP-01", 256), place("KP", "", 512)}}
	b := &pb.Geography{Places: []*pb.PlaceSpace{place("KP", "", 1024)}}
	space := func(windows ...[]*pb.Geography) uint64 {
		var g geography
		for _, w := range windows {
			for _, in := range append(w, nil) {
				if err := g.note(in); err != nil {
					t.Fatal(err)
				}
			}
			g.close()
		}
		country := g.space[outage.Key{Family: bgp.IPv4, Type: bgp.EntityCountry, Code: "KP"}]
		if world := g.space[worldKey(bgp.IPv4)]; world != country {
			t.Errorf("the world has %d, KP %d", world, country)
		}
		return country
	}
	if one, other := space([]*pb.Geography{a, b}), space([]*pb.Geography{b, a}); one != other || one == 0 {
		t.Errorf("got %d and %d in either order", one, other)
	}
	if got := space([]*pb.Geography{b}, nil, []*pb.Geography{a}); got != 768 {
		t.Errorf("got %d of the later window, want 768", got)
	}
}

// TestJudged checks which samples are judged, by the known space of the place and of the world.
func TestJudged(t *testing.T) {
	t.Parallel()
	cfg := small()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	j := &d.family(bgp.IPv4).judging
	key := func(e bgp.EntityType, code string) outage.Key {
		return outage.Key{Family: bgp.IPv4, Type: e, Code: code}
	}
	world, de, kp, as := worldKey(bgp.IPv4), key(bgp.EntityCountry, "DE"), key(bgp.EntityCountry, "KP"), key(bgp.EntityAS, "AS64500")
	sample := func(k outage.Key, known uint64) outage.Sample {
		return outage.Sample{Key: k, KnownSpace: known, KnownPrefixes: int(known)}
	}
	all := []outage.Sample{sample(world, 100), sample(de, 50), sample(kp, 50), sample(as, 1)}
	if got := len(j.judged(bgp.TablesComplete, all)); got != 4 {
		t.Errorf("%d of 4 samples go on where no geography is known", got)
	}
	if err := d.geography.note(&pb.Geography{Places: []*pb.PlaceSpace{
		{Place: &pb.Place{Country: "DE"}, Ipv4: 900}, {Place: &pb.Place{Country: "KP"}, Ipv4: 100},
	}}); err != nil {
		t.Fatal(err)
	}
	d.geography.close()
	if got := len(j.judged(bgp.TablesLearned, all)); got != 4 {
		t.Errorf("%d of 4 samples go on in a panel that knows no tables", got)
	}
	if got := j.judged(bgp.TablesComplete, all); len(got) != 2 || got[0].Key != kp || got[1].Key != as || j.knownPrefixes() != 100 {
		t.Errorf("%v go on and %d prefixes are known, want KP, AS64500 and 100", got, j.knownPrefixes())
	}
	if got := j.judged(bgp.TablesComplete, []outage.Sample{sample(kp, 10)}); len(got) != 1 {
		t.Error("KP was judged, and is no more")
	}
	if got := j.judged(bgp.TablesComplete, []outage.Sample{sample(world, 250), sample(de, 50)}); len(got) != 2 || j.knownPrefixes() != 0 {
		t.Errorf("%v go on, %d prefixes are known, want all and 0: a quarter of the world is known", got, j.knownPrefixes())
	}
	if got := j.judged(bgp.TablesComplete, []outage.Sample{sample(world, 100)}); len(got) != 1 {
		t.Error("the world was judged, and is no more")
	}
}

// TestGeographyComesLate: places that were judged while no geography was known stay judged when one
// comes by which too little of them is known. Their events end.
func TestGeographyComesLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.gone(dawn+20*minute, w.networks...)
	w.add(0, dawn+30*minute, &pb.CollectorUp{})
	w.records[len(w.records)-1].Geography = &pb.Geography{Places: []*pb.PlaceSpace{
		{Place: &pb.Place{Country: "KP"}, Ipv4: 1 << 30}, {Place: &pb.Place{Country: "AA"}, Ipv4: 1 << 31},
	}}
	w.back(dawn+40*minute, w.networks...)
	f := w.run(dawn + 60*minute)
	got := told(f, everything, country)
	for _, want := range []string{"KP outage closed 20-40", "world outage closed 20-40"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	if len(got) != 10 {
		t.Errorf("got %q, want 9 countries and the world", got)
	}
	if v := f.detector.Verdicts()[0]; v.PlacesNotJudged == "" {
		t.Error("nobody says that too little of the world is known")
	}
}
