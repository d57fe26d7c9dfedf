package core

import (
	"fmt"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/internal/bgp"
)

// LostVotes counts the peers that voted and lost their vote because of their messages. Reasons
// counts them by the first reason of each.
type LostVotes struct {
	Peers   int                 `json:"peers"`
	Reasons []panel.ReasonCount `json:"reasons"`
	// Names lists the first maxLostNames of them by collector and address: collector, address, AS.
	Names []string `json:"names"`
}

const (
	maxLostNames = 5
	// maxLostVotes bounds the peers that are remembered of a family.
	maxLostVotes = 4096
)

// noteStruck remembers the peers that lost their vote in the window.
func (v *verdicts) noteStruck(struck []panel.Status) {
	for _, p := range struck {
		if _, ok := v.struck[p.Session.Key]; !ok && len(v.struck) < maxLostVotes {
			v.struck[p.Session.Key] = p.Reason
		}
	}
}

// lostVotes returns the peers that have lost their vote so far; nil if none has.
func (v *verdicts) lostVotes() *LostVotes {
	if len(v.struck) == 0 {
		return nil
	}
	out := &LostVotes{Peers: len(v.struck)}
	n := map[panel.Reason]int{}
	for _, r := range v.struck {
		n[r]++
	}
	for _, r := range slices.Sorted(maps.Keys(n)) {
		out.Reasons = append(out.Reasons, panel.ReasonCount{Reason: r, Peers: n[r]})
	}
	all := slices.SortedFunc(maps.Keys(v.struck), bgp.PeerKey.Compare)
	for _, k := range all[:min(len(all), maxLostNames)] {
		out.Names = append(out.Names, fmt.Sprintf("%s %v %v", k.Collector, k.Address, k.ASN))
	}
	return out
}
