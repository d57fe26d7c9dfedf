package enrich

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// showChanges formats the routes in a record of bgp.routes.
func showChanges(tb testing.TB, c *pb.RouteChanges) string {
	tb.Helper()
	var parts []string
	add := func(what string, b []byte) {
		p, err := codec.ParsePrefix(b)
		if err != nil {
			tb.Fatal(err)
		}
		parts = append(parts, what+" "+p.String())
	}
	for _, r := range c.GetWithdrawn() {
		add("W", r.GetPrefix())
	}
	for _, r := range c.GetAnnounced() {
		add("A", r.GetPrefix())
	}
	for _, b := range c.GetUnread().GetPrefixes() {
		add("?", b)
	}
	for _, f := range c.GetUnread().GetFamilies() {
		parts = append(parts, "lost "+bgp.Family(f).String())
	}
	for _, f := range c.GetRefreshBegins() {
		parts = append(parts, "BoRR "+bgp.Family(f).String())
	}
	for _, f := range c.GetRefreshEnds() {
		parts = append(parts, "EoRR "+bgp.Family(f).String())
	}
	return strings.Join(parts, "; ")
}

// TestTransformSalvages checks that the records of a message that cannot be decoded contain the
// valid part and mark the lost part.
func TestTransformSalvages(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	two := nlri("192.0.2.0/24", "198.51.100.0/24")
	cut := message(wire.MessageUpdate, updateBody(two, nil, nil))
	withdrawing := message(wire.MessageUpdate, updateBody(nlri("192.0.2.0/24"), pathAttributes(64500, 64501), nlri("198.51.100.0/24", "203.0.113.0/24")))
	tests := map[string]struct {
		raw  []byte
		want string
	}{
		"cut in the withdrawn routes": {cut[:len(cut)-3], "W 192.0.2.0/24; lost ipv4"},
		"cut in the NLRI":             {withdrawing[:len(withdrawing)-1], "W 192.0.2.0/24; A 198.51.100.0/24; lost ipv4"},
		"cut in the attributes":       {withdrawing[:40], "W 192.0.2.0/24; lost ipv4; lost ipv6"},
		"a header alone":              {withdrawing[:19], "lost ipv4; lost ipv6"},
		"nothing":                     {nil, "lost ipv4; lost ipv6"},
		"next hop of 7 octets": {
			message(wire.MessageUpdate, updateBody(nil, attribute(0x80, 14, append([]byte{0, 1, 1, 7, 1, 2, 3, 4, 5, 6, 7, 0}, nlri("192.0.2.0/24")...)), nil)),
			"? 192.0.2.0/24",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			values, err := e.Transform(nil, encode(t, record(tt.raw)))
			if err == nil || len(values) != 1 {
				t.Fatalf("got %d records, %v; want one and an error", len(values), err)
			}
			var r pb.RouteRecord
			if err := proto.Unmarshal(values[0], &r); err != nil {
				t.Fatal(err)
			}
			if got := showChanges(t, r.GetChanges()); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestTransformSalvagesInParts checks that the first of several records marks the lost part.
func TestTransformSalvagesInParts(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	e.limit = 4096
	var prefixes []string
	for i := range 200 {
		prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 0}), 24).String())
	}
	raw := message(wire.MessageUpdate, updateBody(nlri(prefixes...), nil, nil))
	values, err := e.Transform(nil, encode(t, record(raw[:len(raw)-4])))
	if err == nil || len(values) < 2 {
		t.Fatalf("got %d records, %v; want several and an error", len(values), err)
	}
	withdrawn := 0
	for i, v := range values {
		var r pb.RouteRecord
		if err := proto.Unmarshal(v, &r); err != nil {
			t.Fatal(err)
		}
		withdrawn += len(r.GetChanges().GetWithdrawn())
		if got := r.GetChanges().GetUnread() != nil; got != (i == 0) {
			t.Errorf("record %d of %d says what is lost: %v", i, len(values), got)
		}
	}
	if withdrawn != 199 {
		t.Errorf("got %d withdrawals, want 199", withdrawn)
	}
}

// TestTransformRefresh reads the marks of an enhanced route refresh (RFC 7313). A request gives no
// record.
func TestTransformRefresh(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	for body, want := range map[[4]byte]string{
		{0, 1, 1, 1}: "BoRR ipv4", {0, 2, 2, 1}: "EoRR ipv6", {0, 1, 0, 1}: "", {0, 1, 1, 2}: "", {0, 1, 3, 1}: "",
	} {
		out := transform(t, e, record(message(wire.MessageRouteRefresh, body[:])))
		got := ""
		for _, r := range out {
			got += fmt.Sprint(showChanges(t, r.GetChanges()))
		}
		if got != want {
			t.Errorf("ROUTE-REFRESH %v: got %q, want %q", body, got, want)
		}
	}
}

// TestTreatAsWithdraw checks that announcements that count as withdrawals (RFC 7606) are reported
// as malformed, and that all families are marked as lost if the fault may hide prefixes of any
// family.
func TestTreatAsWithdraw(t *testing.T) {
	t.Parallel()
	e := NewEnricher(testSources(t))
	sound, route := pathAttributes(64500, 64496), nlri("198.51.100.0/24")
	overrun := attribute(0x40, 1, []byte{0})
	overrun[2] = 200
	tests := map[string]struct {
		body      []byte
		want, why string
	}{
		"ORIGIN":                      {updateBody(nil, append(attribute(0x40, 1, []byte{9}), sound[5:]...), route), "W 198.51.100.0/24", "path attribute 1: "},
		"AS 0 in the path":            {updateBody(nil, pathAttributes(64500, 0, 64496), route), "W 198.51.100.0/24", "path attribute 2: holds AS 0"},
		"OTC":                         {updateBody(nil, append(sound, attribute(0xc0, 35, []byte{1})...), route), "W 198.51.100.0/24", "path attribute 35: bad length"},
		"an attribute overruns":       {updateBody(nil, append(overrun, sound...), route), "W 198.51.100.0/24", "path attribute 1: longer than the list"},
		"one that hides all prefixes": {updateBody(nil, overrun, nil), "lost ipv4; lost ipv6", "path attribute 1: longer than the list"},
	}
	for name, tt := range tests {
		values, err := e.Transform(nil, encode(t, record(message(wire.MessageUpdate, tt.body))))
		if err == nil || !strings.Contains(err.Error(), tt.why) || !strings.Contains(err.Error(), "peer ") {
			t.Errorf("%s: got %v, want an error that names the peer and %q", name, err, tt.why)
		}
		r := &pb.RouteRecord{}
		if len(values) != 1 || proto.Unmarshal(values[0], r) != nil {
			t.Fatalf("%s: %d records", name, len(values))
		}
		if got := showChanges(t, r.GetChanges()); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
