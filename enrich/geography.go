package enrich

import (
	"github.com/darkmap/darkmap/enrich/geo"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// maxGeography is the maximum size of a Geography in octets. Above it the regions are left out, and
// their space counts for the country. All of ISO 3166-2 takes a third of it.
const maxGeography = MaxRecord / 2

// geographyOf encodes the RouteRecord field with the address space of each place of a snapshot. It
// is nil if no place has space.
func geographyOf(s *geo.Snapshot) []byte {
	if b := encodeGeography(s, true); len(b) <= maxGeography {
		return b
	}
	return encodeGeography(s, false)
}

func encodeGeography(s *geo.Snapshot, regions bool) []byte {
	out, index := &pb.Geography{}, map[geo.Place]*pb.PlaceSpace{}
	for id := range geo.PlaceID(s.Places()) {
		place, space := s.Place(id), s.Space(id)
		if space == (geo.Space{}) {
			continue
		}
		if !regions {
			place.Region = ""
		}
		e := index[place]
		if e == nil {
			e = &pb.PlaceSpace{Place: &pb.Place{Country: place.Country, Region: place.Region}}
			index[place] = e
			out.Places = append(out.Places, e)
		}
		e.Ipv4 += space.IPv4
		e.Ipv6 += space.IPv6
	}
	if len(out.Places) == 0 {
		return nil
	}
	b, err := (&pb.RouteRecord{Geography: out}).MarshalVT()
	if err != nil {
		panic(err) // it fails only if SizeVT is wrong
	}
	return b
}
