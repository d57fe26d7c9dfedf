package watchlist

import (
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Bounds. Those of texts are in octets.
const (
	// MaxLists bounds the number of lists in effect at once.
	MaxLists = 1000
	// MaxMembers bounds the members of a list.
	MaxMembers = 10_000
	// MaxAddresses bounds the addresses of a host, and those of its name servers.
	MaxAddresses = 64
	// MaxName bounds the name of a list.
	MaxName = 64
	// MaxTitle bounds the title of a list.
	MaxTitle = 256
	// MaxHost is the longest name of a host (RFC 1035 section 2.3.4).
	MaxHost = 253
	// MaxOrigins bounds the ASes that may originate a prefix.
	MaxOrigins = 256
)

// List is one watch list in effect.
type List struct {
	Name string
	// Title may be empty. Home is an ISO 3166-1 code, or empty.
	Title, Home string
	Public      bool
	// Members are in the order of the configuration, each once.
	Members []Member
	// Hosts has the known addresses of members that are hosts.
	Hosts map[string]Host
	// Since is the end of the window in which the newest change of members or texts took effect,
	// Unix seconds.
	Since int64
}

// Called returns the title, or the name of a list without a title.
func (l *List) Called() string {
	if l.Title != "" {
		return l.Title
	}
	return l.Name
}

// Member is one member. One of Prefix, ASN, Country and Host is set.
type Member struct {
	Prefix  netip.Prefix
	ASN     bgp.ASN
	Country string
	Host    string
	// Origins are the ASes that may originate the prefix, sorted. If empty, any AS may.
	Origins []bgp.ASN
}

// String returns the member as it is written in the configuration.
func (m *Member) String() string {
	switch {
	case m.Prefix.IsValid():
		return m.Prefix.String()
	case m.ASN != 0:
		return m.ASN.String()
	case m.Country != "":
		return m.Country
	}
	return m.Host
}

// Is reports whether the member is written as s. It allocates little, so that it can be called for
// many members.
func (m *Member) Is(s string) bool {
	if m.Country == s && s != "" || m.Host == s && s != "" {
		return true
	}
	return (m.Prefix.IsValid() || m.ASN != 0) && m.String() == s
}

// Host is the last DNS answer about a host.
type Host struct {
	Addresses, NameServers []netip.Addr
	// ResolvedAt is in Unix seconds; 0 means never.
	ResolvedAt int64
	// Problem is the reason why the newest query returned no address; empty if it returned one.
	Problem string
}

func (h *Host) equal(o *Host) bool {
	return h.ResolvedAt == o.ResolvedAt && h.Problem == o.Problem && h.sameAddresses(o)
}

func (h *Host) sameAddresses(o *Host) bool {
	return slices.Equal(h.Addresses, o.Addresses) && slices.Equal(h.NameServers, o.NameServers)
}

// sameMembers reports whether two lists have the same members with the same origins, in the same order.
func (l *List) sameMembers(o *List) bool {
	return slices.EqualFunc(l.Members, o.Members, func(a, b Member) bool {
		return a.Prefix == b.Prefix && a.ASN == b.ASN && a.Country == b.Country && a.Host == b.Host &&
			slices.Equal(a.Origins, b.Origins)
	})
}
