package core

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	minute = int64(60)
	hours  = 60 * minute
	days   = 24 * hours

	country    = pb.EntityType_ENTITY_TYPE_COUNTRY
	as         = pb.EntityType_ENTITY_TYPE_AS
	single     = pb.EntityType_ENTITY_TYPE_PREFIX
	everything = pb.EntityType_ENTITY_TYPE_WORLD
)

// TestLife plays the life cycles that an outage can have, from routes to events.
func TestLife(t *testing.T) {
	t.Parallel()
	gone := dawn + 2*hours
	for _, tt := range []struct {
		name  string
		play  func(w *world)
		until int64
		types []pb.EntityType
		want  []string
		note  map[string]string // by entity: a part of its JSON
	}{
		{
			name:  "nothing",
			play:  func(*world) {},
			until: dawn + 2*days,
			types: []pb.EntityType{country, as, single},
		},
		{
			name: "two hours",
			play: func(w *world) {
				w.gone(gone, w.in("KP")...)
				w.back(gone+2*hours, w.in("KP")...)
			},
			until: dawn + 12*hours,
			types: []pb.EntityType{country, as},
			want:  []string{"AS131279 outage closed 120-240", "KP outage closed 120-240"},
			note:  map[string]string{"KP": `"upstreams":[{"asn":4837}]`},
		},
		{
			name: "48 hours",
			play: func(w *world) {
				w.gone(gone, w.in("KP")...)
				w.back(gone+48*hours, w.in("KP")...)
			},
			until: dawn + 4*days,
			types: []pb.EntityType{country, as},
			want:  []string{"AS131279 outage closed 120-3000", "KP outage closed 120-3000"},
		},
		{
			name: "8 days",
			play: func(w *world) {
				w.gone(gone, w.in("KP")...)
				w.back(gone+8*days, w.in("KP")...)
			},
			until: dawn + 11*days,
			types: []pb.EntityType{country},
			want:  []string{"KP outage closed 120-10200"},
			note:  map[string]string{"KP": "normal"},
		},
		{
			name: "a peer down and up during an outage",
			play: func(w *world) {
				w.gone(gone, w.in("KP")...)
				for p := range w.peers {
					w.add(0, gone+20*minute, &pb.PeerDown{Peer: w.peer(0, p)})
					w.add(0, gone+25*minute, &pb.PeerUp{Peer: w.peer(0, p)})
					for _, n := range w.networks {
						if n.country != "KP" {
							w.announce(0, p, gone+26*minute, n)
						}
					}
				}
				w.back(gone+2*hours, w.in("KP")...)
			},
			until: dawn + 8*hours,
			types: []pb.EntityType{country, as},
			want:  []string{"AS131279 outage closed 120-240", "KP outage closed 120-240"},
		},
		{
			name: "every session resets, one collector after the other, and one for good",
			play: func(w *world) {
				for c := range w.collectors {
					at := gone + int64(c)*7*minute
					for p := range w.peers {
						w.add(c, at, &pb.PeerDown{Peer: w.peer(c, p)})
						if c == 3 {
							continue
						}
						w.add(c, at+90, &pb.PeerUp{Peer: w.peer(c, p)})
						w.announce(c, p, at+100, w.networks...)
						w.add(c, at+110, &pb.RouteChanges{Peer: w.peer(c, p), EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}})
					}
				}
			},
			until: dawn + 6*hours,
			types: []pb.EntityType{country, as, single},
		},
		{
			name: "tables sent again without a state message, and a collector lost and back",
			play: func(w *world) {
				w.everybody(gone, func(c, p int, t int64) { w.announce(c, p, t, w.networks...) })
				w.add(5, gone+hours, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST})
				w.add(5, gone+hours+30, &pb.CollectorUp{})
				for p := range w.peers {
					w.announce(5, p, gone+hours+40, w.networks...)
				}
				w.add(6, gone+2*hours, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_ENDED})
			},
			until: dawn + 6*hours,
			types: []pb.EntityType{country, as, single},
		},
		{
			name: "a more-specific goes under its own aggregate",
			play: func(w *world) {
				w.gone(gone, network{prefix: "10.3.7.0/24"})
			},
			until: dawn + 4*hours,
			types: []pb.EntityType{country, as, single},
			want:  nil,
			note:  map[string]string{"10.3.7.0/24": `"deaggregated":["10.3.7.0/24"]`},
		},
		{
			name: "a more-specific goes under a foreign aggregate",
			play: func(w *world) {
				w.gone(gone, network{prefix: "10.4.7.0/24"})
			},
			until: dawn + 4*hours,
			types: []pb.EntityType{as, single},
			want:  []string{"10.4.7.0/24 outage open 120-open", "AS65010 outage open 120-open"},
			note:  map[string]string{"AS65010": `"covered":[{"prefix":"10.4.7.0/24","by":64504}]`},
		},
		{
			name: "an aggregate gives way to its halves",
			play: func(w *world) {
				var halves []network
				for _, n := range w.in("AB") {
					base := strings.TrimSuffix(n.prefix, "0.0/16")
					halves = append(halves, network{base + "0.0/17", n.origin, n.upstream, "AB"}, network{base + "128.0/17", n.origin, n.upstream, "AB"})
				}
				w.back(gone, halves...)
				w.gone(gone+2*minute, w.in("AB")...)
			},
			until: dawn + 3*hours,
			types: []pb.EntityType{country, as},
		},
		{
			name: "another AS originates the prefixes",
			play: func(w *world) {
				moved := w.in("KP")
				for i := range moved {
					moved[i].origin = 65020
				}
				w.back(gone, moved...)
				w.back(gone+3*hours, w.in("KP")...)
			},
			until: dawn + 8*hours,
			types: []pb.EntityType{country, as},
			want:  []string{"AS131279 moved closed 120-300"},
			note:  map[string]string{"AS131279": `"moved_to":[{"asn":65020}]`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.networks = append(w.networks, network{"10.3.7.0/24", 64503, 64400, "AD"}, network{"10.4.7.0/24", 65010, 64400, "AE"})
			w.tables()
			tt.play(w)
			f := w.run(tt.until)
			if diff := cmp.Diff(tt.want, told(f, tt.types...)); diff != "" {
				t.Errorf("outages (-want +got):\n%s", diff)
			}
			for code, want := range tt.note {
				if got := notesOf(f, code); !strings.Contains(got, want) {
					t.Errorf("%s: got %s, want it to say %s", code, got, want)
				}
			}
		})
	}
}

// TestStrangerWithWholeTable lets a peer with far more prefixes than any other join while a country
// is really lost, with and without state messages.
func TestStrangerWithWholeTable(t *testing.T) {
	t.Parallel()
	for _, states := range []bool{true, false} {
		t.Run(fmt.Sprintf("states=%v", states), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tables()
			at := dawn + 2*hours
			if states {
				w.add(0, at, &pb.PeerUp{Peer: w.peer(0, 9)})
			}
			for i := range 20_000 {
				w.announce(0, 9, at+int64(i/600), network{fmt.Sprintf("%d.%d.%d.0/24", 20+i>>16, i>>8&255, i&255), uint32(70_000 + i/7), 64400, "QQ"})
			}
			w.announce(0, 9, at+35, w.networks...)
			w.gone(at+10, w.in("KP")...)
			w.back(at+hours, w.in("KP")...)
			if states {
				w.add(0, at+3*hours, &pb.PeerDown{Peer: w.peer(0, 9)})
			}
			f := w.run(dawn + 20*hours)
			want := []string{
				"175.45.176.0/24 outage closed 120-180", "175.45.177.0/24 outage closed 120-180", "175.45.178.0/24 outage closed 120-180",
				"175.45.179.0/24 outage closed 120-180", "AS131279 outage closed 120-180", "KP outage closed 120-180",
			}
			if diff := cmp.Diff(want, told(f, country, as, single)); diff != "" {
				t.Errorf("outages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInterleaving plays one log with the collectors shuffled within each window. The output is the
// same, octet by octet.
func TestInterleaving(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.networks = append(w.networks, network{"10.3.7.0/24", 64503, 64400, "AD"}, network{"10.4.7.0/24", 65010, 64400, "AE"})
	w.tables()
	rng := rand.New(rand.NewPCG(1, 2))
	at := dawn + hours
	for range 60 {
		at += 60 + rng.Int64N(600)
		ns := w.networks[rng.IntN(len(w.networks)):]
		ns = ns[:min(len(ns), 1+rng.IntN(4))]
		switch rng.IntN(5) {
		case 0, 1:
			w.gone(at, ns...)
		case 2:
			w.back(at, ns...)
		case 3:
			other := slices.Clone(ns)
			for i := range other {
				other[i].origin, other[i].upstream, other[i].country = 65100, 64401, "ZQ"
			}
			w.back(at, other...)
		case 4:
			c, p := rng.IntN(w.collectors), rng.IntN(w.peers)
			w.add(c, at, &pb.PeerDown{Peer: w.peer(c, p)})
			w.add(c, at+100, &pb.PeerUp{Peer: w.peer(c, p)})
			w.announce(c, p, at+110, w.networks...)
		}
	}
	slices.SortStableFunc(w.records, func(a, b *pb.RouteRecord) int { return int(a.TimestampUs - b.TimestampUs) })
	want := encoded(t, w.run(at+2*hours))
	if len(want) < 1000 {
		t.Fatalf("got %d octets: too little to compare", len(want))
	}
	for seed := range uint64(5) {
		w.records = interleave(w.records, seed)
		if got := encoded(t, w.run(at+2*hours)); got != want {
			t.Fatalf("seed %d: another order of collectors gives another result", seed)
		}
	}
}

// interleave shuffles collectors within windows, each collector's own order kept.
func interleave(in []*pb.RouteRecord, seed uint64) []*pb.RouteRecord {
	rng := rand.New(rand.NewPCG(seed, 3))
	var out []*pb.RouteRecord
	for len(in) > 0 {
		n, window := 0, in[0].TimestampUs/60e6
		for n < len(in) && in[n].TimestampUs/60e6 == window {
			n++
		}
		queues := map[string][]*pb.RouteRecord{}
		var names []string
		for _, r := range in[:n] {
			c := r.Position.Collector
			if queues[c] == nil {
				names = append(names, c)
			}
			queues[c] = append(queues[c], r)
		}
		slices.Sort(names)
		for len(names) > 0 {
			i := rng.IntN(len(names))
			c := names[i]
			r := queues[c][0]
			if queues[c] = queues[c][1:]; len(queues[c]) == 0 {
				names = slices.Delete(names, i, i+1)
			}
			out = append(out, r)
		}
		in = in[n:]
	}
	return out
}

// encoded returns all records that a run published.
func encoded(t *testing.T, f *feed) string {
	t.Helper()
	var b strings.Builder
	for _, o := range f.outs {
		v, err := o.Record.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s %x\n", o.Topic, o.Key, v)
	}
	return b.String()
}
