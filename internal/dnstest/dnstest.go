// Package dnstest imitates the DNS servers of a machine: a server on loopback, over UDP and TCP,
// with the records that a test sets. It counts the questions.
package dnstest

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Server answers from its records, like a resolver. It is safe for concurrent use.
type Server struct {
	// Addr is its address, host:port.
	Addr string

	mu        sync.Mutex
	records   map[string][]dns.RR // by name
	rcodes    map[string]int
	silent    map[string]bool
	raw       map[string]func(q *dns.Msg) []byte
	questions int
}

// Start starts a server that ends with the test. It has no records: every name is NXDOMAIN.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{
		records: map[string][]dns.RR{}, rcodes: map[string]int{}, silent: map[string]bool{},
		raw: map[string]func(*dns.Msg) []byte{},
	}
	packets, ln := listen(tb)
	s.Addr = packets.LocalAddr().String()
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: s}, {Listener: ln, Handler: s}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		ended := make(chan struct{})
		go func() { // ends with Shutdown
			defer close(ended)
			_ = server.ActivateAndServe() // a question without an answer fails the test
		}()
		<-started
		tb.Cleanup(func() {
			_ = server.Shutdown() // a server that does not close ends with the process
			<-ended
		})
	}
	return s
}

// listen returns listeners on a port that is free for UDP and for TCP.
func listen(tb testing.TB) (net.PacketConn, net.Listener) {
	tb.Helper()
	var lc net.ListenConfig
	for try := 0; ; try++ {
		packets, err := lc.ListenPacket(tb.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		ln, err := lc.Listen(tb.Context(), "tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, ln
		}
		_ = packets.Close() // another program has the port for TCP
		if try == 20 {
			tb.Fatal(err)
		}
	}
}

// Set sets the records of their names, in the form of a zone file, and replaces all earlier
// settings of these names.
func (s *Server) Set(tb testing.TB, records ...string) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, rr)
		s.forget(strings.ToLower(rr.Header().Name))
	}
	for _, rr := range all {
		name := strings.ToLower(rr.Header().Name)
		s.records[name] = append(s.records[name], rr)
	}
}

// forget deletes the settings of a name. The caller holds mu.
func (s *Server) forget(name string) {
	delete(s.records, name)
	delete(s.rcodes, name)
	delete(s.silent, name)
	delete(s.raw, name)
}

// Fail answers questions about a name with an error code (dns.RcodeServerFailure).
func (s *Server) Fail(name string, rcode int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(dns.Fqdn(name))
	s.rcodes[dns.Fqdn(name)] = rcode
}

// Silence ignores questions about a name.
func (s *Server) Silence(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(dns.Fqdn(name))
	s.silent[dns.Fqdn(name)] = true
}

// Raw answers questions about a name with the given octets.
func (s *Server) Raw(name string, answer func(q *dns.Msg) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(dns.Fqdn(name))
	s.raw[dns.Fqdn(name)] = answer
}

// Questions returns the number of questions so far.
func (s *Server) Questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.questions
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.questions++
	if len(q.Question) != 1 {
		return
	}
	name := strings.ToLower(q.Question[0].Name)
	if answer := s.raw[name]; answer != nil {
		_, _ = w.Write(answer(q)) // a client without an answer asks again
		return
	}
	if s.silent[name] {
		return
	}
	m := new(dns.Msg).SetReply(q)
	s.answer(m, name, q.Question[0].Qtype)
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		m.Truncate(size)
	}
	if err := w.WriteMsg(m); err != nil {
		panic(fmt.Sprintf("dnstest: %v", err)) // a record that a test made cannot be sent
	}
}

// answer fills in a reply. It follows aliases as a resolver does, at most 20. The caller holds mu.
func (s *Server) answer(m *dns.Msg, name string, kind uint16) {
	for range 20 {
		if code, ok := s.rcodes[name]; ok {
			m.Rcode = code
			return
		}
		next, found := "", false
		for _, rr := range s.records[name] {
			if c, ok := rr.(*dns.CNAME); ok && kind != dns.TypeCNAME {
				m.Answer, next = append(m.Answer, rr), strings.ToLower(c.Target)
			} else if rr.Header().Rrtype == kind {
				m.Answer, found = append(m.Answer, rr), true
			}
		}
		switch {
		case found:
			return
		case next == "":
			if len(s.records[name]) == 0 {
				m.Rcode = dns.RcodeNameError
			}
			s.soa(m, name)
			return
		}
		name = next
	}
}

// soa adds the SOA record of the zone around a name, if there is one. The caller holds mu.
func (s *Server) soa(m *dns.Msg, name string) {
	for {
		for _, rr := range s.records[name] {
			if rr.Header().Rrtype == dns.TypeSOA {
				m.Ns = append(m.Ns, rr)
				return
			}
		}
		_, parent, ok := strings.Cut(name, ".")
		if !ok {
			return
		}
		name = parent
	}
}
