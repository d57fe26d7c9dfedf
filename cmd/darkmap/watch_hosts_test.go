package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/dnstest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/mrttest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// watchedHosts runs the source of watch lists, which queries a DNS server, until it has written n
// more records after the first ones. It returns these.
func watchedHosts(t *testing.T, k kafka.Config, s *dnstest.Server, list watch.Section, first, n int) (all []*pb.UpdateRecord) {
	t.Helper()
	reader, err := watch.Open(func() (watch.Loaded, error) { return watch.Load(list, "lists.yaml") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	producer, err := kafka.NewProducer(ctx, k, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	src := watch.NewSource(reader, watch.Deps{
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Kafka: k, Updates: producer, Epochs: streamtest.New(t, stream.DefaultConfig(), nil).Set,
		Ask: hosts.NewResolver(hosts.Config{Servers: []string{s.Addr}}).Resolve,
	})
	src.Own([]int32{0})
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx) }() // ends with cancel
	waittest.Until(t, time.Minute, fmt.Sprintf("%d records of the list", first+n), func() bool {
		all = nil
		for _, r := range kafkatest.Read(t, k, schemas.TopicUpdates) {
			u := &pb.UpdateRecord{}
			if err := u.UnmarshalVT(r.Value); err != nil {
				t.Fatal(err)
			}
			all = append(all, u)
		}
		return len(all) >= first+n
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	producer.Close()
	return all[first:]
}

// hostWorld returns a country with two /24s, of which one goes dark after 25 minutes, and a network
// abroad.
func hostWorld(start time.Time) *mrttest.World {
	route := func(p string, origin bgp.ASN, country string) mrttest.Route {
		return mrttest.Route{Prefix: netip.MustParsePrefix(p), Via: 4837, Origin: origin, Country: country}
	}
	routes := append(mrttest.Background(40), route("198.51.100.0/24", 64496, "TO"), route("203.0.113.0/24", 64497, "NL"))
	w := mrttest.NewWorld(start, 2, 4, routes)
	w.Churn(0, 50*time.Minute, 20*time.Second, w.Peers, routes[:40])
	w.Withdraw(25*time.Minute, w.Peers, routes[40].Prefix)
	return w
}

// TestHostsEndToEnd: DNS through the source of watch lists, enrich, detect and notify. Messages
// report the time of a host's addresses, since when the host does not resolve, and which addresses
// are abroad. Only the source queries DNS, and the same log gives the same messages.
func TestHostsEndToEnd(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Set(t, "example.net. 60 IN SOA ns.example.net. h.example.net. 1 2 3 4 5", "example.net. 60 IN NS ns.example.net.", "ns.example.net. 60 IN A 203.0.113.53",
		"dark.example.net. 60 IN A 198.51.100.1", "dark.example.net. 60 IN NS ns.dark.example.net.", "ns.dark.example.net. 60 IN A 198.51.100.53",
		"two.example.net. 60 IN A 198.51.100.2", "two.example.net. 60 IN A 203.0.113.2", "abroad.example.net. 60 IN A 203.0.113.3")
	list := watch.Section{{Name: "mine", Home: "TO", Hosts: []string{"dark.example.net", "two.example.net", "abroad.example.net", "never.example.net"}}}
	k := kafkatest.New(t, 1)
	before := time.Now()
	known := watchedHosts(t, k, s, list, 0, 5)
	s.Fail("dark.example.net", dns.RcodeServerFailure) // the name servers do not answer
	later := watchedHosts(t, k, s, list, len(known), 2)
	asked := s.Questions()

	w := hostWorld(before.Truncate(time.Hour))
	updates := worldUpdates(t, w, time.Hour)
	at := func(records []*pb.UpdateRecord, minute int) {
		for _, r := range records {
			r.TimestampUs = w.Start.Add(time.Duration(minute) * time.Minute).UnixMicro()
			updates = append(updates, r)
		}
	}
	at(known, 1)
	at(later, 40)
	cfg := enrich.Config{Geo: geo.Config{Files: []geo.File{{Path: written(t, "places.csv", string(w.Geo()))}}}}
	records := detected(t, cfg, updates)
	again := detected(t, cfg, updates)
	if diff := cmp.Diff(records, again); diff != "" || s.Questions() != asked {
		t.Errorf("detect is not deterministic, or asked DNS (%d questions, then %d):\n%s", asked, s.Questions(), diff)
	}
	of := func(event bgp.Event) (o *bgp.Outage) {
		for i := range records {
			if r := records[i].Outage; r.Entity.Code == "198.51.100.0/24" && r.Event == event {
				o = r
			}
		}
		return o
	}
	opened, updated := of(bgp.EventOpened), of(bgp.EventUpdated)
	if opened == nil || updated == nil {
		t.Fatalf("opened %v, updated %v", opened, updated)
	}
	for i := range opened.Watch {
		if h := opened.Watch[i].Host; h == nil || h.ResolvedAt.Before(before.Truncate(time.Second)) || h.ResolvedAt.After(time.Now()) {
			t.Errorf("%s: got %+v, want it resolved in this test", opened.Watch[i].Member, h)
		}
	}
	told := func(o *bgp.Outage) string {
		m := incident.PastRecord{Outage: o, At: o.Start.Add(5 * time.Minute)}
		cfg := incident.Config{Routes: []incident.Route{{Name: "mine", To: []string{"chat"}, Match: incident.Match{Watch: []string{"mine"}}}}}
		sent, _, err := incident.Past(cfg, []incident.TargetInfo{{Name: "chat", Traits: target.Traits{Style: target.Chat, MaxAge: time.Hour}}}, slices.Values([]incident.PastRecord{m}), m.At.Add(10*time.Minute))
		if err != nil || len(sent) == 0 {
			t.Fatalf("%d messages, %v", len(sent), err)
		}
		for _, f := range sent[len(sent)-1].Message.Facts() {
			if f.Name == "Hosts" {
				return f.Text
			}
		}
		return ""
	}
	asOf := target.Clock(*opened.Watch[0].Host.ResolvedAt)
	// An incident keeps a record in 2,560 octets. With texts about a day of two digits that is too
	// little for the last name server, which is then only counted.
	const two = ": 198.51.100.2 lost, 203.0.113.2 visible and announced abroad (NL)"
	last := []string{", and 1 more", ", name server 203.0.113.53 visible and announced abroad (NL)"}
	dark := "dark.example.net: addresses as of " + asOf + "%s: 198.51.100.1 lost, name server 198.51.100.53 lost; two.example.net: addresses as of " + asOf + two
	for what, x := range map[string]struct {
		o     *bgp.Outage
		since string
	}{
		"when it goes dark": {opened, ""}, "when it does not resolve any more": {updated, ", does not resolve since (the name servers of the zone gave no answer (SERVFAIL))"},
	} {
		got, want := told(x.o), fmt.Sprintf(dark, x.since)
		if rest, ok := strings.CutPrefix(got, want); !ok || !slices.Contains(last, rest) {
			t.Errorf("%s: got\n%s, want\n%s and one of %q", what, got, want, last)
		}
	}
	for _, r := range records {
		if b, _ := json.Marshal(r.Outage); strings.Contains(string(b), "abroad.example.net") || strings.Contains(string(b), "never.example.net") {
			t.Errorf("%s names a host that is up or unknown", r.Outage.ID)
		}
	}
}
