package watchlist

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// streamPrefix is the beginning of the name of each list's pseudo-collector.
const streamPrefix = "watch/"

var (
	namePattern = regexp.MustCompile(`^[a-z0-9-]+$`)
	hostPattern = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*$`)
)

// StreamOf returns the list to whose stream a collector's records belong; ok is false for real
// collectors.
func StreamOf(collector string) (list string, ok bool) {
	return strings.CutPrefix(collector, streamPrefix)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, codec.ErrInvalid)...)
}

// checkStream checks the position of a record about the list name, and returns the fault.
func checkStream(p *pb.Position, name string) error {
	switch {
	case name == "" || len(name) > MaxName || !namePattern.MatchString(name):
		return invalid(
			"watch list %.80q: its name is not of a-z, 0-9 and -, at most %d of them", name, MaxName)
	case p.GetCollector() != streamPrefix+name:
		return invalid("watch list %s in the stream of %.80q", name, p.GetCollector())
	case p.GetLane() != string(bgp.LaneWatch):
		return invalid("watch list %s in the lane %.80q", name, p.GetLane())
	}
	return nil
}

// header reads the fields of a list, without its members.
func header(in *pb.WatchList) (List, error) {
	l := List{
		Name: strings.Clone(in.GetName()), Title: strings.Clone(in.GetTitle()),
		Home: strings.Clone(in.GetHome()), Public: in.GetPublic(),
	}
	switch {
	case len(l.Title) > MaxTitle || !utf8.ValidString(l.Title):
		return l, invalid("watch list %s: its title is longer than %d octets, or not UTF-8", l.Name, MaxTitle)
	case l.Home != "" && bgp.CountryName(l.Home) == "":
		return l, invalid("watch list %s: home %.10q is no country", l.Name, l.Home)
	}
	return l, nil
}

// readMembers reads the members of a part.
func readMembers(in *pb.WatchList) ([]Member, error) {
	if n := len(in.GetMembers()); n > MaxMembers {
		return nil, invalid("watch list %s: %d members in a part, more than the %d of a list",
			in.GetName(), n, MaxMembers)
	}
	out := make([]Member, 0, len(in.GetMembers()))
	for i, m := range in.GetMembers() {
		member, err := readMember(m)
		if err != nil {
			return nil, fmt.Errorf("watch list %s, member %d of part %d: %w",
				in.GetName(), i, in.GetPart(), err)
		}
		out = append(out, member)
	}
	return out, nil
}

func readMember(in *pb.WatchMember) (m Member, err error) {
	switch b := in.GetMember().(type) {
	case *pb.WatchMember_Prefix:
		if m.Prefix, err = codec.ParsePrefix(b.Prefix); err != nil {
			return m, err
		}
		if f := bgp.FamilyOf(m.Prefix); m.Prefix.Bits() < f.MinLength() {
			return m, invalid("prefix %v is shorter than /%d: no such %s routes are looked at",
				m.Prefix, f.MinLength(), f.Title())
		}
	case *pb.WatchMember_Asn:
		if m.ASN = bgp.ASN(b.Asn); b.Asn == 0 {
			return m, invalid("AS number 0")
		}
	case *pb.WatchMember_Country:
		if m.Country = strings.Clone(b.Country); bgp.CountryName(b.Country) == "" {
			return m, invalid("%.10q is no country", b.Country)
		}
	case *pb.WatchMember_Host:
		if m.Host = strings.Clone(b.Host); !isHost(b.Host) {
			return m, invalid("%.80q is no name of a host", b.Host)
		}
	default:
		return m, invalid("neither prefix, AS, country nor host")
	}
	if len(in.GetOrigins()) == 0 {
		return m, nil
	}
	switch {
	case !m.Prefix.IsValid():
		return m, invalid("origins of %s: only prefixes have them", m.String())
	case len(in.GetOrigins()) > MaxOrigins:
		return m, invalid("%d origins of %v, more than %d", len(in.GetOrigins()), m.Prefix, MaxOrigins)
	case slices.Contains(in.GetOrigins(), 0):
		return m, invalid("AS number 0 among the origins of %v", m.Prefix)
	}
	for _, a := range in.GetOrigins() {
		m.Origins = append(m.Origins, bgp.ASN(a))
	}
	slices.Sort(m.Origins)
	m.Origins = slices.Compact(m.Origins)
	return m, nil
}

func isHost(s string) bool {
	return len(s) <= MaxHost && hostPattern.MatchString(strings.ToLower(strings.TrimSuffix(s, ".")))
}

// distinct removes repeated members. It keeps the first of equal members, with the origins of all
// of them.
func distinct(all []Member) []Member {
	seen := make(map[string]int, len(all))
	out := all[:0]
	for _, m := range all {
		i, ok := seen[m.String()]
		if !ok {
			seen[m.String()] = len(out)
			out = append(out, m)
			continue
		}
		o := slices.Concat(out[i].Origins, m.Origins)
		slices.Sort(o)
		out[i].Origins = slices.Compact(o)
	}
	return out
}

func readHost(in *pb.HostAddresses) (h Host, err error) {
	if !isHost(in.GetHost()) {
		return h, invalid("watch list %s: %.80q is no name of a host", in.GetList(), in.GetHost())
	}
	if !utf8.ValidString(in.GetProblem()) || len(in.GetProblem()) > 1000 {
		return h, invalid("watch list %s: the problem of %s is longer than 1,000 octets, or not UTF-8",
			in.GetList(), in.GetHost())
	}
	if t := in.GetResolvedAtUs(); t < 0 {
		return h, invalid("watch list %s: %s resolved at %d", in.GetList(), in.GetHost(), t)
	}
	h = Host{ResolvedAt: in.GetResolvedAtUs() / 1e6, Problem: strings.Clone(in.GetProblem())}
	if h.Addresses, err = readAddresses(in, in.GetAddresses()); err != nil {
		return h, err
	}
	h.NameServers, err = readAddresses(in, in.GetNameServers())
	return h, err
}

func readAddresses(in *pb.HostAddresses, all [][]byte) (out []netip.Addr, err error) {
	if len(all) > MaxAddresses {
		return nil, invalid("watch list %s: %d addresses of %s, more than %d",
			in.GetList(), len(all), in.GetHost(), MaxAddresses)
	}
	for _, b := range all {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return nil, invalid("watch list %s: an address of %s has %d octets",
				in.GetList(), in.GetHost(), len(b))
		}
		out = append(out, a.Unmap())
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out), nil
}
