package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// risMessage returns a ris_message of 203.0.113.1, AS64496, with further fields.
func risMessage(typ, fields string) []byte {
	if fields != "" {
		fields = "," + fields
	}
	return fmt.Appendf(nil, `{"type":"ris_message","data":{"timestamp":1419264900.25,"peer":"203.0.113.1","peer_asn":"64496","id":"x",`+
		`"host":"rrc21.ripe.net","type":%q%s}}`, typ, fields)
}

func rawField(b []byte) string { return `"raw":"` + strings.ToUpper(hex.EncodeToString(b)) + `"` }

func TestRISLiveKinds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line string
		want wire.RISLiveMessage // Kind, State, Text, Sent
	}{
		{`{"type":"pong","data":null}`, wire.RISLiveMessage{Kind: wire.RISPong}},
		{`{"type":"pong"}`, wire.RISLiveMessage{Kind: wire.RISPong}},
		{`{"type":"ris_error","data":{"message":"slow"}}`, wire.RISLiveMessage{Kind: wire.RISError, Text: "slow"}},
		{`{"type":"ris_error"}`, wire.RISLiveMessage{Kind: wire.RISError}},
		{`{"type":"ris_subscribe_ok","data":{"subscription":{},"socketOptions":{}}}`, wire.RISLiveMessage{Kind: wire.RISSubscribeOK}},
		{`{"type":"ris_rrc_list","data":["rrc00","rrc01"]}`, wire.RISLiveMessage{Kind: wire.RISRRCList}},
		{`{"type":"ris_news","data":1}`, wire.RISLiveMessage{Kind: wire.RISUnknown, Text: "ris_news"}},
		{string(risMessage("STATE", `"state":"down"`)), wire.RISLiveMessage{Kind: wire.RISState, State: bgp.Idle}},
		{string(risMessage("RIS_PEER_STATE", `"state":"up"`)), wire.RISLiveMessage{Kind: wire.RISState, State: bgp.Established}},
		{string(risMessage("STATE", `"state":"connected"`)), wire.RISLiveMessage{Kind: wire.RISState, State: bgp.OpenSent}},
		{string(risMessage("KEEPALIVE", "")), wire.RISLiveMessage{Kind: wire.RISKeepalive}},
		{string(risMessage("WHATEVER", "")), wire.RISLiveMessage{Kind: wire.RISUnknown, Text: "WHATEVER"}},
		// An End-of-RIB. The JSON does not contain its family.
		{string(risMessage("UPDATE", "")), wire.RISLiveMessage{Kind: wire.RISUnknown, Text: "an UPDATE without prefixes and without raw"}},
		{string(risMessage("KEEPALIVE", `"direction":"sent"`)), wire.RISLiveMessage{Kind: wire.RISKeepalive, Sent: true}},
	} {
		var d wire.RISLiveDecoder
		var m wire.RISLiveMessage
		if err := d.Decode([]byte(tc.line), &m); err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if m.Kind != tc.want.Kind || m.State != tc.want.State || m.Text != tc.want.Text || m.Sent != tc.want.Sent {
			t.Errorf("%s: got %+v, want %+v", tc.line, m, tc.want)
		}
		if strings.Contains(tc.line, "ris_message") {
			want := bgp.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64496}
			if m.Peer != want || m.Timestamp != 1419264900_250000 || m.Collector != "ris/rrc21" || string(m.ID) != "x" {
				t.Errorf("%s: got %+v", tc.line, m)
			}
		}
		if tc.want.Kind == wire.RISRRCList && !slices.Equal(m.Hosts, []string{"rrc00", "rrc01"}) {
			t.Errorf("%s: got hosts %q", tc.line, m.Hosts)
		}
	}
}

// An UPDATE without raw is encoded from its fields.
func TestRISLiveWithoutRaw(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("64501,", 299) + "64502"
	for _, tc := range []struct{ name, fields, want string }{
		{
			"everything",
			`"path":[64496,4200000001,[64498,64499]],"origin":"EGP","med":7,"aggregator":"64499:198.51.100.1","community":[[64496,1],[65535,666]],` +
				`"announcements":[{"next_hop":"203.0.113.1","prefixes":["198.51.100.0/24","192.0.2.128/25"]}],"withdrawals":["192.0.2.0/25","2001:db8:0:0:0:0:0:0/32"]`,
			"W 192.0.2.0/25 2001:db8::/32 A 198.51.100.0/24>203.0.113.1 192.0.2.128/25>203.0.113.1 path 64496 4200000001 {64498,64499} origin 1 med 7 aggregator 64499 198.51.100.1 communities 2",
		},
		{
			"IPv6 under two next hops",
			`"path":[64496],"origin":"igp","announcements":[{"next_hop":"2001:db8::1,fe80::1","prefixes":["2001:db8:1::/48"]},{"next_hop":"fe80::1","prefixes":["2001:db8:1::/48"]}]`,
			"W A 2001:db8:1::/48>2001:db8::1 path 64496 origin 0",
		},
		{
			"link-local first", `"path":[64496],"origin":"igp","announcements":[{"next_hop":"fe80::1","prefixes":["2001:db8:1::/48"]},{"next_hop":"2001:db8::1","prefixes":["2001:db8:2::/48"]}]`,
			"W A 2001:db8:1::/48>2001:db8::1 2001:db8:2::/48>2001:db8::1 path 64496 origin 0",
		},
		{
			"IPv4 over IPv6", `"path":[64496],"origin":"incomplete","announcements":[{"next_hop":"2001:db8::1","prefixes":["198.51.100.0/24"]}]`,
			"W A 198.51.100.0/24>2001:db8::1 path 64496 origin 2",
		},
		{
			"empty path is absent", `"origin":"igp","announcements":[{"next_hop":"203.0.113.1","prefixes":["198.51.100.77/24"]}]`,
			"W A 198.51.100.0/24>203.0.113.1 path  origin 0",
		},
		{
			"no origin is treated as withdrawn", `"path":[64496],"announcements":[{"next_hop":"203.0.113.1","prefixes":["198.51.100.0/24"]}]`,
			"W 198.51.100.0/24 A",
		},
		{
			"a path longer than a segment", `"path":[` + long + `],"origin":"igp","announcements":[{"next_hop":"203.0.113.1","prefixes":["198.51.100.0/24"]}]`,
			"W A 198.51.100.0/24>203.0.113.1 path " + strings.ReplaceAll(long, ",", " ") + " origin 0",
		},
	} {
		var d wire.RISLiveDecoder
		var m wire.RISLiveMessage
		if err := d.Decode(risMessage("UPDATE", tc.fields), &m); err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := describeRIS(t, &m); got != tc.want || !m.FromJSON {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

func describeRIS(t *testing.T, m *wire.RISLiveMessage) string {
	t.Helper()
	var d wire.Decoder
	u, err := d.DecodeUpdate(m.Message[wire.HeaderLength:], m.Options)
	if err != nil {
		t.Fatal(err)
	}
	s := "W"
	for _, n := range u.Withdrawn {
		s += " " + n.Prefix.String()
	}
	s += " A"
	for _, n := range u.Announced {
		s += fmt.Sprint(" ", n.Prefix, ">", u.NextHop(n))
	}
	a := &u.Attributes
	if len(u.Announced) > 0 {
		s += fmt.Sprint(" path ", a.Path, " origin ", a.Origin)
	}
	if a.HasMED {
		s += fmt.Sprint(" med ", a.MED)
	}
	if a.HasAggregator {
		s += fmt.Sprintf(" aggregator %d %s", a.Aggregator.ASN, a.Aggregator.Address)
	}
	if len(a.Communities) > 0 {
		s += fmt.Sprint(" communities ", len(a.Communities))
	}
	return s
}

// The width of AS numbers is the one that parses. If both do, the JSON path decides.
func TestRISLivePathWidth(t *testing.T) {
	t.Parallel()
	// One segment of two 4-octet numbers, or of two 2-octet numbers and another of one.
	tie := bmpUnhex("0202" + "0000fbf0" + "02010000")
	// 0202 0000fbf0 0201fbf1: 4-octet [64496, 0x0201fbf1]; 2-octet [0, 64496] [64497].
	tie = append(tie[:6], bmpUnhex("0201fbf1")...)
	update := func(path []byte) []byte {
		attributes := append([]byte{0x40, 2, byte(len(path))}, path...)
		return bgpBytes(wire.MessageUpdate, append(append([]byte{0, 0, 0, byte(len(attributes))}, attributes...), 24, 198, 51, 100))
	}
	for _, tc := range []struct {
		name, json string
		path       []byte
		want       uint8
	}{
		{"only 4", "[64496]", bmpUnhex("0201" + "0000fbf0"), 4},
		{"only 2", "[64496]", bmpUnhex("0201" + "fbf0"), 2},
		{"tie, JSON says 2", "[0,64496,64497]", tie, 2},
		{"tie, JSON says 4", "[64496,33684465]", tie, 4},
		{"tie, JSON says neither", "[1]", tie, 4},
		{"tie, no JSON path", "", tie, 4},
		{"neither", "[64496]", bmpUnhex("0205" + "fbf0"), 4},
		{"no path", "[]", nil, 4},
	} {
		fields := rawField(update(tc.path))
		if tc.json != "" {
			fields += `,"path":` + tc.json
		}
		var d wire.RISLiveDecoder
		var m wire.RISLiveMessage
		if err := d.Decode(risMessage("UPDATE", fields), &m); err != nil || m.Options.ASOctets != tc.want || m.FromJSON {
			t.Errorf("%s: got %d octets, %v, want %d", tc.name, m.Options.ASOctets, err, tc.want)
		}
	}
}

// If raw is unusable, the decoder uses the other fields and reports the fault.
func TestRISLiveDamagedRaw(t *testing.T) {
	t.Parallel()
	notification := bgpBytes(wire.MessageNotification, []byte{6, 5, 1, 2})
	fields := `"notification":{"code":6,"subcode":5,"data":"06050102"}`
	update := `"path":[64496],"origin":"igp","announcements":[{"next_hop":"203.0.113.1","prefixes":["198.51.100.0/24"]}]`
	open := `"version":4,"asn":4200000001,"hold_time":180,"router_id":"203.0.113.1","capabilities":{"65":{"name":"asn4","asn4":4200000001}}`
	for _, tc := range []struct {
		name, typ, fields string
		want              string // hex of the end of the message
	}{
		{"NOTIFICATION cut", "NOTIFICATION", fields + "," + rawField(notification[:20]), "06050102"},
		{"NOTIFICATION without raw", "NOTIFICATION", fields, "06050102"},
		{"UPDATE cut", "UPDATE", update + "," + rawField(endOfRIB()[:21]), "18c63364"},
		{"UPDATE no hex", "UPDATE", update + `,"raw":"XYZ"`, "18c63364"},
		{"UPDATE of another type", "UPDATE", update + "," + rawField(notification), "18c63364"},
		{"OPEN without raw", "OPEN", open, "4104fa56ea01"},
	} {
		var d wire.RISLiveDecoder
		var m wire.RISLiveMessage
		if err := d.Decode(risMessage(tc.typ, tc.fields), &m); err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if !m.FromJSON || (m.RawError != nil) != strings.Contains(tc.fields, `"raw"`) {
			t.Errorf("%s: got FromJSON %t, %v", tc.name, m.FromJSON, m.RawError)
		}
		if got := hex.EncodeToString(m.Message); !strings.HasSuffix(got, tc.want) {
			t.Errorf("%s: got %s, want it to end in %s", tc.name, got, tc.want)
		}
		if _, _, err := wire.SplitMessage(m.Message); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestRISLiveLost: if neither raw nor the other fields are readable, the decoder returns the
// readable octets of raw, or a header.
func TestRISLiveLost(t *testing.T) {
	t.Parallel()
	announce := func(s string) string {
		return `"path":[64496],"origin":"igp","announcements":[` + s + `]`
	}
	whole := update(body(slices.Concat(net192, net198), nil))
	for fields, want := range map[string]string{
		`"raw":"FF"`:                        "lost ipv4; lost ipv6",
		`"withdrawals":["x"]`:               "lost ipv4; lost ipv6",
		`"withdrawals":["198.51.100.0/33"]`: "lost ipv4; lost ipv6",
		announce(`{"next_hop":"x","prefixes":["198.51.100.0/24"]}`):         "lost ipv4; lost ipv6",
		announce(`{"next_hop":"203.0.113.1","prefixes":[7]}`):               "lost ipv4; lost ipv6",
		fmt.Sprintf(`"raw":"%X"`, whole[:len(whole)-4]):                     "W 192.0.2.0/24; lost ipv4",
		fmt.Sprintf(`"raw":"%X`, whole[:len(whole)-4]) + `Z"`:               "W 192.0.2.0/24; lost ipv4",
		fmt.Sprintf(`"raw":"%X","withdrawals":["x"]`, whole[:len(whole)-4]): "W 192.0.2.0/24; lost ipv4",
	} {
		var d wire.RISLiveDecoder
		var m wire.RISLiveMessage
		if err := d.Decode(risMessage("UPDATE", fields), &m); err != nil || m.RawError == nil || m.FromJSON || !m.Peer.Address.IsValid() {
			t.Errorf("%s: got %+v, %v", fields, m, err)
			continue
		}
		var decoder wire.Decoder
		u, ok := decoder.Salvage(m.Message, m.Options)
		if !ok || showSalvaged(u) != want {
			t.Errorf("%s: got %v, %v, want %s", fields, u, ok, want)
		}
	}
}

func TestRISLiveErrors(t *testing.T) {
	t.Parallel()
	good := string(risMessage("KEEPALIVE", ""))
	for _, line := range []string{
		"", "x", "{", "[]", "1", `"x"`, "{}", `{"type":1}`, `{"type":"ris_message"}`, `{"type":"ris_message","data":[]}`,
		strings.Replace(good, "1419264900.25", `"x"`, 1), strings.Replace(good, "1419264900.25", "-1", 1),
		strings.Replace(good, "1419264900.25", "1e9", 1), strings.Replace(good, "1419264900.25", "99999999999", 1),
		strings.Replace(good, "203.0.113.1", "nowhere", 1), strings.Replace(good, "203.0.113.1", "fe80::1%eth0", 1),
		strings.Replace(good, `"64496"`, `"AS"`, 1), strings.Replace(good, `"64496"`, `4294967296`, 1),
		strings.Replace(good, "rrc21.ripe.net", "elsewhere", 1),
		string(risMessage("STATE", `"state":"drunk"`)),
		string(risMessage("NOTIFICATION", "")),
		string(risMessage("NOTIFICATION", `"notification":{"code":256,"subcode":0}`)),
		string(risMessage("OPEN", `"asn":1`)),
		`{"type":"x","data":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		`{"type":"x","data":[` + strings.Repeat("0,", 300_000) + `0]}`,
		`{"type":"x","data":"` + strings.Repeat("x", wire.MaxRISLiveMessage) + `"}`,
	} {
		var d wire.RISLiveDecoder
		var m wire.RISLiveMessage
		if err := d.Decode([]byte(line), &m); err == nil {
			t.Errorf("%.200s: got %+v, want an error", line, m)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%.200s: the error has %d octets", line, len(err.Error()))
		}
	}
	var d wire.RISLiveDecoder
	var m wire.RISLiveMessage
	if err := d.Decode([]byte(`{"a":1}`), &m); !errors.Is(err, wire.ErrNotRISLive) {
		t.Errorf("got %v, want %v", err, wire.ErrNotRISLive)
	}
}

func BenchmarkRISLive(b *testing.B) {
	lines := risLines(b, "morrowc-1k-msgs")
	var d wire.RISLiveDecoder
	var m wire.RISLiveMessage
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := d.Decode(lines[i%len(lines)], &m); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzRISLive: nothing panics. A decoded message is a whole BGP message or represents a lost
// UPDATE. A decoder with earlier messages returns the same.
func FuzzRISLive(f *testing.F) {
	f.Add(risMessage("UPDATE", rawField(endOfRIB())))
	f.Add(risMessage("UPDATE", `"path":[64496,[64498,64499]],"origin":"igp","med":1,"aggregator":"64499:198.51.100.1","community":[[64496,1]],`+
		`"announcements":[{"next_hop":"203.0.113.1","prefixes":["198.51.100.0/24"]},{"next_hop":"2001:db8::1,fe80::1","prefixes":["2001:db8::/32"]}],"withdrawals":["192.0.2.0/24"]`))
	f.Add(risMessage("STATE", `"state":"up"`))
	f.Add(risMessage("OPEN", `"version":4,"asn":64496,"hold_time":180,"router_id":"203.0.113.1"`))
	f.Add(risMessage("NOTIFICATION", `"notification":{"code":6,"subcode":5,"data":"0605"},"raw":"FFFF"`))
	f.Add([]byte(`{"type":"ris_rrc_list","data":["rrc00"]}`))
	var old wire.RISLiveDecoder
	var d wire.Decoder
	f.Fuzz(func(t *testing.T, line []byte) {
		var fresh wire.RISLiveDecoder
		var a, b wire.RISLiveMessage
		errA, errB := old.Decode(line, &a), fresh.Decode(line, &b)
		if (errA == nil) != (errB == nil) || !bytes.Equal(a.Message, b.Message) || a.Peer != b.Peer || a.Collector != b.Collector || a.Kind != b.Kind {
			t.Fatalf("got %+v %v, then %+v %v", a, errA, b, errB)
		}
		if errA != nil || a.Message == nil {
			return
		}
		if a.RawError != nil && !a.FromJSON {
			if _, ok := d.Salvage(a.Message, a.Options); !ok {
				t.Fatalf("a lost UPDATE is none: %x", a.Message)
			}
			return
		}
		typ, body, err := wire.SplitMessage(a.Message)
		if err != nil || len(body) != len(a.Message)-wire.HeaderLength {
			t.Fatalf("got a message %x: %v", a.Message, err)
		}
		if typ != wire.MessageUpdate {
			return
		}
		if _, err := d.DecodeUpdate(body, a.Options); err != nil && a.FromJSON {
			t.Fatalf("our own encoding cannot be decoded: %x: %v", a.Message, err)
		}
	})
}
