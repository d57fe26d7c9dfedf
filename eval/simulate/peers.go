package simulate

import (
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// peersTSV lists which AS feeds which collector. The ASes are real; their sessions are made up.
//
//go:embed peers.tsv
var peersTSV string

// peer is one AS that feeds a collector. It has one session, or two if IPv6 has its own.
type peer struct {
	collector string
	number    int // within the collector, from 1
	asn       bgp.ASN
	partial   bool // the peer announces only the networks of its own country
	endOfRIB  bool
	joins     time.Duration
	node      int
	sessions  []*session
}

// session is a BGP session of a peer. families lists the families that it carries.
type session struct {
	peer     *peer
	index    int // among all sessions
	address  netip.Addr
	local    netip.Addr
	bgpID    netip.Addr
	next     netip.Addr
	next6    netip.Addr
	families []bgp.Family
}

func (s *session) carries(f bgp.Family) bool { return slices.Contains(s.families, f) }

// parsePeers returns the peers in the order of the table, which is sorted by collector.
func parsePeers(text string) ([]*peer, error) {
	table, err := rows("peers.tsv", text, 6)
	if err != nil {
		return nil, err
	}
	var out []*peer
	collector, number, sessions := 0, 0, 0
	for i, f := range table {
		if i == 0 || f[0] != out[i-1].collector {
			collector, number = collector+1, 0
		}
		number++
		p := &peer{collector: f[0], number: number, partial: f[3] == "partial", endOfRIB: f[4] == "yes"}
		if p.asn, err = bgp.ParseASN(f[1]); err != nil {
			return nil, fmt.Errorf("reading peers.tsv line %d: %w", i+2, err)
		}
		if f[5] != "" {
			if p.joins, err = time.ParseDuration(f[5]); err != nil {
				return nil, fmt.Errorf("reading peers.tsv line %d: %w", i+2, err)
			}
		}
		four := addressPlan(p, collector, number)
		switch f[2] {
		case "same":
			four.families = append(four.families, bgp.IPv6)
		case "own":
			six := *four
			six.address = four.next6
			six.local = collectorAddress6(collector)
			six.families = []bgp.Family{bgp.IPv6}
			p.sessions = append(p.sessions, &six)
		}
		for _, s := range p.sessions {
			s.index = sessions
			sessions++
		}
		out = append(out, p)
	}
	return out, nil
}

// addressPlan gives the peer its IPv4 session. All addresses are documentation space (RFC 5737, RFC
// 3849), which has room for 12 collectors with 20 peers each.
func addressPlan(p *peer, collector, number int) *session {
	s := &session{
		peer:     p,
		address:  netip.AddrFrom4([4]byte{192, 0, 2, byte((collector-1)*20 + number)}),
		local:    netip.AddrFrom4([4]byte{203, 0, 113, byte(collector)}),
		families: []bgp.Family{bgp.IPv4},
	}
	s.bgpID, s.next = s.address, s.address
	six := collectorAddress6(collector).As16()
	six[15] = byte(number)
	six[14] = 1
	s.next6 = netip.AddrFrom16(six)
	p.sessions = append(p.sessions, s)
	return s
}

func collectorAddress6(collector int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(collector), 15: 0xfe})
}
