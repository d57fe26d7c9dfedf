package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/telemetry"
)

// Policy decides who may read.
type Policy struct {
	// Public lets anybody read public data. Loopback means that the server listens on loopback, so
	// that programs of this machine may read public data.
	Public, Loopback bool
	// Keys are the secrets that grant access. If it is empty, logging in with a key is impossible.
	Keys []string
	// Proxies are the addresses whose forwarding headers are trusted. UserHeader is the header in
	// which they name the logged-in user; empty means none.
	Proxies    []netip.Prefix
	UserHeader string
}

// Viewer is the sender of a request.
type Viewer struct {
	// LoggedIn allows private data.
	LoggedIn bool
	// May is false if the viewer must log in even for public data.
	May bool
	// Client is the address of the viewer, behind trusted proxies: an IPv4 address, or the /64 of
	// an IPv6 one. Limits count by it.
	Client netip.Prefix
	// Secure means that the client's connection is encrypted or does not leave its machine. A
	// browser accepts the cookie then.
	Secure bool
}

// Gate identifies viewers.
type Gate struct {
	policy Policy
	keys   [][sha256.Size]byte
	now    func() time.Time
}

// New returns a gate.
func New(p Policy, now func() time.Time) *Gate {
	g := &Gate{policy: p, now: now}
	for _, k := range p.Keys {
		if k != "" {
			g.keys = append(g.keys, sha256.Sum256([]byte(k)))
		}
	}
	return g
}

// CanLogIn reports whether there is a key to log in with.
func (g *Gate) CanLogIn() bool { return len(g.keys) > 0 }

// Public reports whether anybody may read public data.
func (g *Gate) Public() bool { return g.policy.Public }

// Look returns the viewer of a request.
func (g *Gate) Look(r *http.Request) Viewer {
	peer := address(r.RemoteAddr)
	client, forwarded := peer, forwardedBy(r)
	trusted := g.trusts(peer)
	if trusted {
		client = g.client(r, peer)
	}
	local := g.policy.Loopback && peer.IsLoopback() && !forwarded && telemetry.LoopbackHost(r.Host)
	v := Viewer{
		Client: network(client),
		Secure: r.TLS != nil || local || trusted && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
	v.LoggedIn = g.hasBearer(r) || g.hasCookie(r) ||
		trusted && g.policy.UserHeader != "" && r.Header.Get(g.policy.UserHeader) != ""
	v.May = v.LoggedIn || g.policy.Public || local
	return v
}

// forwardedBy reports whether a header shows that a proxy has passed the request on.
func forwardedBy(r *http.Request) bool {
	return slices.ContainsFunc(
		[]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"},
		func(name string) bool {
			return r.Header.Get(name) != ""
		})
}

func (g *Gate) trusts(a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(g.policy.Proxies, func(p netip.Prefix) bool {
		return p.Contains(a)
	})
}

// client returns the rightmost address of X-Forwarded-For that is not a trusted proxy. If all
// addresses are trusted it returns the leftmost. If one cannot be read, it returns the address to
// its right, or peer.
func (g *Gate) client(r *http.Request, peer netip.Addr) netip.Addr {
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a := address(strings.TrimSpace(hop))
		switch {
		case !a.IsValid():
			return peer
		case !g.trusts(a):
			return a
		}
		peer = a
	}
	return peer
}

// address reads an address with or without a port. It returns the zero Addr for any other text.
func address(text string) netip.Addr {
	host, _, err := net.SplitHostPort(text)
	if err != nil {
		host = text
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// network returns the prefix by which limits count a client.
func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// hasBearer reports whether the request carries a key.
func (g *Gate) hasBearer(r *http.Request) bool {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return ok && strings.EqualFold(scheme, "Bearer") && g.Knows(strings.TrimSpace(token))
}

// Knows reports whether a text is one of the keys. It takes the same time for any text.
func (g *Gate) Knows(key string) bool {
	got, found := sha256.Sum256([]byte(key)), 0
	for i := range g.keys {
		found |= subtle.ConstantTimeCompare(got[:], g.keys[i][:])
	}
	return found == 1
}

type contextKey struct{}

// With returns a context with the viewer of a request.
func With(ctx context.Context, v Viewer) context.Context {
	return context.WithValue(ctx, contextKey{}, v)
}

// Of returns the viewer in a context. Without one it returns the zero Viewer, who may read nothing.
func Of(ctx context.Context) Viewer {
	v, _ := ctx.Value(contextKey{}).(Viewer)
	return v
}
