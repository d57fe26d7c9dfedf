package incident

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TestShortenHosts checks that a record with many hosts is kept within its bound and still names
// hosts with their first addresses. The record itself does not change.
func TestShortenHosts(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 30} {
		o := bgp.Outage{ID: "prefix-192.0.2.0_24-ipv4-20141222T1615Z", Entity: bgp.Entity{Type: bgp.EntityPrefix, Code: "192.0.2.0/24"}, Summary: "192.0.2.0/24 lost its routes."}
		for i := range n {
			h := &bgp.WatchHost{Problem: "no answer from the DNS servers", AddressesTotal: 16}
			for j := range 16 {
				h.Addresses = append(h.Addresses, bgp.HostAddress{Address: fmt.Sprintf("192.0.2.%d", j), Prefix: "192.0.2.0/24", State: "lost", Countries: []string{"TO"}})
			}
			o.Watch = append(o.Watch, bgp.WatchMember{List: "mine", Member: fmt.Sprintf("h%d.example.net", i), CoveredBy: "192.0.2.0/24", Host: h})
		}
		body := shorten(&o)
		var got bgp.Outage
		if err := json.Unmarshal(body, &got); err != nil || len(body) > maxBody {
			t.Fatalf("%d hosts: %d octets, %v", n, len(body), err)
		}
		if len(got.Watch) == 0 || got.Watch[0].Host == nil || len(got.Watch[0].Host.Addresses) < 2 || got.Watch[0].Host.AddressesTotal != 16 {
			t.Errorf("%d hosts: kept %s", n, body)
		}
		if len(o.Watch) != n || len(o.Watch[0].Host.Addresses) != 16 {
			t.Errorf("%d hosts: the record was changed", n)
		}
	}
}
