package routertest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Router is a router of a lab.
type Router struct {
	// Name is r1, r2 and so on.
	Name string
	Kind Kind
	ASN  bgp.ASN
	// Address is the router's address of its BMP session, Station the station's.
	Address, Station netip.Addr
	// ID is its BGP identifier.
	ID netip.Addr

	lab        *Lab
	index      int
	port       int
	namespace  string
	dir        string
	originated map[netip.Prefix]bool
	cmd        *exec.Cmd // nil: not running
	output     bytes.Buffer
	soft       software
}

// Neighbour is the other end of a BGP session.
type Neighbour struct {
	Router  *Router
	Family  bgp.Family
	Address netip.Addr
}

// software controls a kind of router.
type software interface {
	// start writes the configuration and returns the command that starts the router.
	start() *exec.Cmd
	// ready returns nil once the router takes commands. The methods below need that.
	ready() error
	originate(p netip.Prefix, on bool) error
	clear(n Neighbour) error
	// heard returns the pre-policy Adj-RIB-In of a neighbour: the AS path by prefix.
	heard(n Neighbour) (map[netip.Prefix][]bgp.ASN, error)
}

func (l *Lab) router(i int, kind Kind, port int) *Router {
	l.tb.Helper()
	n := byte(i + 1)
	r := &Router{
		Name: fmt.Sprintf("r%d", n), Kind: kind, ASN: 64496 + bgp.ASN(n), lab: l, index: i, port: port,
		Address: netip.AddrFrom4([4]byte{198, 18, l.network, 4*n + 2}),
		Station: netip.AddrFrom4([4]byte{198, 18, l.network, 4*n + 1}),
		ID:      netip.AddrFrom4([4]byte{192, 0, 2, n}), namespace: fmt.Sprintf("%sr%d", l.prefix, n),
		dir: filepath.Join(l.dir, fmt.Sprintf("r%d", n)), originated: map[netip.Prefix]bool{},
	}
	if err := os.Mkdir(r.dir, 0o755); err != nil { //nolint:gosec // FRR's user reads it
		l.tb.Fatal(err)
	}
	switch kind {
	case FRR:
		r.soft = &frr{r}
	case GoBGP:
		r.soft = &gobgp{r}
	}
	l.tb.Cleanup(r.Kill)
	return r
}

// towards returns the router's address on the link to another router.
func (r *Router) towards(o *Router, f bgp.Family) netip.Addr {
	low, high, end := min(r.index, o.index), max(r.index, o.index), byte(1)
	if r.index > o.index {
		end = 2
	}
	if f == bgp.IPv4 {
		return netip.AddrFrom4([4]byte{198, 19, r.lab.network, byte(low*MaxRouters+high)*4 + end})
	}
	return netip.AddrFrom16([16]byte{
		0x20, 0x01, 0x0d, 0xb8, 0xff, r.lab.network, byte(low), byte(high), 15: end,
	})
}

// Neighbours lists the router's sessions: one of each family with every other router.
func (r *Router) Neighbours() []Neighbour {
	var all []Neighbour
	for _, o := range r.lab.Routers {
		if o == r {
			continue
		}
		for _, f := range bgp.Families {
			all = append(all, Neighbour{o, f, o.towards(r, f)})
		}
	}
	return all
}

// Running reports whether the router was started and not killed since.
func (r *Router) Running() bool { return r.cmd != nil }

// Start starts the router with the prefixes that it originated before, and waits until it takes
// commands.
func (r *Router) Start() {
	tb := r.lab.tb
	tb.Helper()
	cmd := r.soft.start()
	cmd.Stdout, cmd.Stderr = &r.output, &r.output
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	r.cmd = cmd
	Eventually(tb, time.Minute, r.soft.ready)
	for _, p := range slices.SortedFunc(maps.Keys(r.originated), netip.Prefix.Compare) {
		r.must(r.soft.originate(p, true))
	}
}

// Kill ends the router with SIGKILL, if it runs. The kernel closes its sessions.
func (r *Router) Kill() {
	if r.cmd == nil {
		return
	}
	if err := r.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		r.lab.tb.Errorf("killing %s: %v", r.Name, err)
	}
	_ = r.cmd.Wait() // its error is the signal
	r.cmd = nil
	if r.lab.tb.Failed() && r.output.Len() > 0 {
		r.lab.tb.Logf("%s said: %s", r.Name, r.output.String())
	}
}

// Announce originates prefixes.
func (r *Router) Announce(prefixes ...netip.Prefix) {
	r.lab.tb.Helper()
	for _, p := range prefixes {
		r.originated[p] = true
		r.must(r.soft.originate(p, true))
	}
}

// Withdraw stops originating prefixes.
func (r *Router) Withdraw(prefixes ...netip.Prefix) {
	r.lab.tb.Helper()
	for _, p := range prefixes {
		delete(r.originated, p)
		r.must(r.soft.originate(p, false))
	}
}

// Clear resets the session with a neighbour, with a hard reset.
func (r *Router) Clear(n Neighbour) {
	r.lab.tb.Helper()
	r.must(r.soft.clear(n))
}

// Tables returns the routes received from each neighbour: the pre-policy Adj-RIB-In, as AS path by
// prefix.
func (r *Router) Tables() map[Neighbour]map[netip.Prefix][]bgp.ASN {
	r.lab.tb.Helper()
	all, err := r.read()
	r.must(err)
	return all
}

func (r *Router) read() (map[Neighbour]map[netip.Prefix][]bgp.ASN, error) {
	all := map[Neighbour]map[netip.Prefix][]bgp.ASN{}
	for _, n := range r.Neighbours() {
		table, err := r.soft.heard(n)
		if err != nil {
			return nil, fmt.Errorf("%s, neighbour %v: %w", r.Name, n.Address, err)
		}
		all[n] = table
	}
	return all, nil
}

func (r *Router) must(err error) {
	r.lab.tb.Helper()
	if err != nil {
		r.lab.tb.Fatalf("%s: %v", r.Name, err)
	}
}

// inside returns a command in the router's namespace.
func (r *Router) inside(ctx context.Context, name string, args ...string) *exec.Cmd {
	return command(ctx, "ip", append([]string{"netns", "exec", r.namespace, name}, args...)...)
}

// output runs a command and returns its standard output. The error includes both outputs.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s%s", cmd, err, stderr.String(), out)
	}
	return out, nil
}
