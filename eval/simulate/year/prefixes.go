package year

import (
	"cmp"
	"iter"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// prefixDays is the number of days at the end for which bgp.prefixes has records. Each prefix
	// has one record a day.
	prefixDays = 2
	// dayTurns is the number of minutes of the day over which the daily records are spread.
	dayTurns = 24 * 60
)

// turn is a change of a prefix.
type turn struct {
	minute int64
	prefix int
	lost   bool
}

// prefixTurns returns the losses and returns of prefixes by outages of ASes and prefixes in the
// last prefixDays, in the order of time. A prefix that was lost before counts as lost at their
// beginning.
func (y *Year) prefixTurns(family int) []turn {
	begin := (y.end - prefixDays*day) / minute
	var all []turn
	for _, o := range y.outages {
		if o.family != family || !o.routes || len(o.sample) == 0 {
			continue
		}
		for _, span := range o.spans() {
			gone, back := span[0]/minute, span[1]/minute+1
			if back <= begin || gone >= y.end/minute {
				continue
			}
			for i := range min(o.lost, maxRoutes) {
				all = append(all, turn{max(gone, begin), o.sample[0] + i, true})
				if back < y.end/minute && o.reason != bgp.EndLeftTable {
					all = append(all, turn{back, o.sample[0] + i, false})
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(a.prefix, b.prefix))
	})
	return slices.CompactFunc(all, func(a, b turn) bool { return a.minute == b.minute && a.prefix == b.prefix })
}

// prefixRecords yields the records of a family's prefixes: one at each change, and one a day for
// each prefix.
func (y *Year) prefixRecords(family int) iter.Seq2[*kgo.Record, error] {
	return func(yield func(*kgo.Record, error) bool) {
		e := newPrefixEncoder(y, family)
		turns := y.prefixTurns(family)
		lost := map[int]int64{} // the minute of the loss
		back := map[int]int64{}
		for m := (y.end - prefixDays*day) / minute; m < y.end/minute; m++ {
			changed := map[int]bool{}
			for ; len(turns) > 0 && turns[0].minute == m; turns = turns[1:] {
				t := turns[0]
				if _, is := lost[t.prefix]; is == t.lost {
					continue
				}
				if delete(lost, t.prefix); t.lost {
					lost[t.prefix] = m
				} else {
					back[t.prefix] = m
				}
				changed[t.prefix] = true
				if !yield(e.record(t.prefix, m, m, t.lost, false)) {
					return
				}
			}
			for n := int(m % dayTurns); n < y.world.prefixes[family]; n += dayTurns {
				since, is := lost[n]
				if !is {
					since = max(back[n], y.begin/minute)
				}
				if !changed[n] && !yield(e.record(n, m, since, is, true)) {
					return
				}
			}
		}
	}
}

// prefixEncoder makes the records of a family's prefixes. It uses its parts again for each record.
type prefixEncoder struct {
	y         *Year
	family    int
	send      sender
	of        []int32 // the index in world.ases, by prefix
	rec       pb.PrefixRecord
	origin    pb.PrefixAS
	upstreams [2]pb.PrefixAS
	place     pb.PrefixPlace
	usual     uint32
}

func newPrefixEncoder(y *Year, family int) *prefixEncoder {
	e := &prefixEncoder{y: y, family: family, of: make([]int32, y.world.prefixes[family]), usual: 1000}
	for i := range y.world.ases {
		a := &y.world.ases[i]
		for n := range a.prefixes[family] {
			e.of[a.first[family]+n] = int32(i)
		}
	}
	e.place.Place = &pb.Place{}
	e.rec = pb.PrefixRecord{
		Family: codec.Family(bgp.Families[family]), Origins: []*pb.PrefixAS{&e.origin},
		Upstreams:     []*pb.PrefixAS{&e.upstreams[0], &e.upstreams[1]},
		UsualPermille: &e.usual, Places: []*pb.PrefixPlace{&e.place},
	}
	return e
}

// record encodes the n-th prefix in minute m since 1970.
func (e *prefixEncoder) record(n int, m, since int64, lost, daily bool) (*kgo.Record, error) {
	w, f, r := e.y.world, bgp.Families[e.family], &e.rec
	i := int(e.of[n])
	a, p := &w.ases[i], prefix(e.family, n)
	c := &w.countries[a.country]
	voters := uint32(e.y.votersAt(m * minute))
	r.Position, r.Prefix = e.send.decided(f, m*minute), codec.AppendPrefix(r.Prefix[:0], p)
	r.WindowUs, r.SinceUs, r.SinceAtLeast, r.Daily = at(m*minute), at(since*minute),
		since*minute == e.y.begin, daily
	r.Voters, r.SeenBy, r.State = voters, voters, pb.PrefixState_PREFIX_STATE_VISIBLE
	if lost {
		r.SeenBy, r.State = 0, pb.PrefixState_PREFIX_STATE_LOST
	}
	e.origin.Asn, e.origin.Voters = uint32(asn(i)), voters
	for j, share := range [2]uint32{voters - voters/4, voters / 4} {
		e.upstreams[j].Asn, e.upstreams[j].Voters = uint32(asn(a.upstreams[j])), share
	}
	e.place.Place.Country, e.place.Place.Region, e.place.Space = c.code, c.regions[a.region].code, bgp.Space(p)
	return e.send.record(schemas.TopicPrefixes, int32(e.family), e.y.taken((m+1)*minute), r)
}
