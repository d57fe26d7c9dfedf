package enrich

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// patchwork returns sources in which every /20 of 10.0.0.0/8 lies in several places.
func patchwork(tb testing.TB) *Sources {
	tb.Helper()
	codes := []string{"AD", "BE", "CH", "DE", "EG", "FR", "GB", "HU", "IS", "JP", "KE", "LU", "MC", "NL", "OM", "PL", "QA", "RO"}
	var places, names strings.Builder
	for i := range 1 << 14 {
		fmt.Fprintf(&places, "%d,%d,%s,%s-%d\n", 10<<24+i<<8, 10<<24+i<<8+255, codes[i%18], codes[i%18], i%300)
	}
	for i := range 4000 {
		fmt.Fprintf(&names, "%d NAME-%d An organisation with a name of some length %d, FR\n", 64496+i, i, i)
	}
	dir := tb.TempDir()
	s, err := OpenSources(Config{
		Geo: geo.Config{Files: []geo.File{{Path: writeFile(tb, filepath.Join(dir, "places"), places.String())}}},
		ASN: asn.Config{Files: []string{writeFile(tb, filepath.Join(dir, "names"), names.String())}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// assemble merges the changes of all parts into one part, with places spelled out.
func assemble(t *testing.T, parts []*pb.RouteRecord, limit int) (withdrawn, announced []string) {
	t.Helper()
	for i, r := range parts {
		if size := proto.Size(r); size > limit {
			t.Errorf("part %d has %d octets, the limit is %d", i, size, limit)
		}
		if r.GetPart() != uint32(i) || r.GetMoreParts() != (i < len(parts)-1) {
			t.Errorf("part %d of %d is numbered %d, more parts: %t", i, len(parts), r.GetPart(), r.GetMoreParts())
		}
		c := r.GetChanges()
		if int(c.GetFirstIndex()) != len(withdrawn)+len(announced) {
			t.Errorf("part %d begins at index %d, want %d", i, c.GetFirstIndex(), len(withdrawn)+len(announced))
		}
		if len(c.GetWithdrawn()) > 0 && len(announced) > 0 {
			t.Errorf("part %d withdraws after an announcement", i)
		}
		withdrawn = append(withdrawn, spell(t, c.GetPlaces(), c.GetWithdrawn())...)
		announced = append(announced, spell(t, c.GetPlaces(), c.GetAnnounced())...)
		if diff := cmp.Diff(parts[0], r, protocmp.Transform(), protocmp.IgnoreFields(&pb.RouteRecord{}, "part", "more_parts"),
			protocmp.IgnoreFields(&pb.RouteChanges{}, "withdrawn", "announced", "places", "first_index", "end_of_rib")); diff != "" {
			t.Errorf("part %d differs from part 0 in what all share:\n%s", i, diff)
		}
		if len(c.GetEndOfRib()) > 0 && r.GetMoreParts() {
			t.Errorf("part %d of %d ends a RIB", i, len(parts))
		}
	}
	return withdrawn, announced
}

func spell(t *testing.T, places []*pb.Place, routes []*pb.Route) []string {
	t.Helper()
	var out []string
	for _, r := range routes {
		p, err := codec.ParsePrefix(r.GetPrefix())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(p, " ", r.GetPathId(), " ", spellShares(t, p, places, r.GetPlaceShares())))
	}
	return out
}

func spellShares(t *testing.T, p netip.Prefix, places []*pb.Place, shares []uint64) string {
	t.Helper()
	var out strings.Builder
	var sum uint64
	for i := 0; i < len(shares); i += 2 {
		fmt.Fprintf(&out, "%s%s:%d ", places[shares[i]].GetCountry(), places[shares[i]].GetRegion(), shares[i+1])
		sum += shares[i+1]
	}
	if sum > bgp.Space(p) {
		t.Errorf("%v has %d units, its places %d", p, bgp.Space(p), sum)
	}
	return out.String()
}

// bigUpdate returns an extended message (RFC 8654) with n withdrawals and n announcements of /20s.
func bigUpdate(n int) []byte {
	twenties := func(from int) []byte {
		var b []byte
		for i := range n {
			a := binary.BigEndian.AppendUint32(nil, uint32(10<<24+(from+i)%1024<<12))
			b = append(append(b, 20), a[:3]...)
		}
		return b
	}
	return message(wire.MessageUpdate, updateBody(twenties(0), pathAttributes(64500, 64497, 64496), twenties(n)))
}

func TestSplit(t *testing.T) {
	t.Parallel()
	s := patchwork(t)
	in := record(bigUpdate(8000))
	whole := NewEnricher(s)
	whole.limit = 1 << 30
	one := transform(t, whole, in)
	if len(one) != 1 || proto.Size(one[0]) < 2*MaxRecord {
		t.Fatalf("%d records, the first of %d octets: want one that needs splitting", len(one), proto.Size(one[0]))
	}
	wantWithdrawn, wantAnnounced := assemble(t, one, 1<<30)
	if len(wantWithdrawn) != 8000 || len(wantAnnounced) != 8000 {
		t.Fatalf("%d withdrawn, %d announced, want 8000 of each", len(wantWithdrawn), len(wantAnnounced))
	}
	for _, limit := range []int{MaxRecord, 40_000} {
		e := NewEnricher(s)
		e.limit = limit
		parts := transform(t, e, in)
		if least := proto.Size(one[0]) / limit; len(parts) < least || (limit == MaxRecord && len(parts) > 2*least) {
			t.Errorf("limit %d: %d parts of %d octets in all", limit, len(parts), proto.Size(one[0]))
		}
		withdrawn, announced := assemble(t, parts, limit)
		if diff := cmp.Diff(wantWithdrawn, withdrawn); diff != "" {
			t.Errorf("limit %d: withdrawn (-want +got):\n%s", limit, diff)
		}
		if diff := cmp.Diff(wantAnnounced, announced); diff != "" {
			t.Errorf("limit %d: announced (-want +got):\n%s", limit, diff)
		}
		if e.Counts.Split != 1 {
			t.Errorf("limit %d: %d split records counted, want 1", limit, e.Counts.Split)
		}
	}
}

func TestSplitTable(t *testing.T) {
	t.Parallel()
	s := patchwork(t)
	chunk := &pb.TableChunk{Id: "g", Family: pb.Family_FAMILY_IPV4, Peers: []*pb.Peer{testPeer()}}
	for i := range 6000 {
		a := binary.BigEndian.AppendUint32(nil, uint32(10<<24+i%4096<<10))
		chunk.Prefixes = append(chunk.Prefixes, &pb.TablePrefix{
			Prefix: append([]byte{4, 22}, a[:3]...),
			Paths:  []*pb.TablePath{{OriginAs: uint32(64496 + i%4000), UpstreamAs: uint32(64496 + i*7%4000), Peers: []byte{1}}},
		})
	}
	in := record(nil)
	in.Body = &pb.UpdateRecord_TableChunk{TableChunk: chunk}
	e := NewEnricher(s)
	parts := transform(t, e, in)
	if len(parts) < 2 {
		t.Fatalf("%d parts, want several", len(parts))
	}
	var got []string
	for i, r := range parts {
		c := r.GetTableChunk()
		if size := proto.Size(r); size > MaxRecord || r.GetPart() != uint32(i) || r.GetMoreParts() != (i < len(parts)-1) {
			t.Errorf("part %d of %d: %d octets, numbered %d, more parts: %t", i, len(parts), size, r.GetPart(), r.GetMoreParts())
		}
		if c.GetId() != "g" || len(c.GetPeers()) != 1 {
			t.Errorf("part %d is about %q and %d peers", i, c.GetId(), len(c.GetPeers()))
		}
		known := map[uint32]bool{}
		for _, o := range c.GetOwners() {
			if known[o.GetAsn()] {
				t.Errorf("part %d names AS%d twice", i, o.GetAsn())
			}
			known[o.GetAsn()] = true
		}
		for _, p := range c.GetPrefixes() {
			a, err := codec.ParsePrefix(p.GetPrefix())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(a))
			if spellShares(t, a, c.GetPlaces(), p.GetPlaceShares()) == "" {
				t.Errorf("part %d: %v lies nowhere", i, a)
			}
			for _, path := range p.GetPaths() {
				if !known[path.GetOriginAs()] || !known[path.GetUpstreamAs()] {
					t.Errorf("part %d does not say who AS%d or AS%d is", i, path.GetOriginAs(), path.GetUpstreamAs())
				}
			}
		}
	}
	if len(got) != 6000 || got[0] != "10.0.0.0/22" || got[5999] != fmt.Sprintf("10.%d.%d.0/22", 5999%4096>>6, 5999%4096<<2&0xff) {
		t.Errorf("%d prefixes from %s to %s, want all 6000 in order", len(got), got[0], got[len(got)-1])
	}
}

// The test runs a stream of records of all kinds: a used Enricher must give the same octets as a
// new one.
func TestEnricherKeepsNothing(t *testing.T) {
	t.Parallel()
	s := testSources(t)
	var values [][]byte
	for _, in := range []*pb.UpdateRecord{
		record(bigUpdate(200)),
		record(message(wire.MessageUpdate, updateBody(nlri("192.0.2.0/24"), nil, nil))),
		record(message(wire.MessageKeepalive, nil)),
		record(message(wire.MessageUpdate, updateBody(nil, pathAttributes(64497), nlri("198.51.100.0/24")))),
		{Position: &pb.Position{Lane: "clock/a", Sequence: 1}, Body: &pb.UpdateRecord_Clock{Clock: &pb.Clock{}}},
		record([]byte("nonsense")),
		record(message(wire.MessageUpdate, updateBody(nil, nil, nil))),
	} {
		values = append(values, encode(t, in))
	}
	used := NewEnricher(s)
	for round := range 3 {
		for i, v := range values {
			got, gotErr := used.Transform(nil, v)
			want, wantErr := NewEnricher(s).Transform(nil, v)
			if diff := cmp.Diff(want, got); diff != "" || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
				t.Errorf("round %d, record %d: %v, %v (-new +used):\n%s", round, i, wantErr, gotErr, diff)
			}
		}
	}
}
