package watch

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/bgp"
)

// Description describes how darkmap watches a member.
type Description struct {
	List    string    `json:"list"`
	Member  string    `json:"member"`
	Origins []bgp.ASN `json:"origins,omitempty"`
	// What describes the routes that are watched, or the reason why none are.
	What string `json:"what"`
	// Addresses and NameServers are those of a host. Problem is the reason why it has none.
	Addresses   []netip.Addr `json:"addresses,omitempty"`
	NameServers []netip.Addr `json:"name_servers,omitempty"`
	Problem     string       `json:"problem,omitempty"`
}

// askedAtOnce bounds the hosts for which Describe asks DNS at one time.
const askedAtOnce = 8

// Describe describes all members, and asks DNS for their hosts once.
func Describe(ctx context.Context, lists []List, ask hosts.Ask) []Description {
	answers := map[string]hosts.Answer{}
	var mu sync.Mutex // guards answers
	var g errgroup.Group
	g.SetLimit(askedAtOnce)
	for _, name := range Hosts(lists) {
		g.Go(func() error { // ends with ctx, or after the question for the host
			a := ask(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			answers[name] = a
			return nil
		})
	}
	_ = g.Wait() // no function returns an error
	var all []Description
	for _, l := range lists {
		for _, m := range l.Members {
			a := answers[m.Host]
			all = append(all, Description{
				l.Name, m.String(), m.Origins, m.what(a), a.Addresses, a.NameServers, a.Problem,
			})
		}
	}
	return all
}

// what describes the routes that are watched for a member.
func (m Member) what(a hosts.Answer) string {
	switch {
	case m.TooLong():
		return "the longest route that covers it: it is too long for a route of its own to be seen"
	case len(m.Origins) > 0:
		return "its route, or the longest that covers it; routes to it and within it from other ASes"
	case m.Prefix.IsValid():
		return "its route, or the longest that covers it"
	case m.ASN != 0:
		return "the prefixes that it usually originates"
	case m.Country != "":
		return "the prefixes that lie in " + bgp.CountryName(m.Country)
	case a.Problem != "":
		return "nothing yet: " + a.Problem
	}
	return fmt.Sprintf("the routes to %s; of its name servers, those to %s", list(a.Addresses),
		list(a.NameServers))
}

// list returns addresses as text.
func list(all []netip.Addr) string {
	if len(all) == 0 {
		return "none"
	}
	var words []string
	for _, a := range all {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}
