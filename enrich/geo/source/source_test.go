package source

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// tryRead reads content and returns its rows as text.
func tryRead(content []byte) ([]string, Info, error) {
	var rows []string
	info, err := ReadFrom(bytes.NewReader(content), Visitor{
		Range: func(r Range) error {
			s := addressOf(r.Family, r.First) + "-" + addressOf(r.Family, r.Last)
			if r.Country != "" {
				s += " " + r.Country
			}
			if r.Region != "" {
				s += " " + r.Region
			}
			if r.ASN != 0 {
				s += " " + r.ASN.String()
			}
			if r.Organisation != "" {
				s += " " + r.Organisation
			}
			rows = append(rows, s)
			return nil
		},
		AS: func(a AS) error {
			rows = append(rows, fmt.Sprintf("%v-%v %s|%s|%s", a.First, a.Last, a.Name, a.Organisation, a.Country))
			return nil
		},
	})
	return rows, info, err
}

func addressOf(family bgp.Family, unit uint64) string {
	return prefixAt(family, unit, map[bgp.Family]int{bgp.IPv4: 32, bgp.IPv6: 64}[family]).Addr().String()
}

func read(t *testing.T, content []byte) ([]string, Info) {
	t.Helper()
	rows, info, err := tryRead(content)
	if err != nil {
		t.Fatalf("reading %.200q: %v", content, err)
	}
	return rows, info
}

func first(rows []string, _ Info) []string { return rows }

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func compress(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content string
		format        Format
		want          []string
	}{
		{
			"countries by range, a header, an unknown country, a quoted one", "start,end,country\n192.0.2.0,192.0.2.127,kp\n192.0.2.128,192.0.2.255,ZZ\n\"198.51.100.0\",\"198.51.100.255\",\"UK\"\n" +
				"2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,IR\r\n",
			FormatRanges,
			[]string{"192.0.2.0-192.0.2.127 KP", "192.0.2.128-192.0.2.255", "198.51.100.0-198.51.100.255 GB", "2001:db8::-2001:db8:ffff:ffff:: IR"},
		},
		{
			"countries by number", "3221225984,3221226239,FR\n42540766411282592856903984951653826560,42540766490510755371168322545197776895,DE\n",
			FormatRanges,
			[]string{"192.0.2.0-192.0.2.255 FR", "2001:db8::-2001:db8:ffff:ffff:: DE"},
		},
		{
			"ip-location-db cities: a code is a region, a name is none", "192.0.2.0,192.0.2.255,US,CA,,Los Angeles,,34.1,-118.2,\n198.51.100.0,198.51.100.255,US,California,,,,,,\n",
			FormatRanges,
			[]string{"192.0.2.0-192.0.2.255 US US-CA", "198.51.100.0-198.51.100.255 US"},
		},
		{
			"DB-IP cities: the continent NA is not Namibia", "192.0.2.0,192.0.2.255,NA,US,California,Los Angeles,34,-118\n198.51.100.0,198.51.100.255,AF,NA,Khomas,Windhoek,1,1\n",
			FormatRanges,
			[]string{"192.0.2.0-192.0.2.255 US", "198.51.100.0-198.51.100.255 NA"},
		},
		{
			"origins by range", "192.0.2.0,192.0.2.255,64496,\"Docs, \"\"Inc.\"\"\"\n198.51.100.0,198.51.100.255,AS64497,Two\n",
			FormatRanges,
			[]string{"192.0.2.0-192.0.2.255 AS64496 Docs, \"Inc.\"", "198.51.100.0-198.51.100.255 AS64497 Two"},
		},
		{
			"IPtoASN's own form", "192.0.2.0\t192.0.2.255\t64496\tUS\tDOCS - Documentation\n198.51.100.0\t198.51.100.255\t0\tNone\tNot routed\n",
			FormatRanges,
			[]string{"192.0.2.0-192.0.2.255 US AS64496 DOCS - Documentation", "198.51.100.0-198.51.100.255"},
		},
		{
			"pyasn", "; IP-ASN32-DAT file\n;\n192.0.2.0/24\t64496\n2001:db8::/32\t64497\n198.51.100.0/24\t{64496,64497}\n",
			FormatRanges,
			[]string{"192.0.2.0-192.0.2.255 AS64496", "2001:db8::-2001:db8:ffff:ffff:: AS64497", "198.51.100.0-198.51.100.255"},
		},
		{
			"prefix, origin, country", "# comment\n192.0.2.0/24\t0\tKP\t\n198.51.100.0/24\t64496\tCN\tis-anycast\n",
			FormatRanges,
			[]string{"192.0.2.0-192.0.2.255 KP", "198.51.100.0-198.51.100.255 CN AS64496 is-anycast"},
		},
		{
			"delegations", "2.3|apnic|20260101|4|19830613|20251231|+1000\napnic|*|asn|*|2|summary\napnic|*|ipv4|*|2|summary\n" +
				"apnic|KP|ipv4|192.0.2.0|768|20091208|assigned|A1\napnic||ipv4|198.51.100.0|256||available|\napnic|KP|asn|64496|2|20091208|allocated|A1\n" +
				"apnic|JP|ipv6|2001:db8::|32|20200101|allocated|A2\napnic|ZZ|ipv4|203.0.113.0|256|20200101|reserved|\n",
			FormatDelegated,
			[]string{"192.0.2.0-192.0.4.255 KP", "AS64496-AS64497 ||KP", "2001:db8::-2001:db8:ffff:ffff:: JP"},
		},
		{
			"names as JSON", `{"64496": "DOC-1 Documentation One, KP", "64497": "DOC-2 - Documentation, Two", "64498": "DOC-3", "64499": "The Three of us, FR"}`,
			FormatNames,
			[]string{
				"AS64496-AS64496 DOC-1|Documentation One|KP", "AS64497-AS64497 DOC-2|Documentation, Two|", "AS64498-AS64498 DOC-3||",
				"AS64499-AS64499 The Three of us|The Three of us|FR",
			},
		},
		{
			"names as rows", "# asn\tname\n64496\tDOC-1\n64497\tThe Documentation\n", FormatNames,
			[]string{"AS64496-AS64496 DOC-1||", "AS64497-AS64497 The Documentation|The Documentation|"},
		},
		{"names as the RIPE NCC writes them", "64496 DOC-1 Documentation One, KP\n", FormatNames, []string{"AS64496-AS64496 DOC-1|Documentation One|KP"}},
		{"half a /64 is all of it", "2001:db8::1,2001:db8::2,KP\n", FormatRanges, []string{"2001:db8::-2001:db8:: KP"}},
		{"an IPv4-mapped address", "::ffff:192.0.2.0,::ffff:192.0.2.255,KP\n", FormatRanges, []string{"192.0.2.0-192.0.2.255 KP"}},
	}
	for _, test := range tests {
		for _, content := range [][]byte{[]byte(test.content), compress(t, []byte(test.content))} {
			got, info := read(t, content)
			compare(t, test.name, got, test.want)
			if info.Format != test.format || len(info.Hash) != 64 {
				t.Errorf("%s: info = %+v, want %v and a hash", test.name, info, test.format)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("192.0.2.0,192.0.2.255,KP\n", 2000)
	packed := compress(t, []byte(good))
	tests := []struct {
		name    string
		content []byte
		want    error
	}{
		{"nothing", nil, ErrUnrecognised},
		{"text", []byte("Not found\n<html>\n"), ErrUnrecognised},
		{"binary", []byte("\x00\x01\x02\x03"), ErrUnrecognised},
		{"comments alone", []byte("# one\n; two\n"), ErrUnrecognised},
		{"a range of neither country nor AS", []byte("192.0.2.0,192.0.2.255,Atlantis\n"), ErrUnrecognised},
		{"a last address before the first", []byte("192.0.2.9,192.0.2.1,KP\n"), ErrUnrecognised},
		{"a gzip stream that ends too soon", packed[:len(packed)-20], ErrDamaged},
		{"many rows that are none", []byte(good + strings.Repeat("nonsense\n", 100)), ErrDamaged},
		{"a line without end", []byte(good + strings.Repeat("x", 200<<10)), ErrDamaged},
		{"JSON of something else", []byte(`{"a": {"b": 1}}`), ErrUnrecognised},
		{"JSON that ends too soon", []byte(`{"64496": "A, KP", "64497": "B`), ErrDamaged},
	}
	for _, test := range tests {
		if _, _, err := tryRead(test.content); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := Read(t.TempDir()+"/missing", Visitor{}); err == nil {
		t.Error("a missing file was read")
	}
	stop := errors.New("stop")
	if _, err := ReadFrom(strings.NewReader(good), Visitor{Range: func(Range) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("a visitor's error came back as %v", err)
	}
}

func TestEachPrefix(t *testing.T) {
	t.Parallel()
	tests := []struct {
		family      bgp.Family
		first, last uint64
		want        string
	}{
		{bgp.IPv4, 0xc0000200, 0xc00002ff, "192.0.2.0/24"},
		{bgp.IPv4, 0xc0000201, 0xc0000204, "192.0.2.1/32 192.0.2.2/31 192.0.2.4/32"},
		{bgp.IPv4, 0, 1<<32 - 1, "0.0.0.0/0"},
		{bgp.IPv4, 0xffffffff, 0xffffffff, "255.255.255.255/32"},
		{bgp.IPv6, 0x20010db800000000, 0x20010db8ffffffff, "2001:db8::/32"},
		{bgp.IPv6, 0x20010db800000000, 0x20010db800000002, "2001:db8::/63 2001:db8:0:2::/64"},
	}
	for _, test := range tests {
		var got []string
		EachPrefix(test.family, test.first, test.last, func(p netip.Prefix) { got = append(got, p.String()) })
		if strings.Join(got, " ") != test.want {
			t.Errorf("EachPrefix(%x, %x) = %v, want %s", test.first, test.last, got, test.want)
		}
		var space uint64
		EachPrefix(test.family, test.first, test.last, func(p netip.Prefix) { space += bgp.Space(p) })
		if space != test.last-test.first+1 {
			t.Errorf("EachPrefix(%x, %x) covers %d, want %d", test.first, test.last, space, test.last-test.first+1)
		}
	}
}

// FuzzRead reads every text format. The rows must be valid, and every row must come from the input.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"192.0.2.0,192.0.2.255,KP\n", "3221225984,3221226239,64496,\"Docs, Inc.\"\n", "; c\n192.0.2.0/24\t64496\n",
		"apnic|KP|ipv4|192.0.2.0|768|20091208|assigned|A1\napnic|KP|asn|64496|2|20091208|allocated\napnic|JP|ipv6|2001:db8::|32|20200101|allocated|A2\n",
		`{"64496": "DOC-1 Documentation One, KP"}`, "64496 DOC-1 Docs, KP\n", "192.0.2.0,192.0.2.255,NA,US,California\n",
		"42540766411282592856903984951653826560,42540766490510755371168322545197776895,DE\n",
	} {
		f.Add([]byte(s))
	}
	m := newMMDB()
	m.insert("192.0.2.0/24", map[string]any{"country_code": "KP"})
	f.Add(m.encode("t"))
	f.Fuzz(func(t *testing.T, content []byte) {
		rows := 0
		info, err := ReadFrom(bytes.NewReader(content), Visitor{
			Range: func(r Range) error {
				rows++
				if r.First > r.Last || (r.Family != bgp.IPv4 && r.Family != bgp.IPv6) || (r.Family == bgp.IPv4 && r.Last > 1<<32-1) {
					t.Errorf("range %+v", r)
				}
				if (r.Country != "" && bgp.CountryName(r.Country) == "") || (r.Region != "" && !strings.HasPrefix(r.Region, r.Country+"-")) {
					t.Errorf("place %q, %q", r.Country, r.Region)
				}
				if len(r.Organisation) > maxName {
					t.Errorf("a name of %d octets", len(r.Organisation))
				}
				return nil
			},
			AS: func(a AS) error {
				rows++
				if a.First > a.Last || (a.Country != "" && bgp.CountryName(a.Country) == "") {
					t.Errorf("AS %+v", a)
				}
				return nil
			},
		})
		if err == nil && (info.Rows == 0 || info.Hash == "") {
			t.Errorf("read without error: %+v", info)
		}
		if rows > info.Rows+1 {
			t.Errorf("%d rows visited, %d counted", rows, info.Rows)
		}
	})
}
