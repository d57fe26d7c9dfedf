package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/datatest"
)

// risView is an UPDATE in the form of RIS Live's JSON.
type risView struct {
	Withdrawn, Announced []string // sorted, each once
	Path, Origin         string
	NextHops             []string
	Aggregator           string
	MED                  uint32
	Communities          []uint32
}

// risDifferences lists, by file, the lines whose JSON differs from raw. The history of the feed has
// the reasons.
var risDifferences = map[string]map[int]string{
	"morrowc-1k-msgs": {258: "the JSON path lacks the AS_SET {27738} that raw has"},
}

// risTwoOctets lists the lines whose raw has 2-octet AS_PATHs.
var risTwoOctets = map[string][]int{"morrowc-1k-msgs": {34, 60}}

var risFiles = []struct {
	name  string
	lines int
	kinds map[wire.RISLiveKind]int
	bad   []int // lines cut on purpose
}{
	{"a16-go-rislive-testvectors.jsonl", 9, map[wire.RISLiveKind]int{
		wire.RISOpen: 1, wire.RISUpdate: 1, wire.RISNotification: 1, wire.RISKeepalive: 1, wire.RISState: 1, wire.RISRRCList: 1,
		wire.RISError: 2, wire.RISPong: 1,
	}, nil},
	{"bgpkit-ris-live-frames-20260910.jsonl", 7, map[wire.RISLiveKind]int{
		wire.RISUpdate: 3, wire.RISKeepalive: 1, wire.RISState: 1, wire.RISOpen: 1, wire.RISNotification: 1,
	}, nil},
	{"libbgpstream-ris-live-stream.json", 7, map[wire.RISLiveKind]int{
		wire.RISUpdate: 1, wire.RISState: 1, wire.RISError: 1, wire.RISOpen: 1, wire.RISNotification: 1, wire.RISKeepalive: 1,
	}, []int{7}},
	{"morrowc-1k-msgs", 1000, map[wire.RISLiveKind]int{wire.RISUpdate: 994, wire.RISKeepalive: 6}, nil},
	{"morrowc-20-msg", 20, map[wire.RISLiveKind]int{wire.RISUpdate: 20}, nil},
	{"morrowc-fail-as-set", 1, map[wire.RISLiveKind]int{wire.RISUpdate: 1}, nil},
}

func risLines(tb testing.TB, name string) [][]byte {
	tb.Helper()
	b, err := os.ReadFile(datatest.Path(tb, "rislive", name))
	if err != nil {
		tb.Fatal(err)
	}
	return slices.DeleteFunc(bytes.Split(b, []byte("\n")), func(l []byte) bool { return len(bytes.TrimSpace(l)) == 0 })
}

// TestRISLiveFiles: every field of the JSON equals the decoded raw, and our decoded encoding of the
// fields.
func TestRISLiveFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range risFiles {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var d wire.RISLiveDecoder
			var m wire.RISLiveMessage
			lines := risLines(t, tc.name)
			if len(lines) != tc.lines {
				t.Fatalf("lines: got %d, want %d", len(lines), tc.lines)
			}
			kinds := map[wire.RISLiveKind]int{}
			for i, line := range lines {
				err := d.Decode(line, &m)
				if slices.Contains(tc.bad, i+1) {
					if err == nil {
						t.Errorf("line %d: got no error, want one: it is cut", i+1)
					}
					continue
				}
				if err != nil {
					t.Fatalf("line %d: %v", i+1, err)
				}
				kinds[m.Kind]++
				if m.Kind == wire.RISUpdate {
					compareRIS(t, tc.name, i+1, line, &m)
				}
			}
			if diff := cmp.Diff(tc.kinds, kinds); diff != "" {
				t.Errorf("kinds: -want +got\n%s", diff)
			}
		})
	}
}

// compareRIS compares an UPDATE from raw, the JSON, and our encoding of the JSON.
func compareRIS(t *testing.T, file string, number int, line []byte, m *wire.RISLiveMessage) {
	t.Helper()
	want := jsonView(t, line)
	if m.FromJSON || m.RawError != nil {
		t.Errorf("line %d: got FromJSON %t, %v, want the message from raw", number, m.FromJSON, m.RawError)
	}
	wantWidth := uint8(4)
	if slices.Contains(risTwoOctets[file], number) {
		wantWidth = 2
	}
	if m.Options.ASOctets != wantWidth {
		t.Errorf("line %d: got AS numbers of %d octets, want %d", number, m.Options.ASOctets, wantWidth)
	}
	got := rawView(t, m)
	if want.Aggregator == "" {
		got.Aggregator = "" // a field that the JSON of May 2019 does not have
	}
	diff := cmp.Diff(want, got)
	why, expected := risDifferences[file][number]
	if (diff != "") != expected {
		t.Errorf("line %d (%s): -json +raw\n%s", number, why, diff)
	}
	if len(want.Withdrawn)+len(want.Announced) == 0 {
		return
	}
	var d wire.RISLiveDecoder
	var again wire.RISLiveMessage
	if err := d.Decode(withoutRaw(t, line), &again); err != nil {
		t.Errorf("line %d without raw: %v", number, err)
		return
	}
	if !again.FromJSON {
		t.Errorf("line %d without raw: got FromJSON false", number)
	}
	if diff := cmp.Diff(want, rawView(t, &again)); diff != "" {
		t.Errorf("line %d without raw: -json +encoded\n%s", number, diff)
	}
	if again.Peer != m.Peer || again.Timestamp != m.Timestamp || again.Collector != m.Collector {
		t.Errorf("line %d without raw: got %v %d %s, want %v %d %s", number, again.Peer, again.Timestamp, again.Collector, m.Peer, m.Timestamp, m.Collector)
	}
}

func withoutRaw(t *testing.T, line []byte) []byte {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		t.Fatal(err)
	}
	delete(o["data"].(object), "raw")
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sortedOnce(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

func rawView(t *testing.T, m *wire.RISLiveMessage) risView {
	t.Helper()
	var d wire.Decoder
	u, err := d.DecodeUpdate(m.Message[wire.HeaderLength:], m.Options)
	if err != nil {
		t.Fatal(err)
	}
	var v risView
	for _, n := range u.Withdrawn {
		v.Withdrawn = append(v.Withdrawn, n.Prefix.String())
	}
	for _, n := range u.Announced {
		v.Announced = append(v.Announced, n.Prefix.String())
		v.NextHops = append(v.NextHops, u.NextHop(n).Unmap().String())
	}
	v.Withdrawn, v.Announced, v.NextHops = sortedOnce(v.Withdrawn), sortedOnce(v.Announced), sortedOnce(v.NextHops)
	if len(v.Announced) > 0 {
		a := &u.Attributes
		v.Path = a.Path.String()
		v.Origin = [...]string{"igp", "egp", "incomplete"}[a.Origin]
		v.MED = a.MED
		v.Communities = slices.Clone(a.Communities)
		if a.HasAggregator {
			v.Aggregator = fmt.Sprintf("%d:%s", a.Aggregator.ASN, a.Aggregator.Address)
		}
	}
	return v
}

// jsonView reads the JSON with the standard library.
func jsonView(t *testing.T, line []byte) risView {
	t.Helper()
	var o struct {
		Data struct {
			Path          []any
			Community     [][2]uint32
			Origin        string
			MED           uint32
			Aggregator    string
			Announcements []struct {
				NextHop  string `json:"next_hop"`
				Prefixes []string
			}
			Withdrawals []string
		}
	}
	if err := json.Unmarshal(line, &o); err != nil {
		t.Fatal(err)
	}
	var v risView
	for _, w := range o.Data.Withdrawals {
		v.Withdrawn = append(v.Withdrawn, netip.MustParsePrefix(w).Masked().String())
	}
	for _, a := range o.Data.Announcements {
		hop, _, _ := strings.Cut(a.NextHop, ",")
		if addr := netip.MustParseAddr(hop); !addr.IsLinkLocalUnicast() {
			v.NextHops = append(v.NextHops, addr.Unmap().String())
		}
		for _, p := range a.Prefixes {
			v.Announced = append(v.Announced, netip.MustParsePrefix(p).Masked().String())
		}
	}
	v.Withdrawn, v.Announced, v.NextHops = sortedOnce(v.Withdrawn), sortedOnce(v.Announced), sortedOnce(v.NextHops)
	if len(v.Announced) == 0 {
		return v
	}
	v.Path, v.Origin, v.MED, v.Aggregator = jsonPath(o.Data.Path).String(), strings.ToLower(o.Data.Origin), o.Data.MED, o.Data.Aggregator
	for _, c := range o.Data.Community {
		v.Communities = append(v.Communities, c[0]<<16|c[1])
	}
	return v
}

func jsonPath(list []any) bgp.ASPath {
	var p bgp.ASPath
	for _, e := range list {
		if set, ok := e.([]any); ok {
			s := bgp.PathSegment{Type: bgp.ASSet}
			for _, n := range set {
				s.ASNs = append(s.ASNs, bgp.ASN(n.(float64)))
			}
			p = append(p, s)
			continue
		}
		if len(p) == 0 || p[len(p)-1].Type != bgp.ASSequence {
			p = append(p, bgp.PathSegment{Type: bgp.ASSequence})
		}
		last := &p[len(p)-1]
		last.ASNs = append(last.ASNs, bgp.ASN(e.(float64)))
	}
	return p
}
