package core

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// dual writes a stream of three collectors whose peers have routes of both families, or of one.
type dual struct {
	*rand.Rand
	prefixes [2][]string // by family
	gaps     [3]string   // open gap of each collector
	n        int
}

func newDual(seed uint64) *dual {
	x := &dual{Rand: rand.New(rand.NewPCG(seed, 7))}
	for i := range 12 {
		x.prefixes[0] = append(x.prefixes[0], fmt.Sprintf("10.%d.0.0/16", i))
		x.prefixes[1] = append(x.prefixes[1], fmt.Sprintf("2400:%d::/32", i+1))
	}
	x.prefixes[0] = append(x.prefixes[0], "84.205.64.0/24") // a beacon
	x.prefixes[1] = append(x.prefixes[1], "2001:7fb:fe00::/48")
	return x
}

func (x *dual) peer(c, p int) *pb.Peer {
	return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(c*16 + p)}), ASN: bgp.ASN(100 + c*16 + p)}, netip.Addr{})
}

func (x *dual) route(prefix string) *pb.Route {
	p := netip.MustParsePrefix(prefix)
	return &pb.Route{Prefix: codec.AppendPrefix(nil, p), PlaceShares: []uint64{0, bgp.Space(p)}}
}

// chunk returns the tables of a family of two peers of a collector.
func (x *dual) chunk(c, f int, id string, peers ...int) *pb.TableChunk {
	chunk := &pb.TableChunk{Id: id, Family: codec.Family(bgp.Families[f]), Places: []*pb.Place{{Country: "KP"}}}
	for _, p := range peers {
		chunk.Peers = append(chunk.Peers, x.peer(c, p))
	}
	for i, prefix := range x.prefixes[f] {
		r := x.route(prefix)
		chunk.Prefixes = append(chunk.Prefixes, &pb.TablePrefix{
			Prefix: r.Prefix, PlaceShares: r.PlaceShares,
			Paths: []*pb.TablePath{{OriginAs: uint32(64500 + i), UpstreamAs: 64400, Peers: []byte{1<<len(peers) - 1}}},
		})
	}
	return chunk
}

// changes returns an update of a peer about some prefixes of one family or of both.
func (x *dual) changes(c, p int, announced bool) *pb.RouteChanges {
	i := x.IntN(len(x.prefixes[0]))
	ch := &pb.RouteChanges{Peer: x.peer(c, p), OriginAs: uint32(64500 + i), UpstreamAs: 64400, Places: []*pb.Place{{Country: "KP"}}}
	which := 1 + x.IntN(3)
	for f := range 2 {
		if which&(1<<f) == 0 {
			continue
		}
		if announced {
			ch.Announced = append(ch.Announced, x.route(x.prefixes[f][i]))
		} else {
			ch.Withdrawn = append(ch.Withdrawn, x.route(x.prefixes[f][i]))
		}
		if x.IntN(40) == 0 {
			ch.EndOfRib = append(ch.EndOfRib, codec.Family(bgp.Families[f]))
		}
		if x.IntN(60) == 0 {
			ch.Unread = &pb.Unread{Prefixes: [][]byte{x.route(x.prefixes[f][i]).Prefix}}
		}
	}
	return ch
}

func (x *dual) families() []pb.Family {
	return [][]pb.Family{nil, {pb.Family_FAMILY_IPV4}, {pb.Family_FAMILY_IPV6}}[x.IntN(3)]
}

// bodies returns what a collector sends next: mostly updates, and sometimes the change of a session,
// a gap, or a part of its answer. lane is the lane of the records.
func (x *dual) bodies(c int) (lane string, out []any) {
	p, id := x.IntN(8), x.gaps[c] // the first tables have peers 0 to 3
	switch n := x.IntN(100); {
	case n < 3:
		return "live", []any{&pb.PeerUp{Peer: x.peer(c, p)}}
	case n < 6:
		return "live", []any{&pb.PeerDown{Peer: x.peer(c, p)}}
	case n < 9:
		x.n++
		x.gaps[c] = fmt.Sprint("g", x.n)
		return "live", []any{&pb.GapBegin{Id: x.gaps[c], SinceUs: since(x.IntN(2)), Families: x.families()}}
	case n < 13 && id != "":
		chunk := x.chunk(c, x.IntN(2), id, p, (p+1)%8)
		return "table/" + id, []any{chunk}
	case n < 16 && id != "":
		x.gaps[c] = ""
		return "table/" + id, []any{&pb.GapEnd{Id: id, Complete: true, Families: x.families()}}
	case n < 18 && id != "":
		x.gaps[c] = ""
		return "fill/" + id, []any{&pb.PeerUp{Peer: x.peer(c, p)}, x.changes(c, p, true), &pb.GapEnd{Id: id, Complete: true, Filled: true}}
	case n < 20 && id != "":
		return "fill/" + id, []any{&pb.PeerDown{Peer: x.peer(c, p)}}
	case n == 20:
		return "live", []any{&pb.CollectorDown{Reason: pb.DownReason(1 + x.IntN(2))}, &pb.CollectorUp{}}
	case n == 21:
		return "live", []any{&pb.RecordsLost{Topic: "bgp.routes"}}
	}
	return "live", []any{x.changes(c, p, x.IntN(4) > 0)}
}

// since returns 0 for 0, and otherwise a time shortly before dawn, microseconds since 1970.
func since(n int) int64 { return int64(n) * (dawn - 30) * 1e6 }

// records returns 90 minutes: whole tables, an outage of the first prefixes of each family from
// minute 30 to minute 50, and random records from minute 60 on.
func (x *dual) records() []*pb.RouteRecord {
	var out []*pb.RouteRecord
	add := func(c int, at int64, lane string, bodies ...any) {
		for _, b := range bodies {
			r := record(fmt.Sprintf("ris/rrc0%d", c), at, b)
			r.Position.Lane = lane
			out = append(out, r)
		}
	}
	for c := range 3 {
		add(c, dawn, "live", &pb.CollectorUp{}, &pb.GapBegin{Id: "a"})
		for f := range 2 {
			add(c, dawn, "table/a", x.chunk(c, f, "a", 0, 1, 2, 3))
		}
		add(c, dawn, "table/a", &pb.GapEnd{Id: "a", Complete: true})
	}
	for minute, announced := range map[int64]bool{30: false, 50: true} {
		for c := range 3 {
			for p := range 4 {
				for f := range 2 {
					ch := &pb.RouteChanges{Peer: x.peer(c, p)}
					for i, prefix := range x.prefixes[f][:4+f] {
						if announced {
							add(c, dawn+60*minute, "live", &pb.RouteChanges{
								Peer: x.peer(c, p), OriginAs: uint32(64500 + i), UpstreamAs: 64400,
								Places: []*pb.Place{{Country: "KP"}}, Announced: []*pb.Route{x.route(prefix)},
							})
						} else {
							ch.Withdrawn = append(ch.Withdrawn, x.route(prefix))
						}
					}
					if !announced {
						add(c, dawn+60*minute, "live", ch)
					}
				}
			}
		}
	}
	for i := range 1500 {
		c := x.IntN(3)
		lane, bodies := x.bodies(c)
		add(c, dawn+3600+int64(i)*30*60/1500, lane, bodies...)
	}
	slices.SortStableFunc(out, func(a, b *pb.RouteRecord) int { return int(a.TimestampUs/60e6 - b.TimestampUs/60e6) })
	return out
}

// outsOf plays records and returns the records that a detector publishes, by family: the family of
// the gate of a feed record, and otherwise "".
func outsOf(t *testing.T, x Families, records []*pb.RouteRecord) map[string][]string {
	t.Helper()
	cfg := small()
	cfg.NotAddressSpace, cfg.Families = nil, x
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	window := dawn
	closeTo := func(at int64) {
		for ; window+60 <= at; window += 60 {
			outs, err := d.CloseWindow(window)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range outs {
				b, err := o.Record.MarshalVT()
				if err != nil {
					t.Fatal(err)
				}
				family := ""
				if r, ok := o.Record.(interface{ GetFamily() pb.Family }); ok {
					f, _ := codec.ParseFamily(r.GetFamily())
					family = f.String()
				}
				if f, ok := o.Record.(*pb.FeedRecord); ok && len(f.Collector) > len(Name) && f.Collector[:len(Name)] == Name {
					family = f.Collector[len(Name)+1:]
				}
				out[family] = append(out[family], fmt.Sprintf("%d %s %s %x", (window-dawn)/60, o.Topic, o.Key, b))
			}
		}
	}
	for _, r := range records {
		closeTo(r.TimestampUs / 1e6)
		if err := d.Apply(r, r.TimestampUs); err != nil && !errors.Is(err, codec.ErrInvalid) {
			t.Fatal(err)
		}
	}
	closeTo(dawn + 6*3600)
	for f := range out {
		if f != "" && !x.Has(map[string]bgp.Family{"ipv4": bgp.IPv4, "ipv6": bgp.IPv6}[f]) {
			t.Errorf("the detector of %s published %d records of %s", x, len(out[f]), f)
		}
	}
	return out
}

// TestFamiliesApart: a detector for each family publishes, together, the records of one detector for
// both, and the first of them what belongs to no family.
func TestFamiliesApart(t *testing.T) {
	t.Parallel()
	outages := [2]int{}
	for seed := range uint64(30) {
		records := newDual(seed).records()
		both, v4, v6 := outsOf(t, BothFamilies, records), outsOf(t, OnlyIPv4, records), outsOf(t, OnlyIPv6, records)
		for f, of := range map[string][]string{"ipv4": v4["ipv4"], "ipv6": v6["ipv6"], "": v4[""]} {
			if diff := gocmp.Diff(both[f], of); diff != "" {
				t.Fatalf("seed %d, records of %q (-both +apart):\n%s", seed, f, diff)
			}
		}
		if n := len(v6[""]); n > 0 {
			t.Errorf("the detector of IPv6 published %d records that belong to no family", n)
		}
		for i, of := range [][]string{v4["ipv4"], v6["ipv6"]} {
			for _, line := range of {
				var minute int
				var topic string
				if _, err := fmt.Sscan(line, &minute, &topic); err == nil && topic == schemas.TopicOutages {
					outages[i]++
				}
			}
		}
	}
	if outages[0] < 12 || outages[1] < 12 {
		t.Errorf("%v records of outages: the scenario shows too little", outages)
	}
}

// TestAnswerOfOneFamily: a detector of one family answers for it alone.
func TestAnswerOfOneFamily(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Families = OnlyIPv6
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"KP": 1, "AS64500": 1, "2400:1::/32": 1, "10.0.0.0/16": 0} {
		q, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		a := d.Answer(q, 10)
		if len(a.Families) != want || want == 1 && a.Families[0].Family != "ipv6" {
			t.Errorf("%s: got the families %v, want %d", text, a.Families, want)
		}
	}
	if v := d.Verdicts(); len(v) != 1 || v[0].Family != "ipv6" {
		t.Errorf("got the verdicts %v, want those of ipv6", v)
	}
}
