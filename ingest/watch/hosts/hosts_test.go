package hosts_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func asks(s *dnstest.Server) *hosts.Resolver {
	return hosts.NewResolver(hosts.Config{Servers: []string{s.Addr}})
}

func addresses(all []netip.Addr) string {
	var out []string
	for _, a := range all {
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}

// zone sets up example.net with its name servers.
func zone(t *testing.T, s *dnstest.Server) {
	t.Helper()
	s.Set(t, "example.net. 3600 IN SOA ns1.example.net. h.example.net. 1 2 3 4 5", "example.net. 3600 IN NS ns1.example.net.", "example.net. 3600 IN NS ns2.example.org.",
		"ns1.example.net. 60 IN A 192.0.2.53", "ns2.example.org. 60 IN A 198.51.100.53", "ns2.example.org. 60 IN AAAA 2001:db8:53::1")
}

// TestResolve checks that the servers' answers about a host, valid or not, become addresses or a
// reason.
func TestResolve(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	zone(t, s)
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf("many.example.net. 10 IN A 203.0.113.%d", i)
	}
	s.Set(t, many...)
	s.Set(t, "www.example.net. 600 IN A 192.0.2.2", "www.example.net. 700 IN A 192.0.2.1", "www.example.net. 900 IN AAAA 2001:db8::1",
		"alias.example.net. 400 IN CNAME b.example.net.", "b.example.net. 300 IN CNAME WWW.example.net.",
		"loop.example.net. 60 IN CNAME loop2.example.net.", "loop2.example.net. 60 IN CNAME loop.example.net.",
		"text.example.net. 60 IN TXT none", "local.example.net. 60 IN A 127.0.0.1", "local.example.net. 60 IN AAAA fe80::1", "half.example.net. 60 IN A 192.0.2.9")
	for i := range 12 {
		s.Set(t, fmt.Sprintf("c%d.example.net. 60 IN CNAME c%d.example.net.", i, i+1))
	}
	s.Fail("broken.example.net", dns.RcodeServerFailure)
	s.Fail("refused.example.net", dns.RcodeRefused)
	s.Raw("garbage.example.net", func(*dns.Msg) []byte { return []byte("\x00") })
	s.Raw("other.example.net", func(q *dns.Msg) []byte { // an answer to another question
		m := new(dns.Msg).SetReply(q)
		m.Question[0].Name = "www.example.net."
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "other.example.net.", Rrtype: dns.TypeA, Class: 1, Ttl: 60}, A: []byte{192, 0, 2, 66}}}
		b, _ := m.Pack()
		return b
	})
	// records of names that the question did not contain
	s.Raw("stray.example.net", func(q *dns.Msg) []byte {
		m := new(dns.Msg).SetReply(q)
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "bank.example.", Rrtype: dns.TypeA, Class: 1, Ttl: 60}, A: []byte{192, 0, 2, 66}}}
		b, _ := m.Pack()
		return b
	})
	// more records, longer ones, and a name that points to itself
	s.Raw("lengths.example.net", func(q *dns.Msg) []byte {
		b, _ := new(dns.Msg).SetReply(q).Pack()
		binary.BigEndian.PutUint16(b[6:], 65535)
		return append(b, 0xc0, byte(len(b)), 0, 1, 0, 1, 0, 0, 0, 60, 0xff, 0xff, 192, 0, 2, 66)
	})
	const servers = "192.0.2.53 198.51.100.53 2001:db8:53::1"
	r := asks(s)
	for _, tt := range []struct {
		host, want, servers, problem string
		ttl                          time.Duration
	}{
		{"www.example.net", "192.0.2.1 192.0.2.2 2001:db8::1", servers, "", 600 * time.Second},
		{"alias.example.net", "192.0.2.1 192.0.2.2 2001:db8::1", servers, "", 300 * time.Second},
		{"half.example.net", "192.0.2.9", servers, "", time.Minute},
		{"loop.example.net", "", servers, "its aliases (CNAME) form a loop", 0},
		{"c0.example.net", "", servers, "it has more than 8 aliases (CNAME) in a row", 0},
		{"text.example.net", "", servers, "the name has no addresses", 0},
		{"gone.example.net", "", servers, "there is no such name (NXDOMAIN)", 0},
		{"local.example.net", "", servers, "the name has only addresses that no route leads to, such as 127.0.0.1", time.Minute},
		{"broken.example.net", "", "", "the name servers of the zone gave no answer (SERVFAIL)", 0},
		{"refused.example.net", "", "", "the DNS servers refused to answer", 0},
		{"garbage.example.net", "", "", "the answer of the DNS servers cannot be read", 0},
		{"other.example.net", "", "", "the answer of the DNS servers cannot be read", 0},
		{"lengths.example.net", "", "", "the answer of the DNS servers cannot be read", 0},
		{"stray.example.net", "", servers, "the name has no addresses", 0},
	} {
		a := r.Resolve(t.Context(), tt.host)
		if addresses(a.Addresses) != tt.want || a.Problem != tt.problem || a.TTL != tt.ttl || addresses(a.NameServers) != tt.servers {
			t.Errorf("%s: got %+v, want %+v", tt.host, a, tt)
		}
	}
	if a := r.Resolve(t.Context(), "many.example.net"); len(a.Addresses) != hosts.MaxAddresses || a.Problem != "" {
		t.Errorf("200 addresses, over TCP: got %d, %s", len(a.Addresses), a.Problem)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := r.Resolve(ctx, "www.example.net"); a.Problem != "no answer from the DNS servers" {
		t.Errorf("told to end: got %+v", a)
	}
	none := hosts.NewResolver(hosts.Config{Servers: []string{"not an address"}})
	if a := none.Resolve(t.Context(), "www.example.net"); !strings.HasPrefix(a.Problem, "no DNS server is known") {
		t.Errorf("without servers: got %+v", a)
	}
}

// TestServers checks that addresses with or without a port are accepted, and nothing else.
func TestServers(t *testing.T) {
	t.Parallel()
	ok := hosts.Config{Servers: []string{"192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353"}}
	if err := config.Validate(&ok); err != nil {
		t.Error(err)
	}
	bad := hosts.Config{Servers: []string{"dns.example.net", "192.0.2.53:0", "[2001:db8::53]"}}
	if got := strings.Count(fmt.Sprint(config.Validate(&bad)), "want an IP address"); got != 3 {
		t.Errorf("got %v", config.Validate(&bad))
	}
}

// answers plays DNS in a test, and counts the questions.
type answers struct {
	mu    sync.Mutex
	of    map[string]hosts.Answer
	asked map[string]int
	busy  int
	most  int
}

func (a *answers) ask(_ context.Context, host string) hosts.Answer {
	a.mu.Lock()
	a.asked[host]++
	a.busy++
	a.most = max(a.most, a.busy)
	a.mu.Unlock()
	time.Sleep(time.Second)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy--
	return a.of[host]
}

func (a *answers) set(host string, x hosts.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of[host] = x
}

func (a *answers) count(host string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[host]
}

func at(addrs ...string) (all []netip.Addr) {
	for _, a := range addrs {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

// TestTable checks, in virtual time, that hosts are asked for as often as their records allow,
// within bounds, and that last addresses stay for 7 days.
func TestTable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{of: map[string]hosts.Answer{}, asked: map[string]int{}}
		a.set("short", hosts.Answer{Addresses: at("192.0.2.1"), NameServers: at("192.0.2.53"), TTL: time.Second})
		a.set("long", hosts.Answer{Addresses: at("192.0.2.2"), TTL: 48 * time.Hour})
		a.set("never", hosts.Answer{Problem: "there is no such name (NXDOMAIN)"})
		table := hosts.NewTable(a.ask, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = table.Run(ctx) }) // ends with cancel
		table.Set([]string{"long", "never", "short", "known"}, map[string]hosts.Host{"known": {Addresses: at("192.0.2.9"), ResolvedAt: time.Now()}})
		a.set("known", hosts.Answer{Problem: "no answer from the DNS servers"})
		began := time.Now()
		time.Sleep(2 * time.Second)
		got := table.Hosts()
		want := map[string]hosts.Host{
			"short": {Addresses: at("192.0.2.1"), NameServers: at("192.0.2.53")}, "long": {Addresses: at("192.0.2.2")},
			"never": {Problem: "there is no such name (NXDOMAIN)"}, "known": {Addresses: at("192.0.2.9"), Problem: "no answer from the DNS servers"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after the first round (-want +got):\n%s", diff)
		}
		<-table.Changed()
		time.Sleep(time.Hour)
		if s, l, n := a.count("short"), a.count("long"), a.count("never"); s != 12 || l != 2 && l != 1 || n != 12 {
			t.Errorf("in an hour: asked %d, %d and %d times, want each 5 minutes, each hour, each 5 minutes", s, l, n)
		}
		a.set("short", hosts.Answer{Problem: "no answer from the DNS servers"})
		time.Sleep(6 * 24 * time.Hour)
		h := table.Hosts()["short"]
		if addresses(h.Addresses) != "192.0.2.1" || addresses(h.NameServers) != "192.0.2.53" || h.Problem == "" || h.ResolvedAt.Sub(began) < 50*time.Minute || h.ResolvedAt.Sub(began) > 70*time.Minute {
			t.Errorf("6 days after it stopped resolving: %+v", h)
		}
		time.Sleep(26 * time.Hour)
		if h := table.Hosts()["short"]; len(h.Addresses)+len(h.NameServers) != 0 || h.Problem == "" {
			t.Errorf("7 days after it stopped resolving: %+v", h)
		}
		a.set("short", hosts.Answer{Addresses: at("192.0.2.7", "2001:db8::7"), TTL: time.Minute})
		time.Sleep(6 * time.Minute)
		a.set("short", hosts.Answer{Addresses: at("192.0.2.8"), TTL: time.Minute, Unknown6: true})
		time.Sleep(6 * time.Minute)
		if h := table.Hosts()["short"]; addresses(h.Addresses) != "192.0.2.8 2001:db8::7" || h.Problem != "" {
			t.Errorf("the question about IPv6 got no answer: %+v, want the last IPv6 address kept", h)
		}
		names := make([]string, 100)
		for i := range names {
			names[i] = fmt.Sprint("h", i)
		}
		table.Set(names, nil)
		time.Sleep(20 * time.Second)
		n := len(table.Hosts())
		cancel()
		run.Wait()
		if n != 100 || a.most > 8 {
			t.Errorf("%d of 100 hosts were asked for, %d at one time", n, a.most)
		}
	})
}

// FuzzAnswer checks that any answer is read without a crash, and within bounds.
func FuzzAnswer(f *testing.F) {
	m := new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA)
	m.Response = true
	m.Answer = []dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Name: "www.example.net.", Rrtype: dns.TypeCNAME, Class: 1}, Target: "www.example.net."}}
	if b, err := m.Pack(); err == nil {
		f.Add(b)
	}
	f.Add([]byte{0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := hosts.Read(b, "www.example.net", dns.TypeA)
		if err != nil && errors.Unwrap(err) != nil || len(got) > len(b) {
			t.Errorf("%d addresses of %d octets, %v", len(got), len(b), err)
		}
	})
}
