package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/routertest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// customers are the /24s of a list of 200. wide and narrow are prefixes that no router announces at
// first. Each has an origin that no router has.
var (
	customers = fourOf(routertest.Common(30, 230))
	wide      = netip.MustParsePrefix("10.108.20.0/23")
	narrow    = netip.MustParsePrefix("10.108.22.0/24")
)

func fourOf(all []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(all, func(p netip.Prefix) bool { return bgp.FamilyOf(p) != bgp.IPv4 })
}

// told is the first message to a webhook on an event of an outage.
type told struct {
	at time.Time
	o  bgp.Outage
}

// hook is a webhook.
type hook struct {
	url, secret string
	mu          sync.Mutex
	heard       map[string]told // by id and event
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{heard: map[string]told{}, secret: written(t, "secret", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Data bgp.Outage }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("a body that cannot be read: %v", err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		key := body.Data.ID + " " + string(body.Data.Event)
		if _, ok := h.heard[key]; !ok {
			h.heard[key] = told{time.Now(), body.Data}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

// find returns the first message on a prefix with an event and kind, or nil if there was none.
func (h *hook) find(p netip.Prefix, event bgp.Event, kind bgp.Kind) *told {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.heard {
		if x.o.Entity.Code == p.String() && x.o.Event == event && x.o.Kind == kind {
			return &x
		}
	}
	return nil
}

// all returns the messages with an event.
func (h *hook) all(event bgp.Event) (out []told) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.heard {
		if x.o.Event == event {
			out = append(out, x)
		}
	}
	return out
}

// watching returns the settings of the list, of its host's DNS server and of the webhook.
func watching(h *hook, dns string) []string {
	var members []string
	for _, p := range append(customers, routertest.Common(0, 4)...) {
		members = append(members, fmt.Sprintf("%q", p))
	}
	return []string{
		fmt.Sprintf("watch=[{name: customers, title: Our customers, prefixes: [%s, 203.0.113.64/26], origins: {%v: [64510], %v: [64510]}, hosts: [www.example.net, never.example.net]}]",
			strings.Join(members, ", "), wide, narrow),
		fmt.Sprintf("watch_dns.servers=[%q]", dns),
		fmt.Sprintf("notify.targets={mine: {webhook: {url: %q, secrets: [{file: %q}]}}}", h.url, h.secret),
		"notify.routes=[{name: mine, to: [mine], match: {watch: [customers]}, updates: all, group_wait: '0'}]",
	}
}

// showMembers checks `watch status` of the running instance: prefixes that voters hold, prefixes
// that no peer announces, and hosts with and without an address.
func (o *observatory) showMembers() {
	o.t.Helper()
	var out, errs bytes.Buffer
	status := func() string {
		out.Reset()
		errs.Reset()
		run(o.t.Context(), []string{"watch", "status", "customers", "--limit", "500", "--data-dir", o.dir}, nil, &out, &errs)
		return out.String()
	}
	wants := map[string][]string{
		routertest.Common(3, 4)[0].String(): {"3 of 3"}, narrow.String(): {"never seen"}, "203.0.113.64/26": {"too long"},
		"www.example.net": {routertest.Common(2, 3)[0].String()}, "never.example.net": {"NXDOMAIN"},
	}
	routertest.Eventually(o.t, time.Minute, func() error {
		lines := strings.Split(status(), "\n")
		for member, texts := range wants {
			i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, member+" ") })
			for _, text := range texts {
				if i < 0 || !strings.Contains(lines[i], text) && !strings.Contains(strings.Join(lines[i:min(i+3, len(lines))], " "), text) {
					return fmt.Errorf("%s: no %q in\n%s%s", member, text, out.String(), errs.String())
				}
			}
		}
		return nil
	})
}

// tellOfCustomers has the routers withdraw 200 customers of the list at once, which they have
// announced since before darkmap started. Then they announce the customers again, and prefixes of
// foreign origin. The webhook receives a message on each. The delay is measured from the end of the
// window that decided it.
func (o *observatory) tellOfCustomers(script *routertest.Script, h *hook, within time.Duration) {
	o.t.Helper()
	each := func(do func(r *routertest.Router)) {
		for _, r := range script.Lab.Routers {
			do(r)
		}
	}
	for _, p := range customers {
		script.Withdrawn[p] = true
	}
	each(func(r *routertest.Router) { r.Withdraw(customers...) })
	each(func(r *routertest.Router) { r.Announce(netip.MustParsePrefix("10.108.20.0/24"), narrow) })
	// Events of these prefixes are no faults.
	script.Withdrawn[wide], script.Withdrawn[narrow], script.Withdrawn[netip.MustParsePrefix("10.108.20.0/24")] = true, true, true
	for _, p := range []netip.Prefix{wide, narrow} {
		routertest.Eventually(o.t, within, func() error {
			if h.find(p, bgp.EventOpened, bgp.KindOrigin) == nil {
				return fmt.Errorf("no event of the kind origin of %v: %s", p, o.outages())
			}
			return nil
		})
	}
	wait := func(event bgp.Event) {
		routertest.Eventually(o.t, within, func() error {
			for _, p := range customers {
				if h.find(p, event, bgp.KindOutage) == nil {
					return fmt.Errorf("%v: not told that it %s", p, event)
				}
			}
			return nil
		})
	}
	wait(bgp.EventOpened)
	each(func(r *routertest.Router) { r.Announce(customers...) })
	wait(bgp.EventClosed)
	decided := map[string]time.Time{}
	o.records(schemas.TopicOutages, func(rec *kgo.Record) error {
		r := &pb.OutageRecord{}
		if err := r.UnmarshalVT(rec.Value); err != nil {
			return err
		}
		decided[r.GetId()+" "+r.GetEvent()] = time.UnixMicro(r.GetDecidedAtUs())
		return nil
	})
	for _, event := range []bgp.Event{bgp.EventOpened, bgp.EventClosed} {
		var late []time.Duration
		for _, x := range h.all(event) {
			if at, ok := decided[x.o.ID+" "+string(event)]; ok {
				late = append(late, x.at.Sub(at))
			}
		}
		slices.Sort(late)
		o.t.Logf("%d %s: told after the end of the window: median %v, p99 %v, at most %v", len(late), event, late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
		if p99 := late[len(late)*99/100]; p99 > 5*time.Second {
			o.t.Errorf("%s: told %v after the end of the window, want 5 s", event, p99)
		}
	}
	for _, x := range h.all(bgp.EventOpened) {
		if x.o.Kind == bgp.KindOrigin {
			o.t.Logf("%s: %s (%s)", x.o.Entity.Code, x.o.Headline, x.o.Severity)
		}
	}
}

// hostAddress returns the address of the list's host. It lies within a prefix that all routers
// announce.
func hostAddress() net.IP { return routertest.Common(2, 3)[0].Addr().Next().AsSlice() }
