// Package mrttest builds MRT archives for tests: small worlds with known outages, and octets that
// no correct router sends.
//
// A World has peers at collectors, and routes that they all hold. A test adds events at given
// times; Updates and Table return the octets of a collector's files. The same calls give the same
// octets. Errors panic, because the input comes from the test.
package mrttest

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/mrt"
)

// Peer is a BGP session of a collector.
type Peer struct {
	Collector string
	mrt.Session
}

// Route is a prefix that every peer receives. The path is the peer's AS, Via and Origin.
type Route struct {
	Prefix netip.Prefix
	Via    bgp.ASN
	Origin bgp.ASN
	// Country is the country of the prefix in Geo; "" is none.
	Country string
}

// World is the input of the collectors. Times count from Start.
type World struct {
	Start  time.Time
	Peers  []Peer
	Routes []Route
	events map[string][]event
}

type event struct {
	at    time.Duration
	bytes []byte
}

// NewWorld returns a world of collectors c0, c1, ... with the given number of peers each and the
// given routes. Peer j of collector i is 10.i.0.(j+1), AS 64600 + 100 i + j.
func NewWorld(start time.Time, collectors, peers int, routes []Route) *World {
	w := &World{Start: start, Routes: routes, events: map[string][]event{}}
	for i := range collectors {
		for j := range peers {
			w.Peers = append(w.Peers, Peer{fmt.Sprintf("c%d", i), mrt.Session{
				PeerASN: bgp.ASN(64600 + 100*i + j), LocalASN: 64511,
				PeerAddress:  netip.AddrFrom4([4]byte{10, byte(i), byte(j / 250), byte(j%250 + 1)}),
				LocalAddress: netip.AddrFrom4([4]byte{10, byte(i), 255, 254}),
			}})
		}
	}
	return w
}

// Background returns n routes of /24s from 20.0.0.0 on, four to an origin from AS 20000 on, in the
// country DE.
func Background(n int) []Route {
	var all []Route
	for i := range n {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24)
		all = append(all, Route{Prefix: p, Via: bgp.ASN(3000 + i%5), Origin: bgp.ASN(20000 + i/4), Country: "DE"})
	}
	return all
}

// KP returns the four /24s of North Korea, 175.45.176.0/22, of AS131279.
func KP() []Route {
	var all []Route
	for i := range 4 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{175, 45, byte(176 + i), 0}), 24)
		all = append(all, Route{Prefix: p, Via: 4837, Origin: 131279, Country: "KP"})
	}
	return all
}

// Prefixes returns the prefixes of routes.
func Prefixes(routes []Route) []netip.Prefix {
	var all []netip.Prefix
	for _, r := range routes {
		all = append(all, r.Prefix)
	}
	return all
}

// Collectors returns the names of the collectors, in order.
func (w *World) Collectors() []string {
	var all []string
	for _, p := range w.Peers {
		if !slices.Contains(all, p.Collector) {
			all = append(all, p.Collector)
		}
	}
	return all
}

// Attributes returns the attributes of the route at the peer.
func (p Peer) Attributes(r Route) wire.PlainAttributes {
	a := wire.PlainAttributes{Path: []bgp.ASN{p.PeerASN, r.Via, r.Origin}}
	if r.Prefix.Addr().Is4() {
		a.NextHop = p.PeerAddress
	} else {
		a.NextHop6 = netip.MustParseAddr("2001:db8::1")
	}
	return a
}

// Announce makes peers announce the routes, one after another within a second.
func (w *World) Announce(at time.Duration, peers []Peer, routes ...Route) {
	for i, p := range peers {
		for _, r := range routes {
			m, err := wire.AppendUpdate(nil, wire.PlainUpdate{
				Announced: []netip.Prefix{r.Prefix}, Attributes: p.Attributes(r),
			})
			w.message(at+stagger(i, len(peers)), p, m, err)
		}
	}
}

// Withdraw makes peers withdraw the prefixes, one after another within a second.
func (w *World) Withdraw(at time.Duration, peers []Peer, prefixes ...netip.Prefix) {
	for i, p := range peers {
		for part := range slices.Chunk(prefixes, 200) {
			m, err := wire.AppendUpdate(nil, wire.PlainUpdate{Withdrawn: part})
			w.message(at+stagger(i, len(peers)), p, m, err)
		}
	}
}

// Message makes the peer send the octets of a BGP message.
func (w *World) Message(at time.Duration, p Peer, message []byte) { w.message(at, p, message, nil) }

// State changes the state of the peer's session (RFC 4271 §8.2.2).
func (w *World) State(at time.Duration, p Peer, from, to bgp.FSMState) {
	w.record(at, p.Collector, func(m *mrt.Writer) { m.StateChange(w.micro(at), p.Session, from, to) })
}

// Record adds the octets of a record to the collector's updates. The record may have any time.
func (w *World) Record(at time.Duration, collector string, record []byte) {
	w.events[collector] = append(w.events[collector], event{at, record})
}

// Churn makes every peer announce one of the routes again in each interval, so that time passes.
func (w *World) Churn(from, to, every time.Duration, peers []Peer, routes []Route) {
	for i, p := range peers {
		for k, at := 0, from+every*time.Duration(i)/time.Duration(len(peers)); at < to; k, at = k+1, at+every {
			w.Announce(at, []Peer{p}, routes[(i*7+k)%len(routes)])
		}
	}
}

// Updates returns the collector's records with from <= time < to, in order of time.
func (w *World) Updates(collector string, from, to time.Duration) []byte {
	all := slices.Clone(w.events[collector])
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	var b []byte
	for _, e := range all {
		if e.at >= from && e.at < to {
			b = append(b, e.bytes...)
		}
	}
	return b
}

// Table returns a table of the collector's peers with the routes for which has returns true; nil
// selects all.
func (w *World) Table(collector string, at time.Duration, has func(Peer, Route) bool) []byte {
	var out bytes.Buffer
	m, t := mrt.NewWriter(&out), w.Start.Add(at)
	var peers []Peer
	var index []mrt.TablePeer
	for _, p := range w.Peers {
		if p.Collector == collector {
			peers = append(peers, p)
			index = append(index, mrt.TablePeer{
				BGPID: netip.AddrFrom4([4]byte{192, 0, 2, 1}), Address: p.PeerAddress,
				ASN: p.PeerASN,
			})
		}
	}
	m.PeerIndexTable(t, netip.AddrFrom4([4]byte{192, 0, 2, 254}), "", index)
	for n, r := range w.Routes {
		var entries []mrt.Entry
		for i, p := range peers {
			if has == nil || has(p, r) {
				entries = append(entries, mrt.Entry{
					Peer: uint16(i), Originated: t.Add(-time.Hour), Attributes: p.Attributes(r),
				})
			}
		}
		if len(entries) > 0 {
			m.RIB(t, uint32(n), r.Prefix, entries)
		}
	}
	must(m.Err())
	return out.Bytes()
}

// Geo returns the countries of the routes, as a file of enrich.geo.files.
func (w *World) Geo() []byte { return w.lines(func(r Route) string { return r.Country }) }

// Origins returns the origins of the routes, as a file of enrich.asn.files.
func (w *World) Origins() []byte {
	return w.lines(func(r Route) string { return fmt.Sprintf("%d,Network %d", r.Origin, r.Origin) })
}

func (w *World) lines(value func(Route) string) []byte {
	var b []byte
	for _, r := range w.Routes {
		if v := value(r); v != "" {
			b = fmt.Appendf(b, "%s,%s,%s\n", r.Prefix.Addr(), last(r.Prefix), v)
		}
	}
	return b
}

func (w *World) message(at time.Duration, p Peer, message []byte, err error) {
	must(err)
	w.record(at, p.Collector, func(m *mrt.Writer) { m.Message(w.micro(at), p.Session, message) })
}

func (w *World) record(at time.Duration, collector string, write func(*mrt.Writer)) {
	var out bytes.Buffer
	m := mrt.NewWriter(&out)
	write(m)
	must(m.Err())
	w.Record(at, collector, out.Bytes())
}

func (w *World) micro(at time.Duration) int64 { return w.Start.Add(at).UnixMicro() }

// stagger spreads n peers over a second.
func stagger(i, n int) time.Duration { return time.Second * time.Duration(i) / time.Duration(n) }

// last returns the prefix's last address.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
