package sink

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// prefixRows is a block of prefix_states.
type prefixRows struct {
	kafkaOffsetColumns
	position                  positionColumns
	begin                     proto.ColIPv6
	length                    proto.ColUInt8
	prefix                    proto.ColStr
	family, state             proto.ColInt8
	timestamp, since          proto.ColDateTime
	sinceAtLeast, daily       proto.ColBool
	origins, originVoters     *proto.ColArr[uint32]
	upstreams, upstreamVoters *proto.ColArr[uint32]
	seenBy, voters            proto.ColUInt32
	usual, space              proto.ColFloat64
	country, region           lowCard
	places                    placesColumn
	asns, counts              []uint32 // buffers for one array
	rec                       pb.PrefixRecord
	pos                       bgp.Position
	of                        netip.Prefix
}

func newPrefixRows(dataset string) rows {
	array := func() *proto.ColArr[uint32] { return new(proto.ColUInt32).Array() }
	return &prefixRows{
		kafkaOffsetColumns: kafkaOffsetColumns{name: dataset}, origins: array(), originVoters: array(),
		upstreams: array(), upstreamVoters: array(),
	}
}

func (r *prefixRows) count() int { return len(r.family) }

func (r *prefixRows) input() proto.Input {
	return slices.Concat(r.kafkaOffsetColumns.input(), r.position.input("position_"), proto.Input{
		{Name: "begin", Data: &r.begin},
		{Name: "length", Data: &r.length},
		{Name: "prefix", Data: &r.prefix},
		{Name: "family", Data: &r.family},
		{Name: "timestamp", Data: &r.timestamp},
		{Name: "state", Data: &r.state},
		{Name: "since", Data: &r.since},
		{Name: "since_at_least", Data: &r.sinceAtLeast},
		{Name: "origins", Data: r.origins},
		{Name: "origin_voters", Data: r.originVoters},
		{Name: "upstreams", Data: r.upstreams},
		{Name: "upstream_voters", Data: r.upstreamVoters},
		{Name: "seen_by", Data: &r.seenBy},
		{Name: "voters", Data: &r.voters},
		{Name: "usual_percent", Data: &r.usual},
		{Name: "country", Data: &r.country},
		{Name: "region", Data: &r.region},
		{Name: "places", Data: r.places.column()},
		{Name: "space", Data: &r.space},
		{Name: "daily", Data: &r.daily},
	})
}

func (r *prefixRows) reset() { r.input().Reset() }

func (r *prefixRows) decode(rec *kgo.Record) (bgp.Position, int, error) {
	r.rec.Reset()
	if err := r.rec.UnmarshalVTUnsafe(rec.Value); err != nil {
		return bgp.Position{}, 0, fmt.Errorf("reading a prefix record: %w", err)
	}
	r.pos = codec.ParsePosition(r.rec.GetPosition())
	var err error
	if r.of, err = codec.ParsePrefix(r.rec.GetPrefix()); err != nil {
		return r.pos, 0, err
	}
	if f, err := codec.ParseFamily(r.rec.GetFamily()); err != nil || f != bgp.FamilyOf(r.of) {
		return r.pos, 0,
			fmt.Errorf("a prefix record of family %d about %v: %w", r.rec.GetFamily(), r.of, codec.ErrInvalid)
	}
	if s := r.rec.GetState(); s < pb.PrefixState_PREFIX_STATE_NEW || s > pb.PrefixState_PREFIX_STATE_GONE {
		return r.pos, 0, fmt.Errorf("state %d of a prefix: %w", s, codec.ErrInvalid)
	}
	return r.pos, 1, nil
}

func (r *prefixRows) add(o *kafkaOffset, m mark) mark {
	if !m.below(r.pos, 0) {
		return m
	}
	unit := float64(bgp.FamilyOf(r.of).UnitSpace())
	r.kafkaOffsetColumns.add(o, 1)
	r.position.add(r.pos, 1)
	r.begin.Append(r.of.Addr().As16())
	r.length.Append(uint8(r.of.Bits()))
	r.prefix.Append(r.of.String())
	r.family.Append(int8(r.rec.GetFamily()))
	r.timestamp.Data = append(r.timestamp.Data, proto.DateTime(r.rec.GetWindowUs()/1e6))
	r.state.Append(int8(r.rec.GetState()))
	r.since.Data = append(r.since.Data, proto.DateTime(r.rec.GetSinceUs()/1e6))
	r.sinceAtLeast.Append(r.rec.GetSinceAtLeast())
	r.addASes(r.origins, r.originVoters, r.rec.GetOrigins())
	r.addASes(r.upstreams, r.upstreamVoters, r.rec.GetUpstreams())
	r.seenBy.Append(r.rec.GetSeenBy())
	r.voters.Append(r.rec.GetVoters())
	r.usual.Append(float64(r.rec.GetUsualPermille()) / 10)
	country, region := mostOf(r.rec.GetPlaces())
	r.country.add(country, 1)
	r.region.add(region, 1)
	r.places.add(r.rec.GetPlaces(), unit)
	r.space.Append(float64(bgp.Space(r.of)) / unit)
	r.daily.Append(r.rec.GetDaily())
	return markOf(r.pos, 0)
}

// addASes appends a row to a column of AS numbers and to the column of their voters.
func (r *prefixRows) addASes(asns, voters *proto.ColArr[uint32], all []*pb.PrefixAS) {
	r.asns, r.counts = r.asns[:0], r.counts[:0]
	for _, a := range all {
		r.asns, r.counts = append(r.asns, a.GetAsn()), append(r.counts, a.GetVoters())
	}
	asns.Append(r.asns)
	voters.Append(r.counts)
}

// mostOf returns the country with most of a prefix, and the largest region in it. places starts
// with the largest place. The places of a country are added up.
func mostOf(places []*pb.PrefixPlace) (country, region string) {
	most := uint64(0)
	for i, p := range places {
		c, sum := p.GetPlace().GetCountry(), uint64(0)
		for _, q := range places[i:] {
			if q.GetPlace().GetCountry() == c {
				sum += q.GetSpace()
			}
		}
		if sum > most { // a later place of a country that occurred before gives a smaller sum
			most, country, region = sum, c, p.GetPlace().GetRegion()
		}
	}
	return country, region
}

// placesColumn is the column places.
type placesColumn struct {
	offsets         proto.ColUInt64
	country, region proto.ColStr
	space           proto.ColFloat64
}

func (c *placesColumn) column() tuples {
	return tuples{
		&c.offsets,
		proto.ColTuple{
			proto.Named(&c.country, "country"), proto.Named(&c.region, "region"),
			proto.Named(&c.space, "space"),
		},
	}
}

// add appends a row. unit is the space of a /24 or /48.
func (c *placesColumn) add(all []*pb.PrefixPlace, unit float64) {
	for _, p := range all {
		c.country.Append(p.GetPlace().GetCountry())
		c.region.Append(p.GetPlace().GetRegion())
		c.space.Append(float64(p.GetSpace()) / unit)
	}
	ends(&c.offsets, c.space.Rows())
}
