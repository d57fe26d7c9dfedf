package routertest_test

import (
	"net/netip"
	"testing"

	"github.com/darkmap/darkmap/internal/routertest"
)

// TestLab checks that the routers receive each other's routes, over a clear, a kill and a restart.
func TestLab(t *testing.T) {
	lab := routertest.Start(t, 11019, routertest.FRR, routertest.GoBGP)
	a, b := lab.Routers[0], lab.Routers[1]
	a.Announce(netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:a::/48"))
	b.Announce(netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8:b::/48"))
	lab.Wait()
	b.Withdraw(netip.MustParsePrefix("203.0.113.0/24"))
	lab.Wait()
	a.Clear(a.Neighbours()[0])
	a.Clear(a.Neighbours()[1])
	lab.Wait()
	for _, r := range lab.Routers {
		r.Kill()
		lab.Wait()
		r.Start()
		lab.Wait()
	}
}
