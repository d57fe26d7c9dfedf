package hosts

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxAliases bounds a chain of CNAME records.
	maxAliases = 8
	// MaxAddresses bounds the addresses of a host, and those of its name servers. The lowest ones
	// are kept.
	MaxAddresses = 64
	// maxNameServers bounds the name servers of a zone whose addresses are asked for.
	maxNameServers = 13
	// maxCached bounds the name servers whose addresses are cached.
	maxCached = 4096
)

// Answer is the result of asking DNS about a host.
type Answer struct {
	// Addresses and NameServers are sorted. Each address occurs once.
	Addresses, NameServers []netip.Addr
	// TTL is the time for which the addresses may be used. 0 means unknown.
	TTL time.Duration
	// Unknown4 and Unknown6 report that the host's addresses of a family are unknown, because the
	// question about them got no answer.
	Unknown4, Unknown6 bool
	// Problem is the reason why there are no addresses. It is empty if there are some.
	Problem string
}

// Resolver asks DNS servers. It is safe for concurrent use.
type Resolver struct {
	servers func() []string

	mu     sync.Mutex
	cached map[string]cachedAddresses // of name servers; at most maxCached
}

type cachedAddresses struct {
	addresses []netip.Addr
	until     time.Time
}

// NewResolver returns a Resolver that asks the servers of cfg. If cfg names none, it asks the
// system's servers at the time of each question.
func NewResolver(cfg Config) *Resolver {
	r := &Resolver{
		cached:  map[string]cachedAddresses{},
		servers: func() []string { return systemServers("/etc/resolv.conf") },
	}
	if len(cfg.Servers) > 0 {
		var fixed []string
		for _, s := range cfg.Servers {
			if a, ok := address(s); ok {
				fixed = append(fixed, a)
			}
		}
		r.servers = func() []string { return fixed }
	}
	return r
}

// Resolve asks for the addresses of a host, and for those of the name servers of its zone.
func (r *Resolver) Resolve(ctx context.Context, host string) Answer {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	a := &asking{servers: r.servers(), left: maxQueries}
	v4, ttl4, err4 := a.follow(ctx, host, dns.TypeA)
	v6, ttl6, err6 := a.follow(ctx, host, dns.TypeAAAA)
	out := Answer{Unknown4: isUnknown(err4), Unknown6: isUnknown(err6), TTL: lower(ttl4, ttl6)}
	all := slices.Concat(v4, v6)
	out.Addresses = routed(all)
	switch {
	case len(out.Addresses) > 0:
	case len(all) > 0:
		out.Problem = errLocal.Error()
	case isUnknown(err4) || err6 == nil:
		out.Problem = text(err4)
	default:
		out.Problem = text(err6)
	}
	out.NameServers = r.nameServers(ctx, a, host)
	return out
}

// text returns the reason why there are no addresses.
func text(err error) string {
	if err == nil {
		err = errNone
	}
	return err.Error()
}

// isUnknown reports whether the addresses are unknown after err.
func isUnknown(err error) bool {
	return err != nil && err != errNoName //nolint:errorlint // ask and follow wrap nothing
}

// lower returns the lower of two times. 0 means unknown, and loses to any other.
func lower(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// routed sorts addresses, removes those that no route can lead to, and keeps MaxAddresses.
func routed(all []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range all {
		if a = a.Unmap(); a.IsGlobalUnicast() {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	out = slices.Compact(out)
	return slices.Clip(out[:min(len(out), MaxAddresses)])
}

// follow asks for the addresses of one family, across aliases. If it returns neither addresses nor
// an error, the name has none.
func (a *asking) follow(
	ctx context.Context, name string, kind uint16,
) (found []netip.Addr, ttl time.Duration, err error) {
	seen := map[string]bool{canonical(name): true}
	for name = canonical(name); ; {
		msg, err := a.ask(ctx, name, kind)
		if err != nil {
			return nil, 0, err
		}
		asked := name
		for {
			next, life := alias(msg, name)
			if next == "" {
				break
			}
			switch {
			case seen[next]:
				return nil, 0, errLoop
			case len(seen) > maxAliases:
				return nil, 0, errLong
			}
			seen[next], name, ttl = true, next, lower(ttl, life)
		}
		for _, rr := range msg.Answer {
			if addr, ok := addressOf(rr, kind); ok && canonical(rr.Header().Name) == name {
				found, ttl = append(found, addr), lower(ttl, seconds(rr))
			}
		}
		switch {
		case len(found) > 0:
			return found, ttl, nil
		case msg.Rcode == dns.RcodeNameError:
			return nil, 0, errNoName
		case name == asked:
			return nil, 0, nil
		}
	}
}

// alias returns the target of a CNAME in a message; empty if the name is no alias.
func alias(msg *dns.Msg, name string) (string, time.Duration) {
	for _, rr := range msg.Answer {
		if c, ok := rr.(*dns.CNAME); ok && canonical(c.Hdr.Name) == name {
			return canonical(c.Target), seconds(c)
		}
	}
	return "", 0
}

// addressOf returns the address in a record of the kind.
func addressOf(rr dns.RR, kind uint16) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		a, ok := netip.AddrFromSlice(rr.A.To4())
		return a, ok && kind == dns.TypeA
	case *dns.AAAA:
		a, ok := netip.AddrFromSlice(rr.AAAA)
		return a, ok && kind == dns.TypeAAAA
	}
	return netip.Addr{}, false
}

func seconds(rr dns.RR) time.Duration {
	return max(time.Second, time.Duration(int64(rr.Header().Ttl)*int64(time.Second)))
}

// canonical returns a name in the form for comparison: in lower case, without a dot at its end.
func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// nameServers returns the addresses of the name servers of the host's zone. It returns none if they
// are unknown.
func (r *Resolver) nameServers(ctx context.Context, a *asking, host string) []netip.Addr {
	var all []netip.Addr
	for _, ns := range a.zone(ctx, canonical(host)) {
		all = append(all, r.addressesOf(ctx, a, ns)...)
	}
	return routed(all)
}

// zone returns the name servers of the nearest zone that contains a name, sorted.
func (a *asking) zone(ctx context.Context, name string) []string {
	for range maxAliases {
		msg, err := a.ask(ctx, name, dns.TypeNS)
		if err != nil {
			return nil
		}
		var servers []string
		for _, rr := range msg.Answer {
			if ns, ok := rr.(*dns.NS); ok && canonical(ns.Hdr.Name) == name {
				servers = append(servers, canonical(ns.Ns))
			}
		}
		if len(servers) > 0 {
			slices.Sort(servers)
			servers = slices.Compact(servers)
			return servers[:min(len(servers), maxNameServers)]
		}
		if name = above(msg, name); name == "" {
			return nil
		}
	}
	return nil
}

// above returns the zone that an answer without name servers gives for a name (RFC 2308), or else
// the next name above it. Empty means the root.
func above(msg *dns.Msg, name string) string {
	for _, rr := range msg.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			if zone := canonical(soa.Hdr.Name); zone != "" && strings.HasSuffix(name, "."+zone) {
				return zone
			}
		}
	}
	_, parent, _ := strings.Cut(name, ".")
	return parent
}

// addressesOf returns the addresses of a name server, from the cache if they are recent.
func (r *Resolver) addressesOf(ctx context.Context, a *asking, name string) []netip.Addr {
	now := time.Now()
	r.mu.Lock()
	c, ok := r.cached[name]
	r.mu.Unlock()
	if ok && now.Before(c.until) {
		return c.addresses
	}
	v4, ttl4, err4 := a.follow(ctx, name, dns.TypeA)
	v6, ttl6, err6 := a.follow(ctx, name, dns.TypeAAAA)
	all := slices.Concat(v4, v6)
	if isUnknown(err4) || isUnknown(err6) {
		return all
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cached) >= maxCached {
		clear(r.cached)
	}
	r.cached[name] = cachedAddresses{all, now.Add(clamp(lower(ttl4, ttl6)))}
	return all
}
