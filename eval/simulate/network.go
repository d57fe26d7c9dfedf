package simulate

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// networksTSV lists the networks of the world: AS number, country, name, providers and some of the
// prefixes that the network really announced in 2014. The facts were typed in. They are neither
// complete nor current.
//
//go:embed networks.tsv
var networksTSV string

// Network is an AS of the world.
type Network struct {
	ASN       bgp.ASN
	Country   string
	Name      string
	Providers []bgp.ASN // empty: the network is at the top, and peers with all others at the top
	Prefixes  []netip.Prefix
}

// rows splits a committed table into its rows, without the heading. It checks the number of
// columns.
func rows(name, text string, columns int) ([][]string, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:]
	out := make([][]string, 0, len(lines))
	for i, l := range lines {
		f := strings.Split(l, "\t")
		if len(f) != columns {
			return nil, fmt.Errorf("%s line %d: %d columns, want %d", name, i+2, len(f), columns)
		}
		out = append(out, f)
	}
	return out, nil
}

func parseNetworks(text string) ([]Network, error) {
	table, err := rows("networks.tsv", text, 5)
	if err != nil {
		return nil, err
	}
	networks := make([]Network, 0, len(table))
	for _, f := range table {
		n := Network{Country: f[1], Name: f[2]}
		if n.ASN, err = bgp.ParseASN(f[0]); err != nil {
			return nil, fmt.Errorf("reading network %q: %w", f[0], err)
		}
		for s := range strings.FieldsSeq(f[3]) {
			a, err := bgp.ParseASN(s)
			if err != nil {
				return nil, fmt.Errorf("reading the providers of %v: %w", n.ASN, err)
			}
			n.Providers = append(n.Providers, a)
		}
		for s := range strings.FieldsSeq(f[4]) {
			p, err := netip.ParsePrefix(s)
			if err != nil {
				return nil, fmt.Errorf("reading the prefixes of %v: %w", n.ASN, err)
			}
			n.Prefixes = append(n.Prefixes, p.Masked())
		}
		networks = append(networks, n)
	}
	return networks, nil
}
