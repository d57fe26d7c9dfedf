package core

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// hostsOf returns the hosts of a record as text.
func hostsOf(o bgp.Outage) string {
	var s []string
	for _, m := range o.Watch {
		h := m.Host
		if h == nil {
			continue
		}
		text := m.Member
		if h.ResolvedAt != nil {
			text += fmt.Sprintf(" as of +%d", (h.ResolvedAt.Unix()-dawn)/60)
		}
		if h.Problem != "" {
			text += " (" + h.Problem + ")"
		}
		for _, a := range h.Addresses {
			text += " " + a.Address
			if a.NameServer {
				text += " ns"
			}
			text += " " + a.State + " " + strings.Join(a.Countries, ",")
			if a.Abroad {
				text += " abroad"
			}
		}
		s = append(s, fmt.Sprintf("%s of %d", text, h.AddressesTotal))
	}
	return strings.Join(s, "; ")
}

// TestHostsTold: records name hosts with their addresses in the log, the state of the routes to
// them in both families, and the time since which the name does not resolve. A host that is abroad
// and up is in no event, and neither is one that never resolved.
func TestHostsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home, other, abroad := network{"20.0.1.0/24", 65101, 64400, "TO"}, network{"20.0.2.0/24", 65102, 64400, "TO"}, network{"20.0.3.0/24", 65103, 64402, "NL"}
	w.networks = append(w.networks, home, other, abroad)
	w.tables()
	w.records = append(w.records, record("", dawn, &pb.WatchList{
		Name: "mine", Home: "TO", Members: members("dark.example.net", "two.example.net", "ns.example.net", "abroad.example.net", "never.example.net"),
	}))
	w.host(dawn+5, "dark.example.net", "20.0.1.1", "-", "20.0.1.53")
	w.host(dawn+5, "two.example.net", "20.0.1.2", "20.0.3.2", "2001:db8::2")
	w.host(dawn+5, "ns.example.net", "20.0.3.3", "-", "20.0.1.53")
	w.host(dawn+5, "abroad.example.net", "20.0.3.4", "-", "20.0.3.53")
	w.records = append(w.records, record("", dawn+5, &pb.HostAddresses{List: "mine", Host: "never.example.net", Problem: "there is no such name (NXDOMAIN)"}))
	w.gone(dawn+hours, home)
	const answer = "no answer from the DNS servers"
	gone := record("", dawn+hours+20*60, &pb.HostAddresses{
		List: "mine", Host: "dark.example.net", ResolvedAtUs: (dawn + 5) * 1e6, Problem: answer, Addresses: [][]byte{{20, 0, 1, 1}}, NameServers: [][]byte{{20, 0, 1, 53}},
	})
	w.records = append(w.records, gone)
	f := w.run(dawn + 2*hours)
	all := outagesOf(t, f, "20.0.1.0/24")
	if len(all) < 2 {
		t.Fatalf("%d records", len(all))
	}
	const rest = "; ns.example.net as of +0 20.0.3.3 visible NL abroad 20.0.1.53 ns lost TO of 2; two.example.net as of +0 20.0.1.2 lost TO 2001:db8::2 never_seen  20.0.3.2 visible NL abroad of 3"
	if got, want := hostsOf(all[0]), "dark.example.net as of +0 20.0.1.1 lost TO 20.0.1.53 ns lost TO of 2"+rest; got != want {
		t.Errorf("at first\n%s, want\n%s", got, want)
	}
	last := all[len(all)-1]
	if got, want := hostsOf(last), "dark.example.net as of +0 ("+answer+") 20.0.1.1 lost TO 20.0.1.53 ns lost TO of 2"+rest; got != want {
		t.Errorf("when it does not resolve any more\n%s, want\n%s", got, want)
	}
	if last.Event != bgp.EventUpdated {
		t.Errorf("the last record is %s, want the update of the minute in which the name stopped to resolve", last.Event)
	}
	for _, o := range f.outs {
		if r, ok := o.Record.(*pb.OutageRecord); ok {
			if b, _ := json.Marshal(string(r.Json)); strings.Contains(string(b), "abroad.example.net") || strings.Contains(string(b), "never.example.net") {
				t.Errorf("%s names a host that lost nothing", r.Id)
			}
		}
	}
	again := w.run(dawn + 2*hours)
	if len(again.outs) != len(f.outs) {
		t.Errorf("%d records, then %d", len(f.outs), len(again.outs))
	}
}
