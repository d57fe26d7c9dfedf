package routertest

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// frr is Debian's FRR 8.4: bgpd alone, without zebra. It does not change the kernel's routes.
type frr struct{ *Router }

func (f *frr) start() *exec.Cmd {
	tb := f.lab.tb
	tb.Helper()
	path := filepath.Join(f.dir, "bgpd.conf")
	err := os.WriteFile(path, []byte(f.configuration()), 0o644) //nolint:gosec // FRR's user reads it
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.chown(f.dir, path); err != nil {
		tb.Fatal(err)
	}
	bgpd, err := program("bgpd")
	if err != nil {
		tb.Fatal(err)
	}
	return f.inside(context.WithoutCancel(tb.Context()), bgpd, "-f", path, "-Z", "-n", "-M", "bmp",
		"-i", filepath.Join(f.dir, "pid"),
		"-z", filepath.Join(f.dir, "zserv"), "--vty_socket", f.dir, "-P", "0", "--log",
		"file:"+filepath.Join(f.dir, "log"))
}

// chown gives files to the user as whom bgpd runs.
func (f *frr) chown(paths ...string) error {
	u, err := user.Lookup("frr")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	for _, p := range paths {
		if err := os.Chown(p, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

func (f *frr) configuration() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("frr defaults traditional\nhostname %s\nbgp as-path access-list own permit ^$", f.Name)
	say("router bgp %d\n bgp router-id %v\n no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n"+
		" no bgp network import-check\n timers bgp 10 30",
		f.ASN, f.ID)
	for _, n := range f.Neighbours() {
		say(" neighbor %v remote-as %d\n neighbor %v timers connect 1\n neighbor %v advertisement-interval 0",
			n.Address, n.Router.ASN, n.Address, n.Address)
	}
	for _, family := range bgp.Families {
		say(" address-family %v unicast", family)
		for _, n := range f.Neighbours() {
			if n.Family == family {
				say("  neighbor %v activate\n  neighbor %v soft-reconfiguration inbound\n"+
					"  neighbor %v filter-list own out",
					n.Address, n.Address, n.Address)
			}
		}
		say(" exit-address-family")
	}
	say(" bmp targets darkmap\n  bmp connect %v port %d min-retry 500 max-retry 1000", f.Station, f.port)
	say("  bmp stats interval 1000\n  bmp monitor ipv4 unicast pre-policy\n" +
		"  bmp monitor ipv6 unicast pre-policy\n exit\nexit")
	return b.String()
}

// vtysh runs commands in the router's shell.
func (f *frr) vtysh(commands ...string) ([]byte, error) {
	args := []string{"--vty_socket", f.dir, "-d", "bgpd"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	return output(command(f.lab.tb.Context(), "vtysh", args...))
}

func (f *frr) ready() error {
	_, err := f.vtysh("show bgp summary json")
	return err
}

func (f *frr) originate(p netip.Prefix, on bool) error {
	no := ""
	if !on {
		no = "no "
	}
	_, err := f.vtysh("configure terminal", fmt.Sprintf("router bgp %d", f.ASN),
		fmt.Sprintf("address-family %v unicast", bgp.FamilyOf(p)),
		fmt.Sprintf("%snetwork %v", no, p))
	return err
}

func (f *frr) clear(n Neighbour) error {
	_, err := f.vtysh(fmt.Sprintf("clear bgp %v", n.Address))
	return err
}

func (f *frr) heard(n Neighbour) (map[netip.Prefix][]bgp.ASN, error) {
	out, err := f.vtysh(fmt.Sprintf("show bgp %v unicast neighbors %v received-routes json",
		n.Family, n.Address))
	if err != nil {
		return nil, err
	}
	var answer struct {
		ReceivedRoutes map[string]struct {
			Path string `json:"path"`
		} `json:"receivedRoutes"`
	}
	if err := decode("received routes", out, &answer); err != nil {
		return nil, err
	}
	table := map[netip.Prefix][]bgp.ASN{}
	for text, route := range answer.ReceivedRoutes {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("received routes: %w", err)
		}
		path := []bgp.ASN{}
		for asn := range strings.FieldsSeq(route.Path) {
			a, err := strconv.ParseUint(asn, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("path of %v: %w", p, err)
			}
			path = append(path, bgp.ASN(a))
		}
		table[p] = path
	}
	return table, nil
}
