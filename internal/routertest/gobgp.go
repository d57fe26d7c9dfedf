package routertest

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// gobgp is Debian's GoBGP 3.10.
type gobgp struct{ *Router }

func (g *gobgp) start() *exec.Cmd {
	tb := g.lab.tb
	tb.Helper()
	path := filepath.Join(g.dir, "gobgp.toml")
	if err := os.WriteFile(path, []byte(g.configuration()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return g.inside(context.WithoutCancel(tb.Context()), "gobgpd", "-f", path, "--api-hosts",
		"127.0.0.1:50051", "--pprof-disable")
}

func (g *gobgp) configuration() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("[global.config]\nas = %d\nrouter-id = %q\nport = 179", g.ASN, g.ID)
	say("[global.apply-policy.config]\nexport-policy-list = [\"own\"]\ndefault-export-policy = \"reject-route\"")
	say("[[policy-definitions]]\nname = \"own\"\n[[policy-definitions.statements]]\nname = \"own\"")
	say("[policy-definitions.statements.conditions.bgp-conditions]\nroute-type = \"local\"")
	say("[policy-definitions.statements.actions]\nroute-disposition = \"accept-route\"")
	for _, n := range g.Neighbours() {
		say("[[neighbors]]\n[neighbors.config]\nneighbor-address = %q\npeer-as = %d", n.Address, n.Router.ASN)
		say("[neighbors.timers.config]\nconnect-retry = 5\nhold-time = 30\nkeepalive-interval = 10")
		say("[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"%v-unicast\"", n.Family)
	}
	say("[[bmp-servers]]\n[bmp-servers.config]\naddress = %q\nport = %d\n"+
		"route-monitoring-policy = \"pre-policy\"\nstatistics-timeout = 15",
		g.Station, g.port)
	return b.String()
}

// gobgp runs a command of the router's command-line client.
func (g *gobgp) gobgp(args ...string) ([]byte, error) {
	return output(g.inside(g.lab.tb.Context(), "gobgp", args...))
}

func (g *gobgp) ready() error {
	_, err := g.gobgp("global")
	return err
}

func (g *gobgp) originate(p netip.Prefix, on bool) error {
	do := "add"
	if !on {
		do = "del"
	}
	_, err := g.gobgp("global", "rib", do, p.String(), "-a", bgp.FamilyOf(p).String(), "origin", "igp")
	return err
}

// AnnounceVia originates prefixes at a GoBGP router with the given path after its own AS.
func (r *Router) AnnounceVia(path []bgp.ASN, prefixes ...netip.Prefix) {
	r.lab.tb.Helper()
	g, ok := r.soft.(*gobgp)
	if !ok {
		r.lab.tb.Fatalf("%s is no GoBGP", r.Name)
	}
	var asns []string
	for _, a := range path {
		asns = append(asns, strconv.FormatUint(uint64(a), 10))
	}
	for _, p := range prefixes {
		r.originated[p] = true
		_, err := g.gobgp("global", "rib", "add", p.String(), "-a", bgp.FamilyOf(p).String(),
			"origin", "igp", "aspath", strings.Join(asns, ","))
		r.must(err)
	}
}

func (g *gobgp) clear(n Neighbour) error {
	_, err := g.gobgp("neighbor", n.Address.String(), "reset")
	return err
}

func (g *gobgp) heard(n Neighbour) (map[netip.Prefix][]bgp.ASN, error) {
	out, err := g.gobgp("-j", "neighbor", n.Address.String(), "adj-in", "-a", n.Family.String())
	if err != nil && strings.Contains(err.Error(), "session is not established") {
		return map[netip.Prefix][]bgp.ASN{}, nil
	}
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(out)) == "[]" { // an empty answer is a list
		return map[netip.Prefix][]bgp.ASN{}, nil
	}
	var answer map[netip.Prefix][]struct {
		Attributes []struct {
			Type  int `json:"type"`
			Paths []struct {
				ASNs []bgp.ASN `json:"asns"`
			} `json:"as_paths"`
		} `json:"attrs"`
	}
	if err := decode("adj-in", out, &answer); err != nil {
		return nil, err
	}
	table := map[netip.Prefix][]bgp.ASN{}
	for prefix, routes := range answer {
		path := []bgp.ASN{}
		for _, a := range routes[0].Attributes {
			for _, segment := range a.Paths {
				path = append(path, segment.ASNs...)
			}
		}
		table[prefix] = path
	}
	return table, nil
}
