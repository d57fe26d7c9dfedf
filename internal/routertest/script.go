package routertest

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Script runs a lab, and the darkmap that watches it, through a sequence of failures, and compares
// darkmap's log with the routers' tables.
type Script struct {
	Lab *Lab
	// Start starts darkmap; Kill ends it with SIGKILL, Stop with SIGTERM.
	Start, Kill, Stop func()
	// Read reads all that darkmap has written.
	Read func() *View
	// Withdrawn are the prefixes that routers withdrew on command.
	Withdrawn map[netip.Prefix]bool
	// Tap, if set, counts the withdrawals that the routers sent. FRR was seen to send BMP
	// withdrawals of routes that no router had withdrawn, after a peer's session had gone down and
	// up again. The reason is unknown. A guess: its queue holds prefixes, and it withdraws those
	// that the peer does not have at their turn.
	Tap *Tap
}

// flips is the number of times that each router announces and withdraws one prefix.
const flips = 3

// Run runs the script and returns the view at its end.
func (s *Script) Run() *View {
	tb := s.Lab.tb
	tb.Helper()
	if s.Withdrawn == nil {
		s.Withdrawn = map[netip.Prefix]bool{}
	}
	routers := s.Lab.Routers
	for i, r := range routers {
		r.Announce(Networks(i, 0, 5)...)
		r.Announce(Common(0, 4)...)
	}
	s.Lab.Wait() // sessions and tables exist before darkmap starts
	s.Start()
	s.agree("start")
	s.flip()
	first, last := routers[0], routers[len(routers)-1]
	first.Clear(first.Neighbours()[0])
	last.Clear(last.Neighbours()[1])
	s.agree("sessions cleared")
	for _, r := range routers {
		r.Kill()
		s.agree(r.Name + " killed")
		r.Start()
		s.agree(r.Name + " started")
	}
	s.Kill()
	s.withdraw(routers[1], Networks(1, 0, 2)...)
	last.Announce(Networks(len(routers)-1, 5, 8)...)
	s.Lab.Wait()
	s.Start()
	s.agree("darkmap killed and started")
	s.Stop()
	s.withdraw(first, Networks(0, 3, 5)...)
	s.Lab.Wait()
	s.Start()
	v := s.agree("darkmap stopped and started")
	s.onlyWithdrawn(v)
	return v
}

// Networks returns the prefixes from (inclusive) to to (exclusive) of a router, in both families,
// of a length that a detector considers: /24 and /48.
func Networks(router, from, to int) []netip.Prefix {
	var all []netip.Prefix
	for i := from; i < to; i++ {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(100 + router), byte(i), 0}), 24),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(router), byte(i)}), 48))
	}
	return all
}

// Common returns networks that every router announces. Routers announce only their own prefixes, so
// these alone are received from more than one AS, and held by enough voters to count as lost.
func Common(from, to int) []netip.Prefix { return Networks(MaxRouters, from, to) }

// WithdrawCommon withdraws common networks from every router.
func (s *Script) WithdrawCommon(from, to int) {
	s.Lab.tb.Helper()
	for _, r := range s.Lab.Routers {
		s.withdraw(r, Common(from, to)...)
	}
}

func (s *Script) withdraw(r *Router, prefixes ...netip.Prefix) {
	for _, p := range prefixes {
		s.Withdrawn[p] = true
	}
	r.Withdraw(prefixes...)
}

// agree waits until the routers' sessions are complete and the log agrees with their tables.
func (s *Script) agree(what string) *View {
	tb := s.Lab.tb
	tb.Helper()
	s.Lab.Wait()
	begun := time.Now()
	var v *View
	Eventually(tb, 2*time.Minute, func() error {
		v = s.Read()
		return v.Agrees(s.Lab)
	})
	tb.Logf("%s: the log agrees after %v", what, time.Since(begun).Round(time.Millisecond))
	return v
}

// flip announces and withdraws prefixes of each router, one change at a time. The log must hold
// each change for each neighbour.
func (s *Script) flip() {
	s.Lab.tb.Helper()
	var v *View
	for range flips {
		for i, r := range s.Lab.Routers {
			r.Announce(Networks(i, 10, 11)...)
		}
		s.agree("announced")
		for i, r := range s.Lab.Routers {
			s.withdraw(r, Networks(i, 10, 11)...)
		}
		v = s.agree("withdrawn")
	}
	for _, r := range s.Lab.Routers {
		for _, n := range r.Neighbours() {
			p := Networks(n.Router.index, 10, 11)[slices.Index(bgp.Families[:], n.Family)]
			k := historyKey("bmp/"+r.Name, n.Address, p)
			if got, want := v.history[k], strings.Repeat("AW", flips); got != want {
				s.Lab.tb.Errorf("%s: changes %q, want %q", k, got, want)
			}
		}
	}
}

// onlyWithdrawn checks that each withdrawal in the log is of a prefix that a router withdrew on
// command, or that a router sent it according to Tap.
func (s *Script) onlyWithdrawn(v *View) {
	s.Lab.tb.Helper()
	total, strange := 0, 0
	for k, changes := range v.history {
		n := strings.Count(changes, "W")
		total += n
		if p := netip.MustParsePrefix(k[strings.LastIndexByte(k, ' ')+1:]); n == 0 || s.Withdrawn[p] {
			continue
		}
		strange += n
		if s.Tap == nil || n > s.Tap.sent(k) {
			s.Lab.tb.Errorf("%s: %q, but it was never taken back", k, changes)
		}
	}
	s.Lab.tb.Logf("%d withdrawals, %d of them of what no router was told to take back", total, strange)
}
