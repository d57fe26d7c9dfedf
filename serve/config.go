package serve

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// Config is the section serve.
type Config struct {
	// Where pages and the API are served. Empty: `up` serves none.
	Listen string `yaml:"listen" form:"host:port"`
	// Whether anybody who reaches the address may read what is not private. On an address that is
	// not of loopback only those who log in may otherwise.
	Public bool `yaml:"public"`
	// The address under which browsers reach the pages, with the path below which a proxy has them
	// (https://example.net/darkmap). Its name is accepted in requests, and links in feeds and
	// messages begin with it.
	PublicURL string `yaml:"public_url" form:"a URL of http or https" want:"a URL without user, query and fragment"`
	// The secrets that let in: programs send one as a bearer token, people log in with one. Without
	// any, what serves pages draws one at each start (serve_key in run.json).
	Keys []config.Secret `yaml:"keys"`
	// The addresses of proxies whose X-Forwarded-For is believed, as prefixes (10.0.0.0/8) or
	// addresses.
	TrustedProxies []string `yaml:"trusted_proxies" want:"addresses or prefixes such as 192.0.2.1 and 10.0.0.0/8"`
	// The header in which a trusted proxy names who is logged in (X-Remote-User). A user that
	// it names may see what is private. Empty: none.
	UserHeader string `yaml:"user_header" want:"the name of a header, beside trusted_proxies"`
	// Further names by which requests may ask for the server, without ports. Loopback and that of
	// public_url need not be named.
	Hosts []string `yaml:"hosts" want:"names or addresses without ports"`
	// The origins of pages that may show ours in a frame (https://news.example.net).
	Embed []string `yaml:"embed" want:"origins such as https://news.example.net"`
	// A file of country shapes in the place of the built-in ones.
	MapFile string `yaml:"map_file"`
	// How much one client may ask for.
	Limits LimitsConfig `yaml:"limits"`
}

// LimitsConfig is the section serve.limits. A client is an IPv4 address or the /64 of an IPv6 one.
type LimitsConfig struct {
	// Requests of a client in a second, on average.
	RequestsPerSecond int `yaml:"requests_per_second" min:"1" max:"100000"`
	// Requests that a client may send at once after a pause.
	Burst int `yaml:"burst" min:"1" max:"1000000"`
	// Requests of a client that are answered at a time.
	Requests int `yaml:"requests" min:"1" max:"10000"`
	// Streams of a client at a time.
	Streams int `yaml:"streams" min:"1" max:"10000"`
	// Clients without these limits, as prefixes or addresses.
	Exempt []string `yaml:"exempt" want:"addresses or prefixes such as 192.0.2.1 and 10.0.0.0/8"`
}

// DefaultConfig serves only this machine.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8480",
		Limits: LimitsConfig{RequestsPerSecond: 20, Burst: 200, Requests: 8, Streams: 20},
	}
}

var (
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
	headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)
)

// Faults returns the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	for _, list := range []struct {
		key    string
		values []string
		good   func(string) bool
	}{
		{"trusted_proxies", c.TrustedProxies, isNetwork},
		{"hosts", c.Hosts, isHost},
		{"embed", c.Embed, isOrigin},
		{"limits.exempt", c.Limits.Exempt, isNetwork},
	} {
		for _, v := range list.values {
			if !list.good(v) {
				faults = append(faults, config.Fault{Key: list.key, Value: v})
			}
		}
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" &&
		(err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		faults = append(faults, config.Fault{Key: "public_url", Value: config.WithoutSecrets(c.PublicURL)})
	}
	if c.UserHeader != "" && (!headerName.MatchString(c.UserHeader) || len(c.TrustedProxies) == 0) {
		faults = append(faults, config.Fault{Key: "user_header", Value: c.UserHeader})
	}
	if c.Listen != "" && !telemetry.LoopbackHost(c.Listen) && !c.Public && len(c.Keys) == 0 &&
		c.UserHeader == "" {
		faults = append(faults, config.Fault{
			Key: "listen", Value: c.Listen,
			Want: "an address of loopback, or beside it public: true, keys or user_header: " +
				"nobody could read otherwise",
		})
	}
	return faults
}

func isNetwork(s string) bool {
	_, ok := parseNetwork(s)
	return ok
}

// parseNetwork reads a prefix, or an address as a prefix of full length.
func parseNetwork(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), a.Zone() == ""
	}
	p, err := netip.ParsePrefix(s)
	return p, err == nil && p == p.Masked()
}

// networks returns the prefixes of a list that Faults has accepted.
func networks(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		if p, ok := parseNetwork(s); ok {
			out = append(out, p)
		}
	}
	return out
}

func isHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || hostName.MatchString(s)
}

func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		s == u.Scheme+"://"+u.Host && !strings.ContainsAny(s, " ;,'\"*")
}

// base returns the path below which the pages are, escaped as in links and decoded, without a slash
// at its end.
func (c Config) base() (escaped, decoded string) {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return "", ""
	}
	return strings.TrimRight(u.EscapedPath(), "/"), strings.TrimRight(u.Path, "/")
}

// publicHost returns the name in public_url, without a port.
func (c Config) publicHost() string {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// hostOf returns a Host header without its port.
func hostOf(header string) string {
	if name, _, err := net.SplitHostPort(header); err == nil {
		return strings.Trim(name, "[]")
	}
	return strings.Trim(header, "[]")
}
