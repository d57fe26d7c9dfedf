package page

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/live"
)

// keyOf returns the key of an entity in a family.
func keyOf(t bgp.EntityType, code string, f bgp.Family) live.Key {
	return live.Key{Family: f, Type: t, Code: code}
}

// maxAsked bounds the prefixes for which a page asks the detector for holders.
const maxAsked = 4

// maxHolders bounds the peers of a prefix in the detector's answer.
const maxHolders = 100

// noAnswer explains why the detector has not named the holders of a prefix.
const noAnswer = "The detector did not answer. It starts, or builds its state again."

// seenView lists the holders of prefixes this second.
type seenView struct {
	Prefixes []seenPrefix
	// Problem is the reason why they are not known, or empty.
	Problem string
}

// seenPrefix lists the holders of one prefix.
type seenPrefix struct {
	Prefix, Link string
	Sentence     string
	// Peers are all listed peers, and Holding those of them that hold the prefix.
	Peers, Holding []seenPeer
	More           string
}

// seenPeer is a peer in the answer about the prefix.
type seenPeer struct {
	Name, Link, Collector, Upstream string
	Votes, Holds                    bool
	Withdrawn                       *time.Time
}

// seen asks the detector for the present holders of the prefixes that an outage lost.
func (d *outageView) seen(a *asked) {
	switch {
	case a.Dataset != a.site.deps.Dataset || a.site.deps.Voters == nil:
		d.Seen.Problem = "Who holds them this second is known only where the detector runs."
		return
	case d.State == bgp.StateClosed || d.State == bgp.StateRetracted:
		d.Seen.Problem = "The outage is over. The page of each prefix shows who holds it now."
		return
	}
	lost := lostPrefixes(d.Outage)
	for _, p := range lost[:min(len(lost), maxAsked)] {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			continue
		}
		s, err := a.holders(prefix)
		if err != nil {
			d.Seen.Problem = noAnswer
			return
		}
		d.Seen.Prefixes = append(d.Seen.Prefixes, s)
	}
}

// holders asks the detector for the holders of a prefix this second.
func (a *asked) holders(p netip.Prefix) (seenPrefix, error) {
	ctx, cancel := deadline(a.Context())
	defer cancel()
	out := seenPrefix{Prefix: p.String(), Link: a.LinkEntity(bgp.EntityPrefix, p.String())}
	answer, err := a.site.deps.Voters(ctx, query.Question{
		Kind: query.KindPrefix, Code: p.String(), Prefix: p,
	}, maxHolders)
	if err != nil {
		return out, err
	}
	hidden := map[string]int{}
	if !serve.Viewer(a.Request).LoggedIn {
		answer, hidden = serve.PublicAnswer(answer)
	}
	out.Sentence = "No voter was ever heard to announce it."
	for _, f := range answer.Families {
		if f.Prefix == nil || f.Prefix.Prefix != p.String() {
			continue
		}
		x := f.Prefix
		out.Sentence = fmt.Sprintf("%d of %s hold it; %d held it before and do not now. %s.",
			x.HeldBy, bgp.Count(x.Voters, "voter"), x.GoneFrom, othersText(x.OtherPeers))
		for _, peer := range x.Peers {
			s := seenPeer{
				Name: peer.ASN.String(), Link: a.LinkEntity(bgp.EntityAS, peer.ASN.String()),
				Collector: peer.Collector, Votes: peer.Votes, Holds: peer.Holds,
				Withdrawn: peer.Withdrawn,
			}
			if peer.Upstream != 0 {
				s.Upstream = peer.Upstream.String()
			}
			out.Peers = append(out.Peers, s)
			if peer.Holds {
				out.Holding = append(out.Holding, s)
			}
		}
		if n := hidden[f.Family]; n > 0 {
			out.More = bgp.Count(n, "private peer") + " not listed."
		} else if x.Cut {
			out.More = "The list is cut."
		}
	}
	return out, nil
}

// othersText counts the peers that hold a prefix and do not vote.
func othersText(n int) string {
	if n == 1 {
		return "1 peer that does not vote holds it"
	}
	return fmt.Sprintf("%d peers that do not vote hold it", n)
}
