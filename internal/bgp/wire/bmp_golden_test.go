package wire_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/datatest"
)

// bmpView is the compared form of a BMP message. It omits families that darkmap does not decode.
type bmpView struct {
	Type      string
	Address   string // empty for 0.0.0.0: the Loc-RIB, routes of the router itself
	ASN       uint32
	RD        uint64
	BGPID     string
	Table     string
	Filtered  bool
	PostOut   bool
	TwoOctet  bool
	Timestamp string
	Withdrawn []string
	Announced []string
	Path      string
	Body      string // for the other types
}

// bmpCaptures lists the captures with a golden decode, and the number of its lines that are errors
// of the tool that made it.
var bmpCaptures = []struct {
	name     string
	messages int
	errors   int
}{
	{"netgauze-bmp__evpn__evpn", 156, 0},
	{"netgauze-bmp__peers-with-different-caps__example", 192, 0},
	{"netgauze-pmacct-tests__200-BMP-HUAWEI-locrib_instance__traffic-00", 103, 0},
	{"netgauze-pmacct-tests__201-BMP-CISCO-rd_instance__traffic-00", 336, 0},
	{"netgauze-pmacct-tests__205-BMP-6wind-FRR-peer_down__traffic-00", 509, 3},
	{"netgauze-pmacct-tests__208-BMP-mem-leak-test__bmp-multi-sources-init", 15, 0},
	{"netgauze-pmacct-tests__208-BMP-mem-leak-test__bmp-multi-sources-peer-up", 289, 2},
}

func TestBMPGolden(t *testing.T) {
	t.Parallel()
	for _, tc := range bmpCaptures {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var streams [][]bmpView
			total := 0
			for _, path := range bmpStreams(t, tc.name) {
				streams = append(streams, readBMPViews(t, path))
				total += len(streams[len(streams)-1])
			}
			golden := readGolden(t, datatest.Path(t, "bmp", "golden", tc.name+"-bmp.json"))
			if total != tc.messages || len(golden) != tc.messages {
				t.Fatalf("messages: got %d, golden %d, want %d", total, len(golden), tc.messages)
			}
			if bad := mergeGolden(t, streams, golden); bad != tc.errors {
				t.Errorf("messages that the golden's tool could not parse: got %d, want %d", bad, tc.errors)
			}
		})
	}
}

// mergeGolden plays the streams in the order of the golden decode and counts its errors. Within a
// stream the order is that of the messages.
func mergeGolden(t *testing.T, streams [][]bmpView, golden []goldenLine) (bad int) {
	t.Helper()
	for i, g := range golden {
		at := slices.IndexFunc(streams, func(s []bmpView) bool { return len(s) > 0 && g.matches(s[0]) })
		if at < 0 {
			for _, s := range streams {
				if len(s) > 0 {
					t.Errorf("golden line %d is not the next message of a stream: %s", i+1, cmp.Diff(g.view, s[0]))
				}
			}
			t.Fatal("giving up")
		}
		if g.errorText != "" {
			bad++
			t.Logf("golden line %d is an error, ours: %+v", i+1, streams[at][0])
		}
		streams[at] = streams[at][1:]
	}
	return bad
}

// TestBMPCounts compares the captures without a golden decode with tshark's counts (MANIFEST.tsv).
// The count for stats is not from tshark: a separate script that walks the length fields made it.
func TestBMPCounts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		want map[wire.BMPType]int
	}{
		{"netgauze-pmacct-tests__208-BMP-mem-leak-test__bmp-multi-sources-route-monitoring", map[wire.BMPType]int{wire.BMPRouteMonitoring: 6955}},
		{"netgauze-pmacct-tests__208-BMP-mem-leak-test__bmp-multi-sources-stats", map[wire.BMPType]int{wire.BMPStatistics: 3626}},
	} {
		got := map[wire.BMPType]int{}
		for _, path := range bmpStreams(t, tc.name) {
			for _, raw := range splitBMPFile(t, path) {
				got[wire.BMPType(raw[5])]++
			}
			readBMPViews(t, path)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tc.name, diff)
		}
	}
}

func bmpStreams(t *testing.T, name string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(datatest.Path(t, "bmp", "stream"), name+"__*.bmp"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("streams of %s: got %v, %v", name, paths, err)
	}
	return paths
}

func splitBMPFile(t *testing.T, path string) [][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	var out [][]byte
	for r := wire.NewBMPReader(f); ; {
		raw, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: message %d: %v", path, len(out)+1, err)
		}
		out = append(out, bytes.Clone(raw))
	}
}

func readBMPViews(t *testing.T, path string) []bmpView {
	t.Helper()
	var (
		session wire.BMPSession
		decoder wire.Decoder
		m       wire.BMPMessage
		out     []bmpView
	)
	for i, raw := range splitBMPFile(t, path) {
		if err := session.Decode(raw, &m); err != nil {
			t.Fatalf("%s: message %d: %v", path, i+1, err)
		}
		v, err := viewOf(&m, &decoder)
		if err != nil {
			t.Fatalf("%s: message %d: %v", path, i+1, err)
		}
		out = append(out, v)
	}
	return out
}

func viewOf(m *wire.BMPMessage, d *wire.Decoder) (bmpView, error) {
	v := bmpView{Type: m.Type.String()}
	if m.Type.PerPeer() {
		p := &m.Peer
		v.ASN, v.RD, v.BGPID, v.Table = uint32(p.Peer.ASN), p.Peer.Distinguisher, p.BGPID.String(), p.Peer.Table.String()
		v.Filtered, v.TwoOctet = p.Filtered(), p.TwoOctet()
		v.PostOut = p.PostPolicy() && p.Peer.Table == bgp.TableOut
		if !p.Peer.Address.IsUnspecified() {
			v.Address = p.Peer.Address.String()
		}
		if p.Timestamp != 0 {
			v.Timestamp = time.UnixMicro(p.Timestamp).UTC().Format(time.RFC3339Nano)
		}
	}
	switch m.Type {
	case wire.BMPRouteMonitoring:
		u, err := d.DecodeUpdate(m.Update[wire.HeaderLength:], m.Options)
		if err != nil {
			return v, err
		}
		for _, n := range u.Withdrawn {
			v.Withdrawn = append(v.Withdrawn, fmt.Sprint(n.Prefix, " ", n.PathID))
		}
		for _, n := range u.Announced {
			v.Announced = append(v.Announced, fmt.Sprint(n.Prefix, " ", n.PathID))
		}
		v.Path = u.Attributes.Path.String()
	case wire.BMPPeerUp:
		local := "none"
		if m.Up.LocalPort != 0 {
			local = fmt.Sprint(m.Up.LocalAddress.String(), m.Up.LocalPort, m.Up.RemotePort)
		}
		v.Body = fmt.Sprint(local, viewOpen(m.Up.Sent), viewOpen(m.Up.Received))
	case wire.BMPPeerDown:
		v.Body = fmt.Sprint("reason ", m.Down.Reason)
	case wire.BMPStatistics:
		n := 0
		for range m.TLVs() {
			n++
		}
		v.Body = fmt.Sprint(n, " counters")
	case wire.BMPInitiation:
		v.Body = m.Info(wire.BMPInfoSysDescr) + "|" + m.Info(wire.BMPInfoSysName)
	case wire.BMPTermination, wire.BMPRouteMirroring:
	}
	return v, nil
}

func viewOpen(raw []byte) string {
	_, body, err := wire.SplitMessage(raw)
	if err != nil {
		return err.Error()
	}
	o, err := wire.DecodeOpen(body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("[%d %d %d %s 4octet=%t addpath=%d]", o.Version, o.ASN, o.HoldTime, o.BGPID, o.FourOctetASN, len(o.AddPath))
}

// goldenLine is a line of a golden decode: a view, or an error of the tool that made it.
type goldenLine struct {
	view      bmpView
	errorText string
}

// matches compares a golden line with our view. An error line matches the message that caused the
// error: an OPEN with the BGP identifier 0.0.0.0, or a Route Monitoring whose AS_PATH has 2 octets
// instead of 4.
func (g goldenLine) matches(v bmpView) bool {
	switch {
	case strings.Contains(g.errorText, "InvalidBgpId"):
		return v.Type == "peer up" && strings.Contains(v.Body, " 0.0.0.0 4octet")
	case strings.Contains(g.errorText, "InvalidAsPathLength"):
		return v.Type == "route monitoring" && v.Path == "65000"
	case g.errorText != "":
		return false
	}
	return cmp.Equal(g.view, v)
}

func readGolden(t *testing.T, path string) []goldenLine {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	var out []goldenLine
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var line map[string]any
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		v3, ok := line["V3"].(object)
		if !ok {
			out = append(out, goldenLine{errorText: sc.Text()})
			continue
		}
		out = append(out, goldenLine{view: goldenView(t, v3)})
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

type object = map[string]any

func goldenView(t *testing.T, v3 object) bmpView {
	t.Helper()
	names := map[string]string{
		"Initiation": "initiation", "PeerUpNotification": "peer up", "PeerDownNotification": "peer down",
		"StatisticsReport": "statistics", "RouteMonitoring": "route monitoring",
	}
	for name, body := range v3 {
		m := body.(object)
		v := bmpView{Type: names[name]}
		if v.Type == "" {
			t.Fatalf("unknown golden type %q", name)
		}
		if h, ok := m["peer_header"].(object); ok {
			goldenPeer(t, h, &v)
		}
		switch name {
		case "RouteMonitoring":
			goldenUpdate(t, m["update_message"].(object)["Update"].(object), &v)
		case "PeerUpNotification":
			local := "none"
			if address, ok := m["local_address"].(string); ok {
				local = fmt.Sprint(address, m["local_port"], m["remote_port"])
			}
			v.Body = fmt.Sprint(local, goldenOpen(m["sent_message"]), goldenOpen(m["received_message"]))
		case "PeerDownNotification":
			reasons := map[string]int{
				"LocalSystemClosedNotificationPduFollows": 1, "LocalSystemClosedFsmEventFollows": 2,
				"RemoteSystemClosedNotificationPduFollows": 3, "RemoteSystemClosedNoData": 4, "PeerDeConfigured": 5,
			}
			for reason := range m["reason"].(object) {
				if reasons[reason] == 0 {
					t.Fatalf("unknown golden reason %q", reason)
				}
				v.Body = fmt.Sprint("reason ", reasons[reason])
			}
		case "StatisticsReport":
			v.Body = fmt.Sprint(len(m["counters"].([]any)), " counters")
		case "Initiation":
			var descr, sys string
			for _, i := range m["information"].([]any) {
				if s, ok := i.(object)["SystemDescription"].(string); ok {
					descr = s
				}
				if s, ok := i.(object)["SystemName"].(string); ok {
					sys = s
				}
			}
			v.Body = descr + "|" + sys
		}
		return v
	}
	t.Fatal("empty golden line")
	return bmpView{}
}

func goldenPeer(t *testing.T, h object, v *bmpView) {
	t.Helper()
	v.ASN, v.BGPID, v.Table = uint32(h["peer_as"].(float64)), h["bgp_id"].(string), "pre"
	v.Address, _ = h["address"].(string)
	if at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(h["timestamp"])); err == nil {
		v.Timestamp = at.UTC().Format(time.RFC3339Nano)
	}
	for kind, flags := range h["peer_type"].(object) {
		f := flags.(object)
		is := func(name string) bool { b, _ := f[name].(bool); return b }
		v.Filtered, v.TwoOctet = is("filtered"), is("asn2")
		switch {
		case kind == "LocRibInstancePeer":
			v.Table = "loc"
		case is("adj_rib_out"):
			v.Table, v.PostOut = "out", is("post_policy")
		case is("post_policy"):
			v.Table = "post"
		}
	}
	if rd, ok := h["rd"].(object); ok {
		v.RD = goldenRD(t, rd)
	}
}

// goldenRD builds a route distinguisher (RFC 4364 §4.2).
func goldenRD(t *testing.T, rd object) uint64 {
	t.Helper()
	for kind, value := range rd {
		m := value.(object)
		n := func(name string) uint64 { return uint64(m[name].(float64)) }
		switch kind {
		case "As2Administrator":
			return n("asn2")<<32 | n("number")
		case "Ipv4Administrator":
			a := netip.MustParseAddr(m["ip"].(string)).As4()
			return 1<<48 | uint64(a[0])<<40 | uint64(a[1])<<32 | uint64(a[2])<<24 | uint64(a[3])<<16 | n("number")
		case "As4Administrator":
			return 2<<48 | n("asn4")<<16 | n("number")
		}
		t.Fatalf("unknown golden distinguisher %q: %v", kind, value)
	}
	return 0
}

func goldenOpen(message any) string {
	o := message.(object)["Open"].(object)
	asn, four, paths := o["my_as"].(float64), false, 0
	for _, p := range o["params"].([]any) {
		caps, _ := p.(object)["Capabilities"].([]any)
		for _, c := range caps {
			m, ok := c.(object)
			if !ok {
				continue
			}
			if v, ok := m["FourOctetAs"].(object); ok {
				asn, four = v["asn4"].(float64), true
			}
			if v, ok := m["AddPath"].(object); ok {
				paths += len(v["address_families"].([]any))
			}
		}
	}
	return fmt.Sprintf("[%v %d %v %v 4octet=%t addpath=%d]", o["version"], uint32(asn), o["hold_time"], o["bgp_id"], four, paths)
}

// goldenUpdate extracts IPv4 and IPv6 unicast, in the order of our decoder: withdrawn, MP_UNREACH;
// NLRI, MP_REACH.
func goldenUpdate(t *testing.T, u object, v *bmpView) {
	t.Helper()
	add := func(dst *[]string, list any) {
		for _, e := range list.([]any) {
			m := e.(object)
			id, _ := m["path_id"].(float64)
			*dst = append(*dst, fmt.Sprint(netip.MustParsePrefix(m["network"].(string)).Masked(), " ", uint32(id)))
		}
	}
	add(&v.Withdrawn, u["withdrawn_routes"])
	add(&v.Announced, u["nlri"])
	for _, a := range u["path_attributes"].([]any) {
		value := a.(object)["value"].(object)
		for kind, content := range value {
			switch kind {
			case "AsPath":
				v.Path = goldenPath(t, content.(object))
			case "MpReach", "MpUnreach":
				for family, mp := range content.(object) {
					if family != "Ipv4Unicast" && family != "Ipv6Unicast" {
						continue
					}
					if kind == "MpReach" {
						add(&v.Announced, mp.(object)["nlri"])
					} else {
						add(&v.Withdrawn, mp.(object)["nlri"])
					}
				}
			}
		}
	}
}

func goldenPath(t *testing.T, content object) string {
	t.Helper()
	var path bgp.ASPath
	for _, segments := range content {
		for _, s := range segments.([]any) {
			m := s.(object)
			types := map[string]bgp.SegmentType{"AsSequence": bgp.ASSequence, "AsSet": bgp.ASSet}
			typ := types[m["segment_type"].(string)]
			if typ == 0 {
				t.Fatalf("unknown golden segment %v", m)
			}
			seg := bgp.PathSegment{Type: typ}
			for _, n := range m["as_numbers"].([]any) {
				seg.ASNs = append(seg.ASNs, bgp.ASN(n.(float64)))
			}
			path = append(path, seg)
		}
	}
	return path.String()
}
