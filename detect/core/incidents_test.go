package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// incidentsOf gives all records of a feed to the engine of notify, in event time. It returns the
// messages for a chat and a pager, a line each: minute from dawn, kind, title, and the entities
// that are still dark. It checks that they are of the given number of incidents, each opened and
// closed once.
func incidentsOf(t *testing.T, f *feed, incidents int) (chat, pager []string) {
	t.Helper()
	cfg := incident.DefaultConfig()
	cfg.Routes = []incident.Route{{Name: "all", To: []string{"chat", "pager"}, Match: incident.Match{Datasets: []string{"test"}}}}
	targets := []incident.TargetInfo{
		{Name: "chat", Traits: target.Traits{Style: target.Chat, GroupWait: time.Minute}},
		{Name: "pager", Traits: target.Traits{Style: target.Pager, Keyed: true, GroupWait: time.Minute}},
	}
	records := func(yield func(incident.PastRecord) bool) {
		for _, out := range f.outs {
			r, ok := out.Record.(*pb.OutageRecord)
			if !ok {
				continue
			}
			var o bgp.Outage
			if err := json.Unmarshal(r.GetJson(), &o); err != nil {
				t.Fatal(err)
			}
			if !yield(incident.PastRecord{Outage: &o, At: time.UnixMicro(r.GetDecidedAtUs()).UTC()}) {
				return
			}
		}
	}
	sent, _, err := incident.Past(cfg, targets, records, time.Unix(f.window, 0))
	if err != nil {
		t.Fatal(err)
	}
	told, open := map[string][]string{}, map[string]int{}
	for _, a := range sent {
		m := a.Message
		line := fmt.Sprintf("%d %s %s", (m.Time.Unix()-dawn)/60, m.Kind, m.Title)
		if m.Remainder != "" {
			line = fmt.Sprintf("%d %s: %s", (m.Time.Unix()-dawn)/60, m.Kind, m.Remainder)
		}
		told[a.Target] = append(told[a.Target], line)
		switch key := a.Target + " " + m.Incident; {
		case m.Kind == target.Open:
			open[key]++
		case m.Reason == bgp.EndSuperseded:
			t.Errorf("%s was told twice of one thing: %s: %s", a.Target, line, m.Summary)
		}
	}
	var names []string
	for key, n := range open {
		if names = append(names, key); n != 1 {
			err = errors.Join(err, fmt.Errorf("%s was opened %d times", key, n))
		}
	}
	slices.Sort(names)
	if len(names) != incidents*len(targets) || err != nil {
		t.Errorf("got incidents %q, %v; want %d for each target", names, err, incidents)
	}
	return told["chat"], told["pager"]
}

// sixes are IPv6 networks of the world and of KP.
func sixes() []network {
	var all []network
	for i := range 40 {
		all = append(all, network{fmt.Sprintf("2a0%d:%d::/32", 1+i/10, 10+i%10), uint32(64500 + i), 64400, string([]byte{'A', byte('A' + i%8)})})
	}
	return append(all, network{"2a0a:175::/32", 131279, 4837, "KP"})
}

// dualTables sends every collector's tables of both families at dawn.
func (w *world) dualTables(six []network) {
	four := w.networks
	for c := range w.collectors {
		w.add(c, dawn, &pb.CollectorUp{})
		w.add(c, dawn, &pb.GapBegin{Id: "table/1"})
		chunk := w.chunkOf(c, "table/1")
		w.add(c, dawn, chunk)
		w.networks = six
		chunk6 := w.chunkOf(c, "table/1")
		w.networks, chunk6.Family = four, pb.Family_FAMILY_IPV6
		w.add(c, dawn, chunk6)
		w.add(c, dawn, &pb.GapEnd{Id: "table/1", Complete: true, Families: []pb.Family{pb.Family_FAMILY_IPV4, pb.Family_FAMILY_IPV6}, Peers: chunk.Peers})
	}
}

// many adds n ASes to Tonga, with each /24s per AS.
func (w *world) many(n, each int) (ases [][]network) {
	for i := range n {
		var of []network
		for j := range each {
			k := i*each + j
			of = append(of, network{fmt.Sprintf("20.%d.%d.0/24", k/256, k%256), uint32(4000 + i), 64400, "TO"})
		}
		w.networks = append(w.networks, of...)
		ases = append(ases, of)
	}
	return ases
}

// TestIncidents plays losses from routes through the detector and the engine of notify. Each is one
// incident, with one message at a time.
func TestIncidents(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		play func(w *world) (until int64)
		chat []string
	}{
		{"dual stack", func(w *world) int64 {
			six := sixes()
			w.dualTables(six)
			w.gone(dawn+30*60, append(w.in("KP"), six[40])...)
			w.back(dawn+90*60, w.in("KP")...)
			w.back(dawn+120*60, six[40])
			return dawn + 240*60
		}, []string{"35 open North Korea", "100 update: North Korea: IPv4 is back; IPv6 is not", "130 close North Korea"}},
		{"grows over 20 minutes", func(w *world) int64 {
			ases := w.many(20, 2)
			w.tables()
			for i, of := range ases[:10] {
				w.gone(dawn+int64(30+2*i)*60, of...)
			}
			for _, of := range ases[:10] {
				w.back(dawn+120*60, of...)
			}
			return dawn + 240*60
		}, []string{"35 open AS4000", "37 update Tonga", "130 close Tonga"}},
		{"large country", func(w *world) int64 {
			w.networks = append(w.networks, network{"30.0.0.0/11", 3000, 64400, "TO"}) // 8192 /24
			ases := w.many(3, 100)
			w.tables()
			for _, of := range ases {
				w.gone(dawn+30*60, of...)
			}
			for _, of := range ases[:2] {
				w.back(dawn+120*60, of...)
			}
			w.back(dawn+180*60, ases[2]...)
			return dawn + 300*60
		}, []string{"35 open AS4000", "45 update Tonga", "130 update: Tonga is back; 1 network, 100 prefixes are not", "190 close Tonga"}},
		{"moved", func(w *world) int64 {
			ases := w.many(1, 200)
			w.tables()
			w.back(dawn+30*60, hijack(ases[0])...)
			w.back(dawn+60*60, ases[0]...)
			return dawn + 180*60
		}, []string{"35 open AS4000", "70 close AS4000"}},
		{"remainder", func(w *world) int64 {
			ases := w.many(10, 4)
			w.tables()
			for _, of := range ases {
				w.gone(dawn+30*60, of...)
			}
			for _, of := range ases[1:] {
				w.back(dawn+90*60, of...)
			}
			w.back(dawn+90*60, ases[0][:2]...)
			w.back(dawn+150*60, ases[0]...)
			return dawn + 240*60
		}, []string{"35 open Tonga", "100 update: Tonga is back; 1 network, 2 prefixes are not", "160 close Tonga"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			f := w.run(tt.play(w))
			chat, pager := incidentsOf(t, f, 1)
			if diff := cmp.Diff(tt.chat, chat); diff != "" {
				t.Errorf("the chat (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(chat, pager); diff != "" {
				t.Errorf("chat and pager (-chat +pager):\n%s", diff)
			}
		})
	}
}
