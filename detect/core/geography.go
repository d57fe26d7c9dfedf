package core

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// geography has the space that the location files give countries, regions and the world, in units
// of bgp.Space. The space in the records of a window applies when the window closes. If records
// differ, the encoding that sorts last applies, so that the order of collectors does not matter.
type geography struct {
	space   map[outage.Key]uint64
	encoded []byte
	staged  []byte
}

// note stages the space of a record. in may be nil. An error wraps codec.ErrInvalid.
func (g *geography) note(in *pb.Geography) error {
	if in == nil {
		return nil
	}
	b, err := in.MarshalVT()
	if err != nil {
		return fmt.Errorf("encoding a geography: %w: %w", err, codec.ErrInvalid)
	}
	if bytes.Compare(b, g.staged) > 0 {
		g.staged = b
	}
	return nil
}

// close applies the staged space.
func (g *geography) close() {
	staged := g.staged
	g.staged = nil
	if staged == nil || bytes.Equal(staged, g.encoded) {
		return
	}
	_ = g.take(staged) // note encoded it
}

// take sets the space to that of an encoded record.
func (g *geography) take(encoded []byte) error {
	var in pb.Geography
	if err := in.UnmarshalVT(encoded); err != nil {
		return err
	}
	g.encoded, g.space = encoded, make(map[outage.Key]uint64)
	for _, p := range in.GetPlaces() {
		for _, f := range bgp.Families {
			space := p.GetIpv4()
			if f == bgp.IPv6 {
				space = p.GetIpv6()
			}
			g.space[worldKey(f)] += space
			g.space[outage.Key{Family: f, Type: bgp.EntityCountry, Code: p.GetPlace().GetCountry()}] += space
			if r := p.GetPlace().GetRegion(); r != "" {
				g.space[outage.Key{Family: f, Type: bgp.EntityRegion, Code: r}] += space
			}
		}
	}
	return nil
}

func worldKey(f bgp.Family) outage.Key {
	return outage.Key{Family: f, Type: bgp.EntityWorld, Code: "world"}
}

// judging decides which countries, regions and world of a family are judged. Peers that know a
// small part of the address space give no verdict on a country or the world. A place that is judged
// once stays judged until the panel's knowledge changes, as its events need their end.
type judging struct {
	cfg       GeographyConfig
	family    bgp.Family
	geography *geography
	knowledge bgp.TableKnowledge
	world     outage.Sample
	all       bool // the peers know enough of the world
	// places has, while all is false, the countries, regions and world of which a part is known,
	// and whether each is judged.
	places map[outage.Key]bool
}

// judged returns samples without the entities that are not judged by a panel with knowledge k.
func (j *judging) judged(k bgp.TableKnowledge, samples []outage.Sample) []outage.Sample {
	if k != j.knowledge {
		j.knowledge, j.all, j.places, j.world = k, false, make(map[outage.Key]bool), outage.Sample{}
	}
	for i := range samples {
		if samples[i].Key.Type == bgp.EntityWorld {
			j.world = samples[i]
		}
	}
	whole := j.geography.space[worldKey(j.family)]
	if j.all || j.knowledge != bgp.TablesComplete {
		return samples
	}
	if whole == 0 {
		j.passed(samples)
		return samples
	}
	if j.all = hasPermille(j.world.KnownSpace, whole, j.cfg.worldPermille(j.family)); j.all {
		return samples
	}
	out := make([]outage.Sample, 0, len(samples))
	for i := range samples {
		if j.judges(&samples[i]) {
			out = append(out, samples[i])
		}
	}
	return out
}

// passed marks the places that are judged while no geography is known. They stay judged when one
// comes.
func (j *judging) passed(samples []outage.Sample) {
	for i := range samples {
		switch k := samples[i].Key; k.Type {
		case bgp.EntityWorld, bgp.EntityCountry, bgp.EntityRegion:
			j.places[k] = true
		case bgp.EntityAS, bgp.EntityPrefix, bgp.EntityWatch:
		}
	}
}

// judges reports whether an entity is judged although too little of the world is known.
func (j *judging) judges(s *outage.Sample) bool {
	switch s.Key.Type {
	case bgp.EntityWorld:
		return j.places[s.Key]
	case bgp.EntityCountry, bgp.EntityRegion:
		if !j.places[s.Key] {
			own := j.geography.space[s.Key]
			j.places[s.Key] = own > 0 && hasPermille(s.KnownSpace, own, uint64(j.cfg.PlacePermille))
		}
		return j.places[s.Key]
	case bgp.EntityAS, bgp.EntityPrefix, bgp.EntityWatch:
	}
	return true
}

// knownPrefixes returns the number of prefixes that the peers know if that is too little for a
// verdict on the world, else 0.
func (j *judging) knownPrefixes() int {
	if j.all || j.knowledge != bgp.TablesComplete || j.geography.space[worldKey(j.family)] == 0 {
		return 0
	}
	return j.world.KnownPrefixes
}

// maxJudged bounds the judged places that notJudged lists.
const maxJudged = 10

// notJudged returns the reason why countries, regions and the world are not judged, with the places
// that are; "" if all are judged.
func (j *judging) notJudged() string {
	n := j.knownPrefixes()
	if n == 0 {
		return ""
	}
	var but []string
	for k, judged := range j.places {
		if judged {
			but = append(but, k.Code)
		}
	}
	slices.Sort(but)
	except := ""
	if len(but) > maxJudged {
		except = fmt.Sprintf(", but for %s and %d more", strings.Join(but[:maxJudged], ", "), len(but)-maxJudged)
	} else if len(but) > 0 {
		except = ", but for " + strings.Join(but, ", ")
	}
	return fmt.Sprintf(
		"%s: countries, regions and the world are not judged%s: the peers know %d prefixes, "+
			"%s %% of the address space that the location files have, and %s %% are needed",
		j.family.Title(), except, n,
		bgp.Hundredths(j.world.KnownSpace, j.geography.space[worldKey(j.family)], 100),
		bgp.Decimal(j.cfg.worldPermille(j.family)*10))
}

// hasPermille reports whether part is at least that many thousandths of whole.
func hasPermille(part, whole, permille uint64) bool {
	partHigh, partLow := bits.Mul64(part, 1000)
	wholeHigh, wholeLow := bits.Mul64(whole, permille)
	return partHigh > wholeHigh || partHigh == wholeHigh && partLow >= wholeLow
}

// worldPermille returns world_permille_ipv4 or world_permille_ipv6, by family.
func (c GeographyConfig) worldPermille(f bgp.Family) uint64 {
	if f == bgp.IPv4 {
		return uint64(c.WorldPermilleIPv4)
	}
	return uint64(c.WorldPermilleIPv6)
}

// withheld reports whether a country or region gets no verdict because the peers know too little of
// it.
func (j *judging) withheld(k outage.Key) bool {
	return j.knownPrefixes() > 0 && (k.Type == bgp.EntityCountry || k.Type == bgp.EntityRegion) && !j.places[k]
}
