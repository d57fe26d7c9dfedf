package query

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestOutageHosts: the text of an outage names the members of watch lists, and the addresses of
// hosts.
func TestOutageHosts(t *testing.T) {
	t.Parallel()
	at := time.Date(2014, 12, 22, 15, 40, 0, 0, time.UTC)
	o := bgp.Outage{ID: "x", Watch: []bgp.WatchMember{
		{List: "mine", Member: "www.example.net", CoveredBy: "192.0.2.0/24", Host: &bgp.WatchHost{ResolvedAt: &at, AddressesTotal: 1, Addresses: []bgp.HostAddress{{Address: "192.0.2.1", State: "lost"}}}},
		{List: "mine", Member: "AS64496"},
	}}
	var b strings.Builder
	if err := WriteOutage(&b, o, 10); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"watched     www.example.net in mine, covered by 192.0.2.0/24\n              AS64496 in mine\n",
		"hosts       www.example.net: addresses as of 22 Dec 2014 15:40 UTC: 192.0.2.1 lost\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s, want %q", b.String(), want)
		}
	}
}
