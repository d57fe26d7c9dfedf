package routertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Kind is a router's software.
type Kind int

// The kinds.
const (
	FRR Kind = iota
	GoBGP
)

func (k Kind) String() string { return [...]string{"frr", "gobgp"}[k] }

// needed are the programs of each kind. Those of Debian's frr are not in PATH.
var needed = [...][]string{FRR: {"bgpd", "vtysh"}, GoBGP: {"gobgpd", "gobgp"}}

// MaxRouters is the maximum number of routers in a lab.
const MaxRouters = 8

// Lab is a full mesh of routers.
type Lab struct {
	tb      testing.TB
	dir     string
	prefix  string // prefix of the names of namespaces and interfaces
	network byte   // octet of all addresses that differs between labs
	// Routers are in the order of the kinds given to Start.
	Routers []*Router
}

// Start creates the namespaces and starts the routers. Each router connects to the station at port,
// on the address Router.Station.
func Start(tb testing.TB, port int, kinds ...Kind) *Lab {
	tb.Helper()
	if len(kinds) > MaxRouters {
		tb.Fatalf("%d routers, at most %d", len(kinds), MaxRouters)
	}
	if err := available(kinds); err != nil {
		if os.Getenv("TEST_INTEGRATION") == "1" {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
	l := &Lab{tb: tb, prefix: fmt.Sprintf("dm%d", os.Getpid()), network: freeNetwork(tb)}
	l.dir = l.folder()
	for i, kind := range kinds {
		l.Routers = append(l.Routers, l.router(i, kind, port))
	}
	l.wire()
	for _, r := range l.Routers {
		r.Start()
	}
	return l
}

// freeNetwork returns a network octet that no other lab on the machine uses. Labs start their
// search at different octets.
func freeNetwork(tb testing.TB) byte {
	tb.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		tb.Fatal(err)
	}
	used := map[byte]bool{}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() &&
			netip.MustParsePrefix("198.18.0.0/16").Contains(p.Addr()) {
			used[p.Addr().As4()[2]] = true
		}
	}
	for i := range 250 {
		if n := byte((os.Getpid() + i) % 250); !used[n] {
			return n
		}
	}
	tb.Fatal("no network is free in 198.18.0.0/16")
	return 0
}

// available returns an error that names a missing requirement.
func available(kinds []Kind) error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("network namespaces need iproute2: %w", err)
	}
	for _, k := range kinds {
		for _, name := range needed[k] {
			if _, err := program(name); err != nil {
				return fmt.Errorf("%s is not installed: %w", k, err)
			}
		}
	}
	return nil
}

func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := filepath.Join("/usr/lib/frr", name)
	_, err := os.Stat(path)
	return path, err
}

// folder creates a folder that FRR's user may enter. The folders of package testing belong to root
// alone, from the top.
func (l *Lab) folder() string {
	l.tb.Helper()
	dir, err := os.MkdirTemp("", "routertest")
	if err == nil {
		err = os.Chmod(dir, 0o755) //nolint:gosec // see above
	}
	if err != nil {
		l.tb.Fatal(err)
	}
	l.tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			l.tb.Error(err)
		}
	})
	return dir
}

// wire creates the namespaces, a link between every two routers, and one from each to the station.
func (l *Lab) wire() {
	l.tb.Helper()
	l.tb.Cleanup(func() { // interfaces go with their namespaces
		for _, r := range l.Routers {
			if out, err := command(context.Background(), "ip", "netns", "del",
				r.namespace).CombinedOutput(); err != nil {
				l.tb.Logf("removing namespace %s: %v: %s", r.namespace, err, out)
			}
		}
	})
	for _, r := range l.Routers {
		l.ip("netns", "add", r.namespace)
		l.ip("-n", r.namespace, "link", "set", "lo", "up")
		host := fmt.Sprintf("%sh%d", l.prefix, r.index)
		l.ip("link", "add", host, "type", "veth", "peer", "name", "station", "netns", r.namespace)
		l.ip("addr", "add", r.Station.String()+"/30", "dev", host)
		l.ip("link", "set", host, "up")
		l.ip("-n", r.namespace, "addr", "add", r.Address.String()+"/30", "dev", "station")
		l.ip("-n", r.namespace, "link", "set", "station", "up")
	}
	for i, a := range l.Routers {
		for _, b := range l.Routers[i+1:] {
			l.ip("-n", a.namespace, "link", "add", "to"+b.Name, "type", "veth", "peer", "name",
				"to"+a.Name, "netns", b.namespace)
			for _, end := range [][2]*Router{{a, b}, {b, a}} {
				link := "to" + end[1].Name
				l.ip("-n", end[0].namespace, "addr", "add", end[0].towards(end[1], bgp.IPv4).String()+"/30", "dev", link)
				l.ip("-n", end[0].namespace, "addr", "add",
					end[0].towards(end[1], bgp.IPv6).String()+"/64", "dev", link, "nodad")
				l.ip("-n", end[0].namespace, "link", "set", link, "up")
			}
		}
	}
}

func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, name, args...) //nolint:gosec // the test's own arguments
}

// ip runs the ip command of iproute2.
func (l *Lab) ip(args ...string) {
	l.tb.Helper()
	if out, err := command(l.tb.Context(), "ip", args...).CombinedOutput(); err != nil {
		l.tb.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// Wait waits until all sessions between running routers are established, and every router has
// received from each running neighbour exactly the prefixes that the neighbour originates.
func (l *Lab) Wait() {
	l.tb.Helper()
	Eventually(l.tb, 2*time.Minute, func() error {
		for _, r := range l.Routers {
			if !r.Running() {
				continue
			}
			tables, err := r.read()
			if err != nil {
				return err
			}
			for n, table := range tables {
				if err := l.agrees(r, n, table); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// agrees compares the routes that a router received from a neighbour with the neighbour's prefixes.
func (l *Lab) agrees(r *Router, n Neighbour, table map[netip.Prefix][]bgp.ASN) error {
	want := 0
	if n.Router.Running() {
		for p := range n.Router.originated {
			if bgp.FamilyOf(p) != n.Family {
				continue
			}
			want++
			if _, ok := table[p]; !ok {
				return fmt.Errorf("%s has not heard %v from %s", r.Name, p, n.Router.Name)
			}
		}
	}
	if len(table) != want {
		return fmt.Errorf("%s has %d routes of %s, want %d", r.Name, len(table), n.Router.Name, want)
	}
	return nil
}

// Eventually calls ok until it returns nil. After the time within it fails with the last error.
func Eventually(tb testing.TB, within time.Duration, ok func() error) {
	tb.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			tb.Fatalf("after %v: %v", within, err)
		}
	}
}

// decode parses the JSON output of a router.
func decode(what string, out []byte, into any) error {
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("reading %s: %w: %.200s", what, err, out)
	}
	return nil
}
