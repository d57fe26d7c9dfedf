package core

import (
	"github.com/darkmap/darkmap/detect/visibility"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// prefixStates maps standings to their values in records.
var prefixStates = map[visibility.Standing]pb.PrefixState{
	visibility.StandingNew:     pb.PrefixState_PREFIX_STATE_NEW,
	visibility.StandingVisible: pb.PrefixState_PREFIX_STATE_VISIBLE,
	visibility.StandingPartly:  pb.PrefixState_PREFIX_STATE_PARTLY,
	visibility.StandingLost:    pb.PrefixState_PREFIX_STATE_LOST,
	visibility.StandingGone:    pb.PrefixState_PREFIX_STATE_GONE,
}

// prefixRecords appends the records of the holders of prefixes, in the order of prefixes: those
// whose holders changed, and those whose daily record is due.
func (f *familyState) prefixRecords(out []Out, start int64) []Out {
	all := f.vis.Holdings()
	for i := range all {
		h := &all[i]
		prefix := h.Key.Prefix(f.family)
		rec := &pb.PrefixRecord{
			Prefix: codec.AppendPrefix(nil, prefix), Family: codec.Family(f.family),
			WindowUs: start * 1e6, State: prefixStates[h.Standing], SinceUs: h.Since * 1e6,
			SinceAtLeast: h.AtLeast, Origins: prefixASes(h.Origins), Upstreams: prefixASes(h.Upstreams),
			SeenBy: uint32(h.SeenBy), Voters: uint32(h.Voters), Daily: h.Daily,
		}
		if h.UsualPermille >= 0 {
			rec.UsualPermille = new(uint32(h.UsualPermille))
		}
		for _, p := range h.Places {
			rec.Places = append(rec.Places, &pb.PrefixPlace{
				Place: &pb.Place{Country: p.Country, Region: p.Region}, Space: p.Space,
			})
		}
		out = append(out, Out{
			Topic: schemas.TopicPrefixes, Key: prefix.AppendTo([]byte(f.family.String() + "/")), Record: rec,
		})
	}
	return out
}

func prefixASes(all []visibility.HeardFrom) []*pb.PrefixAS {
	out, of := make([]*pb.PrefixAS, len(all)), make([]pb.PrefixAS, len(all))
	for i, a := range all {
		out[i] = &of[i]
		out[i].Asn, out[i].Voters = uint32(a.ASN), uint32(a.Voters)
	}
	return out
}
