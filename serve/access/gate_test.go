package access

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

const key = "the key of the pages"

// TestLook is the table of access rights: policies against requests.
func TestLook(t *testing.T) {
	t.Parallel()
	now := time.Unix(1419264000, 0)
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}
	policies := map[string]Policy{
		"loopback": {Loopback: true, Keys: []string{key}},
		"key":      {Keys: []string{"another", key}},
		"public":   {Public: true, Keys: []string{key}},
		"proxy":    {Proxies: proxies, UserHeader: "X-Remote-User"},
		"nobody":   {Keys: []string{""}},
	}
	cookie, ok := New(policies["key"], func() time.Time { return now }).Cookie(key)
	if !ok {
		t.Fatal("the key gives no cookie")
	}
	const none, reads, all = "", "reads", "all"
	for _, tt := range []struct {
		name string
		from string
		head map[string]string
		want map[string]string // by policy; else none
	}{
		{"loopback", "127.0.0.1:1", nil, map[string]string{"loopback": reads, "public": reads}},
		{"loopback, IPv6", "[::1]:1", nil, map[string]string{"loopback": reads, "public": reads}},
		{"loopback, 4 in 6", "[::ffff:127.0.0.1]:1", nil, map[string]string{"loopback": reads, "public": reads}},
		{"through a proxy on the machine", "127.0.0.1:1", map[string]string{"X-Forwarded-For": "203.0.113.1"}, map[string]string{"public": reads}},
		{"the same, in the standard's form", "127.0.0.1:1", map[string]string{"Forwarded": "for=203.0.113.1"}, map[string]string{"public": reads}},
		{"by another name", "127.0.0.1:1", map[string]string{"Host": "map.example.net"}, map[string]string{"public": reads}},
		{"elsewhere", "203.0.113.1:1", nil, map[string]string{"public": reads}},
		{"says that it is loopback", "203.0.113.1:1", map[string]string{"X-Forwarded-For": "127.0.0.1", "Host": "127.0.0.1"}, map[string]string{"public": reads}},
		{"bearer", "203.0.113.1:1", map[string]string{"Authorization": "Bearer " + key}, map[string]string{"loopback": all, "key": all, "public": all}},
		{"bearer in small letters", "203.0.113.1:1", map[string]string{"Authorization": "bearer " + key}, map[string]string{"loopback": all, "key": all, "public": all}},
		{"a wrong bearer", "127.0.0.1:1", map[string]string{"Authorization": "Bearer x"}, map[string]string{"loopback": reads, "public": reads}},
		{"an empty bearer", "203.0.113.1:1", map[string]string{"Authorization": "Bearer "}, map[string]string{"public": reads}},
		{"basic", "203.0.113.1:1", map[string]string{"Authorization": "Basic " + key}, map[string]string{"public": reads}},
		{"cookie", "203.0.113.1:1", map[string]string{"Cookie": cookie.Name + "=" + cookie.Value}, map[string]string{"loopback": all, "key": all, "public": all}},
		{"a changed cookie", "203.0.113.1:1", map[string]string{"Cookie": cookie.Name + "=9" + cookie.Value}, map[string]string{"public": reads}},
		{"an empty cookie", "203.0.113.1:1", map[string]string{"Cookie": cookie.Name + "="}, map[string]string{"public": reads}},
		{"a proxy's user", "192.0.2.1:1", map[string]string{"X-Remote-User": "anna"}, map[string]string{"proxy": all, "public": reads}},
		{"a proxy's visitor", "192.0.2.1:1", map[string]string{"X-Forwarded-For": "203.0.113.1"}, map[string]string{"public": reads}},
		{"a stranger with the header", "203.0.113.1:1", map[string]string{"X-Remote-User": "anna"}, map[string]string{"public": reads}},
	} {
		for name, p := range policies {
			v := New(p, func() time.Time { return now.Add(time.Hour) }).Look(request(tt.from, tt.head))
			got := none
			if v.May {
				got = reads
			}
			if v.LoggedIn {
				got = all
			}
			if got != tt.want[name] || v.LoggedIn && !v.May {
				t.Errorf("%s at %s: got %q, want %q", tt.name, name, got, tt.want[name])
			}
		}
	}
	if v := New(policies["key"], func() time.Time { return now.Add(cookieFor) }).Look(request("203.0.113.1:1", map[string]string{"Cookie": cookie.Name + "=" + cookie.Value})); v.May {
		t.Error("a cookie holds for longer than it may")
	}
	if !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("the cookie is %v", cookie)
	}
}

func request(from string, head map[string]string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
	r.RemoteAddr = from
	for k, v := range head {
		r.Header.Set(k, v)
		if k == "Host" {
			r.Host = v
		}
	}
	return r
}

// TestClient checks that limits count by the rightmost address that is not a trusted proxy, and an
// IPv6 address by its /64.
func TestClient(t *testing.T) {
	t.Parallel()
	g := New(Policy{Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8:1::/64")}}, time.Now)
	for _, tt := range []struct{ from, forwarded, want string }{
		{"203.0.113.1:1", "", "203.0.113.1/32"},
		{"203.0.113.1:1", "198.51.100.1", "203.0.113.1/32"},
		{"192.0.2.1:1", "198.51.100.1", "198.51.100.1/32"},
		{"192.0.2.1:1", "203.0.113.9, 198.51.100.1", "198.51.100.1/32"},
		{"192.0.2.1:1", "198.51.100.1, 192.0.2.2", "198.51.100.1/32"},
		{"192.0.2.1:1", "198.51.100.1, 192.0.2.2,[2001:db8:1::1]:99", "198.51.100.1/32"},
		{"192.0.2.1:1", "198.51.100.1, unknown", "192.0.2.1/32"},
		{"192.0.2.1:1", "", "192.0.2.1/32"},
		{"[2001:db8:1::5]:1", "2001:db8:2:3:4:5:6:7", "2001:db8:2:3::/64"},
		{"[2001:db8:2:3:4:5:6:7%eth0]:1", "", "2001:db8:2:3::/64"},
		{"[::ffff:203.0.113.1]:1", "", "203.0.113.1/32"},
	} {
		head := map[string]string{}
		if tt.forwarded != "" {
			head["X-Forwarded-For"] = tt.forwarded
		}
		if got := g.Look(request(tt.from, head)).Client.String(); got != tt.want {
			t.Errorf("%s behind %q: got %s, want %s", tt.from, tt.forwarded, got, tt.want)
		}
	}
}
