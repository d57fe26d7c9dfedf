package main

import (
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/dump"
	"github.com/darkmap/darkmap/internal/timespan"
)

// dumpFilter holds the flags that choose the lines to print.
type dumpFilter struct {
	Prefix       []string `help:"Lines of this prefix; an address means all of its bits." placeholder:"PREFIX"`
	MoreSpecific bool     `help:"With --prefix: of it and what it covers." xor:"mode"`
	LessSpecific bool     `help:"With --prefix: of it and what covers it." xor:"mode"`
	Overlapping  bool     `help:"With --prefix: of it, what it covers and what covers it." xor:"mode"`
	Peer         []string `help:"Lines of this peer: its address or its AS number." placeholder:"PEER"`
	Origin       []string `help:"Routes that this AS originates." placeholder:"ASN"`
	Path         string   `help:"Routes whose AS path, as it is printed, matches (RE2; _ is the beginning, the end or what is between two numbers)." placeholder:"REGEX"`
	PathAS       []string `name:"path-as" help:"Routes with this AS anywhere in the path." placeholder:"ASN"`
	Community    []string `help:"Routes with this community, large or not; * is any number: 64496:*." placeholder:"COMMUNITY"`
	Type         []string `help:"announce, withdraw, table, state, peer_up, peer_down or end_of_rib." placeholder:"TYPE"`
	From         string   `help:"Lines from this time on: a date, a date with a time (UTC unless it names a zone), or seconds since 1970." placeholder:"TIME"`
	To           string   `help:"Lines up to this time, which is included: a date to its end." placeholder:"TIME"`
}

// any reports whether a flag is set.
func (f *dumpFilter) any() bool {
	return len(f.Prefix)+len(f.Peer)+len(f.Origin)+len(f.PathAS)+len(f.Community)+len(f.Type) > 0 ||
		f.Path+f.From+f.To != ""
}

// filter returns the filter that the flags describe. The error names all faults.
func (f *dumpFilter) filter() (out dump.Filter, err error) {
	mode := bgp.PrefixExact
	switch {
	case f.MoreSpecific:
		mode = bgp.PrefixMoreSpecific
	case f.LessSpecific:
		mode = bgp.PrefixLessSpecific
	case f.Overlapping:
		mode = bgp.PrefixOverlapping
	}
	var faults []error
	if mode != bgp.PrefixExact && len(f.Prefix) == 0 {
		faults = append(faults, errors.New("--more-specific, --less-specific and --overlapping need --prefix"))
	}
	out.Prefixes = parseAll(&faults, "--prefix", f.Prefix, func(s string) (bgp.PrefixMatch, error) {
		return bgp.ParsePrefixMatch(s, mode)
	})
	out.Peers = parseAll(&faults, "--peer", f.Peer, dump.ParsePeer)
	out.Origins = parseAll(&faults, "--origin", f.Origin, parseASN)
	out.PathASNs = parseAll(&faults, "--path-as", f.PathAS, parseASN)
	out.Communities = parseAll(&faults, "--community", f.Community, dump.ParseCommunity)
	out.Types = parseAll(&faults, "--type", f.Type, dump.ParseType)
	if f.Path != "" {
		out.Path, err = dump.ParsePath(f.Path)
		faults = appendFault(faults, "--path", err)
	}
	begin, end, err := timespan.ParseWindow(f.From, f.To, true)
	if err != nil {
		faults = append(faults, err)
	}
	if f.From != "" {
		out.From = begin.UnixMicro()
	}
	if f.To != "" {
		out.To = end.UnixMicro()
	}
	return out, errors.Join(faults...)
}

func parseAll[T any](faults *[]error, flag string, values []string, parse func(string) (T, error)) []T {
	var out []T
	for _, s := range values {
		v, err := parse(s)
		*faults = appendFault(*faults, flag, err)
		out = append(out, v)
	}
	return out
}

func appendFault(faults []error, flag string, err error) []error {
	if err == nil {
		return faults
	}
	return append(faults, fmt.Errorf("%s %w", flag, err))
}

func parseASN(s string) (bgp.ASN, error) {
	asn, err := bgp.ParseASN(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not an AS number, as 64496 or AS64496", s)
	}
	return asn, nil
}
