package wire_test

import (
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/datatest"
)

// routes is the result on which two decoders must agree.
type routes struct {
	Withdrawn, Announced                                             []string
	Path, Origin, NextHop, MPNextHop, MED, LocalPref, Aggregator, AG string
	Communities, Large                                               string
}

// ours converts an update of our decoder.
func ours(u *wire.Update) routes {
	var r routes
	for _, n := range u.Withdrawn {
		r.Withdrawn = append(r.Withdrawn, fmt.Sprintf("%v %d", n.Prefix, n.PathID))
	}
	for _, n := range u.Announced {
		r.Announced = append(r.Announced, fmt.Sprintf("%v %d", n.Prefix, n.PathID))
	}
	a := &u.Attributes
	r.Path = a.Path.String()
	if a.HasOrigin {
		r.Origin = fmt.Sprint(a.Origin)
	}
	r.NextHop, r.MPNextHop = fmt.Sprint(a.NextHop), fmt.Sprint(a.MPNextHop)
	if a.HasMED {
		r.MED = fmt.Sprint(a.MED)
	}
	if a.HasLocalPref {
		r.LocalPref = fmt.Sprint(a.LocalPref)
	}
	if a.HasAggregator {
		r.Aggregator = fmt.Sprintf("%d %v", a.Aggregator.ASN, a.Aggregator.Address)
	}
	r.AG = fmt.Sprint(a.AtomicAggregate)
	r.Communities = fmt.Sprint(append([]uint32{}, a.Communities...))
	large := [][3]uint32{}
	for _, c := range a.LargeCommunities {
		if !slices.Contains(large, c) { // gobgp drops duplicates (RFC 8092 §3)
			large = append(large, c)
		}
	}
	r.Large = fmt.Sprint(large)
	return r
}

// theirs decodes with gobgp.
func theirs(body []byte, o wire.Options) (routes, error) {
	options := gobgpOptions(o)
	h := &gobgp.BGPHeader{Type: gobgp.BGP_MSG_UPDATE, Len: uint16(wire.HeaderLength + len(body))}
	m, err := gobgp.ParseBGPBody(h, body, options)
	if err != nil {
		return routes{}, err
	}
	u := m.Body.(*gobgp.BGPUpdate)
	both := gobgp.BGP_ADD_PATH_BOTH
	families := map[gobgp.Family]gobgp.BGPAddPathMode{
		gobgp.RF_IPv4_UC: both, gobgp.RF_IPv6_UC: both, gobgp.RF_IPv4_MC: both, gobgp.RF_IPv6_MC: both, gobgp.RF_IPv4_VPN: both, gobgp.RF_IPv6_VPN: both,
	}
	if _, err := gobgp.ValidateUpdateMsg(u, families, false, true, true); err != nil {
		return routes{}, err
	}
	r := routes{AG: "false", NextHop: "invalid IP", MPNextHop: "invalid IP", Communities: "[]", Large: "[]"}
	r.Withdrawn = appendTheirs(r.Withdrawn, u.WithdrawnRoutes)
	r.Announced = appendTheirs(r.Announced, u.NLRI)
	var as4 []string
	for _, a := range u.PathAttributes {
		if a.GetType() == gobgp.BGP_ATTR_TYPE_AS4_PATH {
			as4 = append(as4, "present")
		}
		theirAttribute(&r, a)
	}
	if o.ASOctets == 2 && len(as4) > 0 {
		return r, errMerge // gobgp leaves AS4_PATH to its caller
	}
	return r, nil
}

var errMerge = errors.New("AS4_PATH, which gobgp's codec does not merge")

func gobgpOptions(o wire.Options) *gobgp.MarshallingOption {
	options := &gobgp.MarshallingOption{Use2ByteAS: o.ASOctets == 2, ExtendedMessage: true, AddPath: map[gobgp.Family]gobgp.BGPAddPathMode{}}
	if o.AddPathIPv4 {
		options.AddPath[gobgp.RF_IPv4_UC] = gobgp.BGP_ADD_PATH_BOTH
	}
	if o.AddPathIPv6 {
		options.AddPath[gobgp.RF_IPv6_UC] = gobgp.BGP_ADD_PATH_BOTH
	}
	return options
}

func appendTheirs(list []string, nlri []gobgp.PathNLRI) []string {
	for _, n := range nlri {
		if p, err := netip.ParsePrefix(n.NLRI.String()); err == nil {
			list = append(list, fmt.Sprintf("%v %d", p.Masked(), n.ID))
		}
	}
	return list
}

func theirAttribute(r *routes, a gobgp.PathAttributeInterface) {
	switch a := a.(type) {
	case *gobgp.PathAttributeOrigin:
		r.Origin = fmt.Sprint(a.Value)
	case *gobgp.PathAttributeAsPath:
		r.Path = theirPath(a.Value)
	case *gobgp.PathAttributeNextHop:
		r.NextHop = a.Value.String()
	case *gobgp.PathAttributeMultiExitDisc:
		r.MED = fmt.Sprint(a.Value)
	case *gobgp.PathAttributeLocalPref:
		r.LocalPref = fmt.Sprint(a.Value)
	case *gobgp.PathAttributeAtomicAggregate:
		r.AG = "true"
	case *gobgp.PathAttributeAggregator:
		r.Aggregator = fmt.Sprintf("%d %v", a.Value.AS, a.Value.Address)
	case *gobgp.PathAttributeCommunities:
		r.Communities = fmt.Sprint(a.Value)
	case *gobgp.PathAttributeLargeCommunities:
		list := [][3]uint32{}
		for _, c := range a.Values {
			list = append(list, [3]uint32{c.ASN, c.LocalData1, c.LocalData2})
		}
		r.Large = fmt.Sprint(list)
	case *gobgp.PathAttributeMpReachNLRI:
		if a.SAFI == gobgp.SAFI_UNICAST && (a.AFI == gobgp.AFI_IP || a.AFI == gobgp.AFI_IP6) {
			r.MPNextHop = a.Nexthop.String()
			r.Announced = appendTheirs(r.Announced, a.Value)
		}
	case *gobgp.PathAttributeMpUnreachNLRI:
		if a.SAFI == gobgp.SAFI_UNICAST && (a.AFI == gobgp.AFI_IP || a.AFI == gobgp.AFI_IP6) {
			r.Withdrawn = appendTheirs(r.Withdrawn, a.Value)
		}
	}
}

func theirPath(segments []gobgp.AsPathParamInterface) string {
	var path bgp.ASPath
	for _, s := range segments {
		next := bgp.PathSegment{Type: bgp.SegmentType(s.GetType())}
		for _, asn := range s.GetAS() {
			next.ASNs = append(next.ASNs, bgp.ASN(asn))
		}
		path = append(path, next)
	}
	return path.String()
}

// mrtFiles lists the MRT files of the shared data.
func mrtFiles(tb testing.TB) []string {
	tb.Helper()
	var files []string
	for _, pattern := range []string{"*.gz", "*.bz2", "mrtparse-samples/*"} {
		found, err := filepath.Glob(filepath.Join(datatest.Path(tb, "mrt"), pattern))
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 20 {
		tb.Fatalf("got %d MRT files, want at least 20", len(files))
	}
	return files
}

// openMRT opens and decompresses an MRT file.
func openMRT(tb testing.TB, path string) io.Reader {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	switch filepath.Ext(path) {
	case ".gz":
		r, err := gzip.NewReader(f)
		if err != nil {
			tb.Fatal(err)
		}
		return r
	case ".bz2":
		return bzip2.NewReader(f)
	}
	return f
}

// realUpdates calls f with the body of every UPDATE of a file.
func realUpdates(tb testing.TB, path string, f func(number uint64, body []byte, o wire.Options)) {
	tb.Helper()
	r := wire.NewMRTReader(openMRT(tb, path))
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || rec.Class() != wire.MRTMessageRecord {
			continue
		}
		m, err := rec.Message()
		if err != nil {
			tb.Fatalf("%s: record %d: %v", path, rec.Number, err)
		}
		kind, body, err := wire.SplitMessage(m.Message)
		if err != nil {
			tb.Fatalf("%s: record %d: %v", path, rec.Number, err)
		}
		if kind == wire.MessageUpdate {
			f(rec.Number, body, wire.Options{ASOctets: m.ASOctets, AddPathIPv4: m.AddPath, AddPathIPv6: m.AddPath})
		}
	}
}

// withIDs returns the options for an UPDATE that we found to carry path identifiers. bird_bgp and
// bird6_bgp do not mark them.
func withIDs(u *wire.Update, o wire.Options) wire.Options {
	for _, n := range slices.Concat(u.Withdrawn, u.Announced) {
		o.AddPathIPv4 = o.AddPathIPv4 || n.PathID != 0 && n.Prefix.Addr().Is4()
		o.AddPathIPv6 = o.AddPathIPv6 || n.PathID != 0 && n.Prefix.Addr().Is6()
	}
	return o
}

// TestAgreesWithGoBGP decodes every UPDATE of the shared data with both decoders.
func TestAgreesWithGoBGP(t *testing.T) {
	t.Parallel()
	for _, path := range mrtFiles(t) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d wire.Decoder
			agreed, refused, merged, differ, zero := 0, 0, 0, 0, 0
			realUpdates(t, path, func(number uint64, body []byte, o wire.Options) {
				u, ourErr := d.DecodeUpdate(body, o)
				if ourErr == nil {
					o = withIDs(u, o)
				}
				want, theirErr := theirs(body, o)
				switch {
				case errors.Is(theirErr, errMerge):
					merged++
				case ourErr == nil && u.Malformed != nil && strings.Contains(u.Malformed.Error(), "holds AS 0"):
					zero++ // gobgp does not know RFC 7607
				case theirErr != nil || ourErr != nil:
					if sound := ourErr == nil && !u.TreatAsWithdraw; sound || theirErr == nil {
						differ++
						t.Errorf("record %d: ours says %v, gobgp says %v: %x", number, ourErr, theirErr, body)
					}
					refused++
				default:
					if diff := cmp.Diff(want, ours(u)); diff != "" {
						if differ++; differ < 5 {
							t.Errorf("record %d: -gobgp +ours\n%s", number, diff)
						}
					}
					agreed++
				}
			})
			t.Logf("%d agree, %d refused by both, %d with AS4_PATH, %d with AS 0", agreed-differ, refused, merged, zero)
			if strings.HasPrefix(name, "updates.et") && agreed < 80000 {
				t.Errorf("got %d UPDATEs, want at least 80000", agreed)
			}
		})
	}
}
